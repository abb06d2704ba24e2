//! `mqtap sub`: prints messages.

mod replay;

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::replay::Replay;
use super::{
    args::{RetainedArgs, SubArgs},
    exit::{Exit, Problem},
    format::Printer,
    link::{Link, Manner, News},
    notice::note,
    output::{self, Output},
    target::{self, Target},
    until_signal::until_signal,
};
use crate::{
    base::human,
    mqtt::{
        batch::Delivery,
        command::Command,
        error::Failure,
        event::Event,
        message::Qos,
        options::{Options, Subscription},
        session::Session,
        topic,
    },
};

/// Runs the verb.
///
/// # Errors
///
/// Returns why it could not begin, or had to end.
pub(super) fn run(args: SubArgs) -> Result<Exit, Problem> {
    if args.time.is_some() && !args.format.has_time() {
        return Err(Problem::usage("this format has no time").hint("--time goes with text, json or a template with {time}"));
    }
    let needs_v5 = args.needs_v5().or(args.properties.needs_v5());
    let Target { mut options, changes_id, .. } = target::resolve(&args.target, &args.connect, needs_v5)?;
    options.user_properties.extend(args.properties.connect_user_properties.iter().cloned());
    if !args.filters.is_empty() {
        // Retain As Published is for who asks: then RETAIN tells what was kept from what is new.
        let plain = |filter: &String| Subscription { retain_as_published: false, ..Subscription::new(filter, Qos::AtMostOnce) };
        options.subscriptions = args.filters.iter().map(plain).collect();
    }
    options.subscriptions.iter_mut().for_each(|subscription| args.amend(subscription));
    options.unsubscribe.clone_from(&args.unsubscribe);
    if options.subscriptions.is_empty() && options.unsubscribe.is_empty() {
        return Err(Problem::usage("nothing to subscribe to").hint("name a filter, such as 'plant/#', after the target"));
    }
    if args.mending.no_reconnect {
        options.reconnect = None;
    }
    let trace = args.trace.open()?;
    until_signal(move |stop| async move {
        let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
        let mut tap = Tap::new(&args, &options);
        let mut link = Link::open(options, trace.as_ref(), Manner { quiet: args.mending.quiet, changes_id })?;
        let ended = tap.run(&mut link, deadline, &stop).await;
        let written = tap.output.flush();
        link.close().await;
        written.and(ended)
    })
}

impl SubArgs {
    /// Returns the first option given that only MQTT 5 can carry.
    fn needs_v5(&self) -> Option<&'static str> {
        if self.no_local {
            Some("--no-local")
        } else if self.subscription_identifier.is_some() {
            Some("--subscription-identifier")
        } else if self.retained.retain_as_published {
            Some("--retain-as-published")
        } else {
            self.retained.retain_handling.map(|_| "--retain-handling")
        }
    }

    /// Puts what was given over what the profile says.
    fn amend(&self, subscription: &mut Subscription) {
        let RetainedArgs { no_retained, retain_handling, retain_as_published, retained_only } = self.retained;
        // With QoS 0, what is retained comes without acknowledgements that it would have to wait for.
        let qos = if retained_only { Qos::AtMostOnce } else { subscription.qos };
        subscription.qos = self.qos.unwrap_or(qos);
        subscription.no_local |= self.no_local;
        subscription.identifier = self.subscription_identifier.or(subscription.identifier);
        if retain_as_published {
            subscription.retain_as_published = true;
        } else if no_retained || retained_only {
            // With the flag as it was published, a new message could not be told from one that was kept.
            subscription.retain_as_published = false;
        }
        subscription.retain_handling = match retain_handling {
            // Not sent is better than sent and thrown away, where the broker can do that.
            None if no_retained => 2,
            None if retained_only => 0,
            given => given.unwrap_or(subscription.retain_handling),
        };
    }
}

/// What is printed, what was, and what the broker granted.
struct Tap {
    printer: Printer,
    output: Output,
    retained: Retained,
    /// Where what is retained stands, where nothing else is wanted.
    replay: Option<Replay>,
    /// Filters of topics that are not printed.
    exclude: Vec<String>,
    /// Messages still to print, where there is an end.
    left: Option<u64>,
    /// Whether a message was printed.
    has_printed: bool,
    quiet: bool,
    /// Filters that the broker has not answered yet.
    unanswered: usize,
    /// Filters whose end it has not confirmed yet.
    unsubscribing: usize,
    /// Whether a filter was granted.
    granted: bool,
    /// How long it goes on, where that has an end.
    waits: Option<Duration>,
}

/// Which messages are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retained {
    Both,
    Only,
    None,
}

impl Tap {
    fn new(args: &SubArgs, options: &Options) -> Self {
        let escaped = output::is_terminal() && !args.raw;
        let mut printer = Printer::new(args.format.clone(), escaped).separated(args.separator);
        if let Some(time) = &args.time {
            printer = printer.timed(time.clone(), TimeZone::system());
        }
        let filters = options.subscriptions.len();
        Self {
            printer,
            output: Output::default(),
            retained: Retained::of(args.retained),
            replay: (args.retained.retained_only && filters > 0).then(|| Replay::new(filters)),
            exclude: args.exclude.clone(),
            left: args.count,
            has_printed: false,
            quiet: args.mending.quiet,
            unanswered: filters,
            unsubscribing: options.unsubscribe.len(),
            granted: false,
            waits: args.timeout,
        }
    }

    /// Prints until the count is reached, the time runs out, or it is told to stop.
    async fn run(&mut self, link: &mut Link, deadline: Option<Instant>, stop: &CancellationToken) -> Result<Exit, Problem> {
        let Link { session, news } = link;
        let timeout = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let reader_gone = output::reader_gone();
        tokio::pin!(timeout, reader_gone);
        loop {
            let ends = self.replay.as_ref().and_then(Replay::ends);
            let mut event = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Exit::Done),
                () = &mut timeout => return self.late(news),
                exit = &mut reader_gone => return Ok(exit),
                event = news.next() => event?,
                () = sleep_until(ends.unwrap_or_else(Instant::now)), if ends.is_some() => return Ok(Exit::Done),
            };
            loop {
                if self.take(event, session, news)? {
                    return Ok(Exit::Done);
                }
                if self.output.is_full() {
                    break;
                }
                match news.try_next()? {
                    Some(next) => event = next,
                    None => break,
                }
            }
            self.output.flush()?;
        }
    }

    /// Without a count the end of the time was asked for, and needs no words where messages came.
    fn late(&self, news: &News) -> Result<Exit, Problem> {
        if let Some(problem) = self.waits.and_then(|waits| news.late(waits)) {
            return Err(problem);
        }
        let (said, hint) = match self.left {
            Some(0) => ("the time ran out before the broker had answered to every filter".to_owned(), ""),
            Some(left) => (format!("the time ran out with {} to come", human::counted(left, "more message")), ""),
            None if self.has_printed || self.quiet => return Ok(Exit::TimedOut),
            None => ("no message came in that time".to_owned(), "is the filter right, and may this user read it?"),
        };
        Err(Problem::new(Exit::TimedOut, said).hint(hint))
    }

    /// Takes one event in, and returns `true` if the end is reached.
    fn take(&mut self, event: Event, session: &Session, news: &News) -> Result<bool, Problem> {
        match event {
            Event::Messages(batch) => {
                for message in &batch {
                    if self.retained.admits(message.retain) && self.print(message)? {
                        return Ok(true);
                    }
                    if let Some(replay) = &mut self.replay
                        && replay.message(message.retain, Instant::now())
                    {
                        return Ok(true);
                    }
                }
            }
            Event::Subscribed { filter, outcome } => {
                self.answered(&filter, outcome)?;
                let (connection, welcome) = news.connection();
                if let Some(replay) = &mut self.replay
                    && replay.answered(connection, welcome)
                {
                    // Without a connection there is nobody to answer, and the next one begins with SUBSCRIBE.
                    let _ = session.command(Command::Ping);
                }
            }
            Event::Unsubscribed { filter, outcome } => {
                self.unsubscribing = self.unsubscribing.saturating_sub(1);
                if let Err(failure) = outcome {
                    note(&Problem::of(&format!("unsubscribe from {filter}"), &failure).text);
                }
            }
            Event::RoundTrip(_) => {
                if let Some(replay) = &mut self.replay {
                    replay.pong(Instant::now());
                }
            }
            Event::Status(_)
            | Event::Lost(_)
            | Event::Lag(_)
            | Event::Skipped(_)
            | Event::Settled { .. }
            | Event::Reauthenticated(_)
            | Event::Packets(_) => {}
        }
        Ok(self.left == Some(0) && self.unanswered == 0 && self.unsubscribing == 0)
    }

    /// Prints a message unless its topic is left out; returns `true` if it was the last one.
    fn print(&mut self, message: Delivery<'_>) -> Result<bool, Problem> {
        if self.left == Some(0) || self.exclude.iter().any(|filter| topic::matches(filter, message.topic)) {
            return Ok(false);
        }
        self.has_printed = true;
        self.printer.write(message, &mut self.output.buffer);
        if self.output.is_full() {
            self.output.flush()?;
        }
        let Some(left) = self.left else { return Ok(false) };
        self.left = Some(left - 1);
        Ok(left == 1)
    }

    /// Notes what the broker says to a filter; it is an error when no filter is left.
    fn answered(&mut self, filter: &str, outcome: Result<Qos, Failure>) -> Result<(), Problem> {
        let first = self.unanswered > 0;
        self.unanswered = self.unanswered.saturating_sub(1);
        match outcome {
            Ok(_) => self.granted = true,
            Err(failure) => {
                let problem = Problem::of(&format!("subscribe to {filter}"), &failure);
                if first && self.unanswered == 0 && !self.granted {
                    return Err(problem);
                }
                note(&problem.text);
            }
        }
        Ok(())
    }
}

impl Retained {
    fn of(args: RetainedArgs) -> Self {
        if args.retained_only {
            Self::Only
        } else if args.no_retained && !args.retain_as_published {
            Self::None
        } else {
            // With Retain As Published the flag says nothing about age; Retain Handling keeps the old ones away.
            Self::Both
        }
    }

    fn admits(self, is_retained: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Only => is_retained,
            Self::None => !is_retained,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::reason::Reason;

    #[test]
    fn retained_messages_are_told_by_their_flag() {
        assert!(Retained::Both.admits(true) && Retained::Both.admits(false));
        assert!(Retained::Only.admits(true) && !Retained::Only.admits(false));
        assert!(!Retained::None.admits(true) && Retained::None.admits(false));
    }

    fn tap(filters: usize) -> Tap {
        Tap {
            printer: Printer::new(crate::cli::format::Format::Text, false),
            output: Output::default(),
            retained: Retained::Both,
            replay: None,
            exclude: Vec::new(),
            left: None,
            has_printed: false,
            quiet: false,
            unanswered: filters,
            unsubscribing: 0,
            granted: false,
            waits: None,
        }
    }

    fn denied() -> Result<Qos, Failure> {
        Err(Failure::Denied { reason: Reason(0x87), text: String::new() })
    }

    #[test]
    fn it_is_an_error_only_when_every_filter_is_refused() {
        let mut none = tap(2);
        assert!(none.answered("a", denied()).is_ok());
        assert_eq!(none.answered("b", denied()).map_err(|problem| problem.exit), Err(Exit::Denied));
        let mut one = tap(2);
        assert!(one.answered("a", Ok(Qos::AtMostOnce)).is_ok() && one.answered("b", denied()).is_ok());
    }

    #[test]
    fn a_filter_that_is_refused_later_is_only_noted() {
        let mut tap = tap(1);
        assert!(tap.answered("a", Ok(Qos::AtMostOnce)).is_ok() && tap.answered("a", denied()).is_ok());
    }

    #[test]
    fn retain_as_published_leaves_the_choice_to_the_broker() {
        let args = RetainedArgs { no_retained: true, retain_as_published: true, ..RetainedArgs::default() };
        assert_eq!(Retained::of(args), Retained::Both);
    }
}
