//! A session as a dialogue: what is asked of the broker is waited for, and the end of the connection is an error.

use std::time::Duration;

use tokio::{sync::mpsc, task::JoinError, time::timeout};

use super::{
    command::Command,
    error::Failure,
    event::{Event, Status, Welcome},
    message::Qos,
    options::{Options, Subscription},
    session::Session,
};
use crate::{base::clock::Clock, wire::dial::Dialed};

/// Events that may wait while nobody asks; messages beyond that are let go.
const EVENTS: usize = 64;

/// A session that does one thing after the other, and does not survive its connection.
#[derive(Debug)]
pub struct Conversation {
    session: Session,
    events: mpsc::Receiver<Event>,
}

impl Conversation {
    /// Starts to connect.
    #[must_use]
    pub fn start(options: Options, clock: Clock) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        Self { session: Session::start(options, clock, sender), events }
    }

    /// Starts to connect on a stream that is open already; every event passes through the receiver that `follow` makes, such as
    /// that of a trace.
    ///
    /// # Errors
    ///
    /// Returns the error of `follow`.
    pub fn start_on<E>(
        dialed: Dialed,
        options: Options,
        clock: Clock,
        follow: impl FnOnce(mpsc::Receiver<Event>) -> Result<mpsc::Receiver<Event>, E>,
    ) -> Result<Self, E> {
        let (sender, events) = mpsc::channel(EVENTS);
        let events = follow(events)?;
        Ok(Self { session: Session::start_on(Some(dialed), options, clock, sender), events })
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// Returns why there is no connection any more.
    pub async fn next(&mut self) -> Result<Event, Failure> {
        match self.events.recv().await {
            None | Some(Event::Status(Status::Closed)) => Err(Failure::Offline),
            Some(Event::Status(Status::Waiting { cause, .. } | Status::Failed { cause })) => Err((*cause).clone()),
            Some(event) => Ok(event),
        }
    }

    /// Waits for CONNACK.
    ///
    /// # Errors
    ///
    /// Returns why there is no connection.
    pub async fn online(&mut self) -> Result<Welcome, Failure> {
        self.until(|event| if let Event::Status(Status::Online(welcome)) = event { Some(*welcome) } else { None }).await
    }

    /// Subscribes to what comes from now on: what was retained before stays away, where the broker speaks MQTT 5.
    ///
    /// # Errors
    ///
    /// Returns why it was refused, or why there is no connection any more.
    pub async fn subscribe(&mut self, subscription: &Subscription) -> Result<Qos, Failure> {
        self.session.command(Command::Subscribe(Subscription { retain_handling: 2, ..subscription.clone() }))?;
        self.until(|event| if let Event::Subscribed { outcome, .. } = event { Some(outcome) } else { None }).await?
    }

    /// Sends PINGREQ and returns how long the answer took.
    ///
    /// # Errors
    ///
    /// Fails when the answer takes longer than `patience`, or when there is no connection any more.
    pub async fn ping(&mut self, patience: Duration) -> Result<Duration, Failure> {
        self.session.command(Command::Ping)?;
        let answer = self.until(|event| if let Event::RoundTrip(took) = event { Some(took) } else { None });
        timeout(patience, answer).await.unwrap_or(Err(Failure::Silent { awaited: "PINGRESP", after: patience }))
    }

    /// Ends the connection without DISCONNECT, as a crash would.
    pub async fn cut(self) {
        self.session.cut().await;
    }

    /// Says goodbye; tells whether that was done within `patience`.
    pub async fn leave(self, patience: Duration) -> bool {
        leave(self.session, self.events, patience).await.is_some()
    }

    async fn until<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> Result<T, Failure> {
        loop {
            if let Some(found) = wanted(self.next().await?) {
                return Ok(found);
            }
        }
    }
}

/// Ends a session politely and lets go of what it still tells; what a stuck network does not take within `patience` is left to the
/// system, and `None` is returned.
pub async fn leave(session: Session, mut events: mpsc::Receiver<Event>, patience: Duration) -> Option<Result<(), JoinError>> {
    // The session may wait for room in its channel, so that is drained until its end.
    let rest = async { while events.recv().await.is_some() {} };
    let (ended, ()) = timeout(patience, async { tokio::join!(session.closed(), rest) }).await.ok()?;
    Some(ended)
}
