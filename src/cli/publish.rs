//! `mqtap pub`: publishes, and waits until the broker has taken everything.

mod source;
mod tally;

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::{source::Source, tally::Tally};
use super::{
    args::{PubArgs, PublishPropertyArgs},
    confirm::confirm,
    exit::{Exit, Problem},
    link::{Link, Manner, News},
    notice::note,
    target::{self, Target},
    until_signal::until_signal,
};
use crate::{
    base::{human, text},
    mqtt::{
        command::{Command, Token},
        error::Failure,
        event::Event,
        message::{Message, Properties},
        session::Session,
    },
};

/// The most messages that may wait for their acknowledgement; then the next waits.
const WINDOW: u32 = 1_000;

/// The longest that the broker may take over a single message, unless the user says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the verb.
///
/// # Errors
///
/// Returns why it could not begin, or why not everything was taken.
pub(super) fn run(args: &PubArgs) -> Result<Exit, Problem> {
    if args.reads_stdin() && args.connect.reads_stdin() {
        return Err(Problem::usage("standard input cannot hold both the password and the payload"));
    }
    if args.topic.chars().any(text::is_hostile) {
        note("the topic holds control characters: a broker may drop the message, or close the connection");
    }
    let Target { mut options, read_only, changes_id, protect } =
        target::resolve(&args.target, &args.connect, args.properties.needs_v5())?;
    if read_only {
        return Err(Problem::new(Exit::Denied, format!("the profile {} is read-only", args.target)));
    }
    if protect && !args.yes {
        let question = format!("publish to {} on {}, which is protected?", args.topic, args.target);
        confirm(&question, "nothing was published")?;
    }
    let source = Source::open(args)?;
    let message = message(args);
    let tally = Tally::new(message.topic.clone(), source.is_one());
    let is_endless = args.lines || args.repeat.is_some();
    let patience = args.timeout.or((!is_endless).then_some(PATIENCE));
    if args.mending.no_reconnect {
        options.reconnect = None;
    }
    let manner = Manner { quiet: args.mending.quiet, changes_id };
    let trace = args.trace.open()?;
    until_signal(move |stop| async move {
        let link = Link::open(options, trace.as_ref(), manner)?;
        let (window, tally, fed) = (Semaphore::new(WINDOW as usize), RefCell::new(tally), Cell::new(false));
        let mut publisher = Publisher { link, message, patience, window, tally, fed };
        let ended = publisher.publish(source, &stop).await;
        let Publisher { link, tally, .. } = publisher;
        link.close().await;
        if let Err(problem) = &ended
            && problem.exit == Exit::TimedOut
        {
            return Err(problem.clone());
        }
        tally.into_inner().verdict().and(ended).map(|()| Exit::Done)
    })
}

impl PubArgs {
    /// Returns `true` if standard input holds what is published.
    fn reads_stdin(&self) -> bool {
        self.payload.is_none() && self.file.as_deref().is_none_or(|file| file == "-")
    }
}

/// Makes the message of the arguments, without its payload.
fn message(args: &PubArgs) -> Message {
    let properties = args.properties.to_properties();
    Message {
        topic: args.topic.as_str().into(),
        qos: args.qos,
        retain: args.retain,
        properties: (!properties.is_empty()).then(|| Box::new(properties)),
        ..Message::default()
    }
}

impl PublishPropertyArgs {
    /// Returns the first option given that only MQTT 5 can carry.
    fn needs_v5(&self) -> Option<&'static str> {
        let given = [
            (self.content_type.is_some(), "--content-type"),
            (self.response_topic.is_some(), "--response-topic"),
            (self.correlation_data.is_some(), "--correlation-data"),
            (self.message_expiry.is_some(), "--message-expiry"),
            (self.payload_format.is_some(), "--payload-format"),
            (self.topic_alias.is_some(), "--topic-alias"),
            (!self.user_properties.is_empty(), "--user-property"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    fn to_properties(&self) -> Properties {
        Properties {
            payload_format: self.payload_format,
            message_expiry: self.message_expiry,
            topic_alias: self.topic_alias,
            response_topic: self.response_topic.clone(),
            correlation_data: self.correlation_data.clone().map(Bytes::from),
            user_properties: self.user_properties.clone(),
            content_type: self.content_type.clone(),
            ..Properties::default()
        }
    }
}

/// What publishes, and what becomes of it.
struct Publisher {
    link: Link,
    /// The message, whose payload comes from elsewhere.
    message: Message,
    /// The longest that a message may wait while none is settled; `None` without an end.
    patience: Option<Duration>,
    /// Room for messages that are not settled.
    window: Semaphore,
    /// Shared by who hands messages in and who hears what became of them, both on one task.
    tally: RefCell<Tally>,
    /// Whether the last message was handed in.
    fed: Cell<bool>,
}

impl Publisher {
    /// Publishes everything and returns when all of it has come to its end, good or bad.
    async fn publish(&mut self, source: Source, stop: &CancellationToken) -> Result<(), Problem> {
        let Self { link: Link { session, news }, message, patience, window, tally, fed } = self;
        let online = news.online();
        let way = Way { session, message, patience: *patience, window, tally, fed };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            broken = way.settle(news, online.clone()) => broken,
            fed = way.feed(online, source) => fed,
        }
    }
}

/// The way to the broker.
#[derive(Clone, Copy)]
struct Way<'a> {
    session: &'a Session,
    message: &'a Message,
    patience: Option<Duration>,
    window: &'a Semaphore,
    tally: &'a RefCell<Tally>,
    fed: &'a Cell<bool>,
}

impl Way<'_> {
    /// Hands on every message while there is a connection, and ends when the last one is settled.
    async fn feed(self, mut online: watch::Receiver<bool>, mut source: Source) -> Result<(), Problem> {
        while let Some(payload) = source.next().await? {
            let token = self.tally.borrow_mut().hand_in(payload.clone(), Instant::now());
            self.window.acquire().await.expect("the semaphore is never closed").forget();
            // Without a sender the link is being closed, and this future with it.
            let _ = online.wait_for(|up| *up).await;
            self.session.send(self.command(token, payload)).await.map_err(|failure| self.problem(&failure))?;
        }
        self.fed.set(true);
        let _all = self.window.acquire_many(WINDOW).await.expect("the semaphore is never closed");
        Ok(())
    }

    /// Takes note of what has come to its end, and makes room for as many; ends when there is nothing more to come, when the
    /// connection is given up, or when the broker takes too long.
    async fn settle(self, news: &mut News, mut online: watch::Receiver<bool>) -> Result<(), Problem> {
        let mut looks_at = Instant::now();
        // What happens to the connection behind the last message is of no interest.
        while !(self.fed.get() && self.tally.borrow().is_settled()) {
            let has_unsent = self.tally.borrow().has_unsent();
            let event = tokio::select! {
                biased;
                event = news.next() => event?,
                () = sleep_until(looks_at), if self.patience.is_some() => {
                    looks_at = self.waits_until(news)?;
                    continue;
                }
                up = online.wait_for(|up| *up), if has_unsent => {
                    drop(up);
                    self.send_again()?;
                    continue;
                }
            };
            match event {
                // It met with a loss that nobody here had heard of, and never left.
                Event::Settled { token, outcome: Err(Failure::Offline) } => self.tally.borrow_mut().was_not_sent(token),
                Event::Settled { token, outcome } => {
                    if let Some(said) = self.tally.borrow_mut().settle(token, outcome.err(), Instant::now()) {
                        note(&said);
                    }
                    self.window.add_permits(1);
                }
                Event::Status(_)
                | Event::Messages(_)
                | Event::Lost(_)
                | Event::Lag(_)
                | Event::Skipped(_)
                | Event::Subscribed { .. }
                | Event::Unsubscribed { .. }
                | Event::Reauthenticated(_)
                | Event::RoundTrip(_)
                | Event::Packets(_) => {}
            }
        }
        Ok(())
    }

    /// Returns when the broker will have taken too long, unless it settles a message before.
    fn waits_until(self, news: &News) -> Result<Instant, Problem> {
        let now = Instant::now();
        let patience = self.patience.unwrap_or(PATIENCE);
        let tally = self.tally.borrow();
        match tally.waits_since().map(|since| since + patience) {
            // Without a message that waits, there is nothing to be late with.
            None => Ok(now + patience),
            Some(until) if until > now => Ok(until),
            Some(_) => {
                let progress = tally.progress(self.message.qos);
                let problem = news.late(patience).unwrap_or_else(|| {
                    let text = format!(
                        "publish to {}: no answer from the broker within {}",
                        self.message.topic,
                        human::duration(patience)
                    );
                    Problem::new(Exit::TimedOut, text).hint("-W waits longer")
                });
                Err(Problem { exit: Exit::TimedOut, text: format!("{}; {progress}", problem.text), ..problem })
            }
        }
    }

    /// Hands in again what was not sent; the session has room for a whole window.
    fn send_again(self) -> Result<(), Problem> {
        for (token, payload) in self.tally.borrow_mut().take_unsent() {
            self.session.command(self.command(token, payload)).map_err(|failure| self.problem(&failure))?;
        }
        Ok(())
    }

    fn command(self, token: Token, payload: Bytes) -> Command {
        Command::Publish { token, message: Message { payload, ..self.message.clone() } }
    }

    fn problem(self, failure: &Failure) -> Problem {
        Problem::of(&self.message.topic, failure)
    }
}
