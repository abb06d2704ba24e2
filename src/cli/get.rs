//! `mqtap get`: prints the payload of the first message.

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    args::GetArgs,
    exit::{Exit, Problem},
    format::push,
    link::{Link, Manner, News},
    output::{self, Output},
    target::{self, Target},
    until_signal::until_signal,
};
use crate::{
    base::human,
    mqtt::{event::Event, message::Message, options::Subscription, skips},
};

/// Runs the verb.
///
/// # Errors
///
/// Returns why there is no payload.
pub(super) fn run(args: GetArgs) -> Result<Exit, Problem> {
    let Target { mut options, changes_id, .. } = target::resolve(&args.target, &args.connect, args.properties.needs_v5())?;
    options.user_properties.extend(args.properties.connect_user_properties.iter().cloned());
    options.subscriptions = vec![Subscription::new(&args.topic, args.qos)];
    let trace = args.trace.open()?;
    until_signal(move |stop: CancellationToken| async move {
        let mut link = Link::open(options, trace.as_ref(), Manner { changes_id, ..Manner::default() })?;
        let got = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(Exit::Done),
            got = timeout(args.timeout, first(&mut link.news, &args.topic)) => match got {
                Ok(message) => message.and_then(|message| print(&message, args.raw)),
                Err(_) => Err(link.news.late(args.timeout).unwrap_or_else(|| late(&args, &link.news))),
            },
        };
        link.close().await;
        got
    })
}

async fn first(news: &mut News, filter: &str) -> Result<Message, Problem> {
    loop {
        match news.next().await? {
            Event::Messages(batch) => {
                if let Some(received) = batch.into_iter().next() {
                    return Ok(received.message);
                }
            }
            Event::Subscribed { outcome: Err(failure), .. } => {
                return Err(Problem::of(&format!("subscribe to {filter}"), &failure));
            }
            Event::Subscribed { outcome: Ok(_), .. }
            | Event::Status(_)
            | Event::Lost(_)
            | Event::Lag(_)
            | Event::Skipped(_)
            | Event::Unsubscribed { .. }
            | Event::Settled { .. }
            | Event::Reauthenticated(_)
            | Event::RoundTrip(_)
            | Event::Packets(_) => {}
        }
    }
}

fn print(message: &Message, raw: bool) -> Result<Exit, Problem> {
    let escaped = output::is_terminal() && !raw;
    let mut output = Output::default();
    push(&message.payload, escaped, &mut output.buffer);
    if escaped {
        output.buffer.push(b'\n');
    }
    output.flush().map(|()| Exit::Done)
}

fn late(args: &GetArgs, news: &News) -> Problem {
    let text = format!("no message on {} within {}", args.topic, human::duration(args.timeout));
    // That one was passed over was said.
    let hint = if news.has_skipped() {
        skips::HINT
    } else {
        "is the topic right, is a message retained, and is it within --max-packet-size? -W waits longer"
    };
    Problem::new(Exit::TimedOut, text).hint(hint)
}
