//! The session of a verb: the first connection counts, later losses are noted and mended.

use std::time::Duration;

use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    watch,
};

use super::{
    exit::{Exit, Problem},
    kept::Kept,
    notice::note,
};
use crate::{
    base::{clock::Clock, human, text},
    mqtt::{
        conversation::leave,
        error::Failure,
        event::{Event, Receipt, Status, Welcome},
        options::{Options, Overflow, Protocol, Will},
        session::Session,
        skips::{self, Skips},
        topic,
    },
    record::trace::Trace,
    wire::{dial::Stage, endpoint::Endpoint},
};

/// Events that may wait for the verb; then the session waits, and with it the broker.
const EVENTS: usize = 64;

/// How long the goodbye to the broker may take.
const GOODBYE: Duration = Duration::from_millis(1_200);

/// How a verb goes about its session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether nothing is said of changes of the connection that are mended.
    pub(super) quiet: bool,
    /// Whether the Client Identifier is another one in each run.
    pub(super) changes_id: bool,
}

/// A session, and what it tells.
pub(super) struct Link {
    /// Takes commands.
    pub(super) session: Session,
    /// Tells what happens.
    pub(super) news: News,
}

/// What happens in a session, with the changes of the connection taken care of.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that was seen or said")]
pub(super) struct News {
    events: mpsc::Receiver<Event>,
    clock: Clock,
    /// The broker as errors name it.
    broker: String,
    /// Where it should be, before any fallback.
    first: Endpoint,
    will: Option<Will>,
    /// The version of the connection.
    protocol: Protocol,
    manner: Manner,
    /// What was asked for about the session.
    kept: Kept,
    /// Whether a connection that is lost is not made again.
    stays_lost: bool,
    /// What the broker said to the last CONNECT that it accepted.
    welcome: Option<Box<Welcome>>,
    /// How many connections there were.
    connections: u64,
    /// Whether the first connection was made.
    was_online: bool,
    /// Whether it was said that the broker confirms a lower QoS.
    was_lowered: bool,
    /// Whether a shared subscription was remarked on.
    remarked: bool,
    /// What the attempt to connect is doing, where one is under way.
    stage: Option<Stage>,
    /// The longest that an attempt takes.
    patience: Duration,
    online: watch::Sender<bool>,
    /// What was over the limit.
    skips: Skips,
}

impl Link {
    /// Starts to connect; nothing of what arrives will be let go. With a trace, packets are written down there.
    ///
    /// # Errors
    ///
    /// Fails when the trace cannot be written.
    pub(super) fn open(mut options: Options, trace: Option<&Trace>, manner: Manner) -> Result<Self, Problem> {
        options.overflow = Overflow::Wait;
        options.packets = trace.is_some();
        let clock = Clock::start();
        let broker = options.endpoint.authority();
        let (sender, mut events) = mpsc::channel(EVENTS);
        if let Some(trace) = trace {
            let failed = |error| note(&format!("the trace ends: {error}"));
            let followed = trace.follow("", move || clock.now(), events, EVENTS, failed);
            events = followed.map_err(|error| Problem::new(Exit::Other, format!("cannot trace: {error}")))?;
        }
        let first = options.endpoint.clone();
        let news = News {
            events,
            clock,
            broker,
            first,
            will: options.will.clone(),
            protocol: options.protocol,
            manner,
            kept: Kept::of(&options, manner.changes_id),
            stays_lost: options.reconnect.is_none(),
            welcome: None,
            connections: 0,
            was_online: false,
            was_lowered: false,
            remarked: false,
            stage: None,
            patience: options.connect_timeout,
            online: watch::Sender::new(false),
            skips: Skips::default(),
        };
        Ok(Self { session: Session::start(options, clock, sender), news })
    }

    /// Says goodbye, so that no will is published, and waits for the end of the session, but not for ever.
    pub(super) async fn close(self) {
        let Self { session, mut news } = self;
        if let Some(said) = news.skips.rest() {
            news.note_skips(&said);
        }
        if let Some(Err(error)) = leave(session, news.events, GOODBYE).await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl News {
    /// Returns what tells whether the connection is up.
    pub(super) fn online(&self) -> watch::Receiver<bool> {
        self.online.subscribe()
    }

    /// Returns the number of the connection, from 1 on, and what the broker said to its CONNECT.
    pub(super) fn connection(&self) -> (u64, Option<&Welcome>) {
        (self.connections, self.welcome.as_deref())
    }

    /// Tells whether a message over the limit was passed over.
    pub(super) fn has_skipped(&self) -> bool {
        self.skips.total().0 > 0
    }

    /// Returns the problem of a verb whose time is over while there is no connection; nothing where there is one.
    pub(super) fn late(&self, waited: Duration) -> Option<Problem> {
        if *self.online.borrow() {
            return None;
        }
        let again = if self.was_online { " again" } else { "" };
        let stage = self.stage.map(|stage| format!(" ({stage})")).unwrap_or_default();
        let text = format!("{}: not connected{again} yet after {}{stage}", self.broker, human::duration(waited));
        // An attempt that had all of its time has failed, whether or not its own timer was the first.
        let (exit, hint) = if self.was_online || waited < self.patience {
            (Exit::TimedOut, "-W waits longer; mqtap doctor tells where it is stuck")
        } else {
            (Exit::Unreachable, "mqtap doctor tells where it is stuck")
        };
        Some(Problem::new(exit, text).hint(hint))
    }

    /// Waits for the next thing that happens besides changes of the connection, which are noted.
    ///
    /// # Errors
    ///
    /// Returns why the first connection failed, or why no other attempt is made.
    pub(super) async fn next(&mut self) -> Result<Event, Problem> {
        loop {
            let event = self.events.recv().await.ok_or_else(ended)?;
            if let Some(event) = self.sift(event)? {
                return Ok(event);
            }
        }
    }

    /// Returns what has already happened, as [`News::next`] does.
    ///
    /// # Errors
    ///
    /// As [`News::next`].
    pub(super) fn try_next(&mut self) -> Result<Option<Event>, Problem> {
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    if let Some(event) = self.sift(event)? {
                        return Ok(Some(event));
                    }
                }
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(ended()),
            }
        }
    }

    fn sift(&mut self, event: Event) -> Result<Option<Event>, Problem> {
        match event {
            Event::Status(status) => self.settle(status).map(|()| None),
            Event::Lost(n) => {
                note(&format!("{} lost", human::counted(n, "message")));
                Ok(None)
            }
            Event::Skipped(skipped) => {
                if let Some(said) = self.skips.take(skipped, self.clock.now()) {
                    self.note_skips(&said);
                }
                Ok(None)
            }
            // What reads more slowly than it is sent slows the broker, and means to.
            Event::Lag(_) | Event::Packets(_) => Ok(None),
            Event::Settled { outcome: Ok(Receipt { lowered_to: Some(_), .. }), .. } if !self.was_lowered => {
                self.was_lowered = true;
                self.remark(&format!("{}: the broker confirmed QoS 2 as QoS 1", self.broker));
                Ok(Some(event))
            }
            Event::Subscribed { ref filter, outcome: Ok(_) } => {
                self.remark_on_sharing(filter);
                Ok(Some(event))
            }
            Event::Messages(_)
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::Settled { .. }
            | Event::Reauthenticated(_)
            | Event::RoundTrip(_) => Ok(Some(event)),
        }
    }

    /// Says once what a shared subscription may mean to a broker before MQTT 5.
    fn remark_on_sharing(&mut self, filter: &str) {
        if let Some(said) = topic::shared_before_v5(filter, self.protocol).filter(|_| !self.remarked) {
            self.remarked = true;
            self.remark(&format!("{}: {}: {said}", self.broker, text::line(filter, 60)));
        }
    }

    fn note_skips(&self, said: &str) {
        note(&format!("{}: {said}; {}", self.broker, skips::HINT));
    }

    fn settle(&mut self, status: Status) -> Result<(), Problem> {
        match status {
            Status::Connecting { stage, .. } => {
                self.stage = Some(stage);
                Ok(())
            }
            Status::Online(welcome) => {
                self.stage = None;
                self.greet(&welcome);
                self.welcome = Some(welcome);
                Ok(())
            }
            Status::Waiting { until, cause, .. } if self.was_online => {
                self.online.send_replace(false);
                self.stage = None;
                let wait = human::span(until.since(self.clock.now()));
                self.remark(&format!("{}; trying again in {wait}", named(&self.broker, &cause)));
                if let Failure::Idle { times: 2, .. } = &*cause {
                    self.remark(&format!("hint: {}", cause.hint()));
                }
                Ok(())
            }
            Status::Waiting { cause, .. } | Status::Failed { cause } => {
                let problem = Problem::of(&self.broker, &cause);
                // Nothing was asked of the broker yet, so that it is the options that nobody can connect with.
                let exit = if !self.was_online && matches!(&*cause, Failure::Invalid(_)) {
                    Exit::Usage
                } else if self.was_online && self.stays_lost && !cause.is_final() {
                    // Another try would be right, and whoever started this makes it.
                    Exit::Unreachable
                } else {
                    problem.exit
                };
                Err(Problem { exit, ..problem })
            }
            Status::Closed => Err(ended()),
        }
    }

    fn greet(&mut self, welcome: &Welcome) {
        self.protocol = welcome.protocol;
        if self.was_online {
            self.remark(&format!("{}: connected again", self.broker));
        } else if let Some(why) = welcome.step_down {
            self.remark(&format!("{}: {why}; connected with {}", self.broker, welcome.protocol));
        }
        if !self.was_online
            && let Some(said) = self.kept.fault(welcome.protocol, welcome.properties.session_expiry)
        {
            note(&format!("{}: {said}", self.broker));
        }
        if !self.was_online
            && let Some(said) = self.will.as_ref().and_then(|will| will.left_out(welcome.protocol))
        {
            note(&format!("{}: {said}", self.broker));
        }
        if welcome.session_lost {
            note(&format!("{}: the broker has lost the session: what was queued for this client is gone", self.broker));
        }
        if welcome.endpoint != self.first {
            self.remark(&format!("{}: connected to the fallback {}", self.broker, welcome.endpoint));
        }
        self.was_online = true;
        self.connections += 1;
        self.online.send_replace(true);
    }

    /// Says what is of interest to who looks on.
    fn remark(&self, said: &str) {
        if !self.manner.quiet {
            note(said);
        }
    }
}

/// Says why a connection ended, with the broker named once.
fn named(broker: &str, cause: &Failure) -> String {
    let cause = cause.to_string();
    if cause.contains(broker) { cause } else { format!("{broker}: {cause}") }
}

fn ended() -> Problem {
    Problem::new(Exit::Other, "the session ended by itself")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{error::WireError, websocket::cause::WebSocketCause};

    #[test]
    fn an_address_is_said_once() {
        let lost = Failure::Wire(WireError::WebSocket { at: "h:80".into(), cause: WebSocketCause::Text });
        assert_eq!(named("h:80", &lost).matches("h:80").count(), 1, "{}", named("h:80", &lost));
        assert!(named("h:1883", &Failure::Closed { during: None }).starts_with("h:1883: "));
    }
}
