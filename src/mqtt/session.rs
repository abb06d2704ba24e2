//! One connection: its tasks, from the first attempt to the last DISCONNECT.
//!
//! ```text
//! commands ──> conversation ── requests ──> library <── polled by the driver
//!                   │                                      │ messages, batched
//!                   └──────── what happened ──> outlet <───┘
//!                                                 └──> the consumer's channel
//! ```

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinError, JoinHandle},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument;

use self::{
    driver::{Attempt, Granted, drive},
    gate::Gate,
    gather::{Gatherer, PACKETS},
    outlet::{Backlog, Outlet},
    poison::Poison,
    requests::{Broker, Requests},
    version::Version,
};
use super::{
    backoff::Backoff,
    check,
    command::Command,
    error::Failure,
    event::{Event, Limits, Status},
    link::{self, Client, Loop},
    options::{Options, Subscription},
};
use crate::{
    base::clock::Clock,
    wire::{dial::Dialed, guard::oversize::Skipped, tap},
};

mod aliases;
mod answer;
mod driver;
mod frames;
mod gate;
mod gather;
mod idle;
pub(super) mod intake;
mod opening;
mod outlet;
mod poison;
mod recover;
mod requests;
mod version;
mod watchdog;

/// The commands that may wait; a command on top of them is refused by `command` and waits for room in `send`.
const COMMANDS: usize = 1024;

/// The longest that an attempt may take, whatever the options say.
const LONGEST_ATTEMPT: Duration = Duration::from_hours(1);

/// How long answers that are still due are waited for before DISCONNECT is sent.
const DRAIN: Duration = Duration::from_millis(600);

/// How long DISCONNECT itself may take; with `DRAIN` the whole end takes at most a second.
const FAREWELL: Duration = Duration::from_millis(400);

/// A session with a broker that runs in tasks of its own; dropping it ends it, with DISCONNECT.
#[derive(Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
    ending: CancellationToken,
    tasks: Option<JoinHandle<()>>,
}

impl Session {
    /// Starts a session inside a tokio runtime; what happens goes to `events`, the last one being `Status::Closed`.
    ///
    /// When `events` is closed, the session ends likewise.
    #[must_use]
    pub fn start(options: Options, clock: Clock, events: mpsc::Sender<Event>) -> Self {
        Self::start_on(None, options, clock, events)
    }

    /// Starts a session as [`Session::start`] does, whose first attempt goes on with a stream to the endpoint that is open already.
    #[must_use]
    pub fn start_on(dialed: Option<Dialed>, mut options: Options, clock: Clock, events: mpsc::Sender<Event>) -> Self {
        options.connect_timeout = options.connect_timeout.min(LONGEST_ATTEMPT);
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let ending = CancellationToken::new();
        let span = tracing::info_span!("session", broker = %options.endpoint);
        let tasks = tokio::spawn(converse(dialed, options, clock, receiver, ending.clone(), events).instrument(span));
        Self { commands, ending, tasks: Some(tasks) }
    }

    /// Passes a command on without waiting.
    ///
    /// # Errors
    ///
    /// Fails when the session is over, or when too many commands wait already.
    pub fn command(&self, command: Command) -> Result<(), Failure> {
        let leaving = command == Command::Disconnect;
        let queued = self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Failure::Invalid("too many requests wait to be sent".into()),
            mpsc::error::TrySendError::Closed(_) => Failure::Offline,
        });
        if leaving {
            self.ending.cancel();
            return Ok(());
        }
        queued
    }

    /// Passes a command on, waiting for room.
    ///
    /// # Errors
    ///
    /// Fails when the session is over.
    pub async fn send(&self, command: Command) -> Result<(), Failure> {
        if command == Command::Disconnect {
            return self.command(command);
        }
        self.commands.send(command).await.map_err(|_| Failure::Offline)
    }

    /// Ends the session, and waits until its tasks have ended and the consumer has taken all events.
    ///
    /// # Errors
    ///
    /// Fails when one of the tasks panicked, so that the program can end too.
    pub async fn closed(mut self) -> Result<(), JoinError> {
        let tasks = self.tasks.take();
        drop(self);
        match tasks {
            Some(tasks) => tasks.await,
            None => Ok(()),
        }
    }

    /// Ends the session as a crash would: the connection is closed without DISCONNECT, so that the broker publishes the will.
    ///
    /// What was still on its way is lost, and no further event comes.
    pub async fn cut(mut self) {
        if let Some(tasks) = self.tasks.take() {
            tasks.abort();
            // Only now may the rest of the session go: it would ask for a polite end.
            drop(tasks.await);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

async fn converse(
    dialed: Option<Dialed>,
    options: Options,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    ending: CancellationToken,
    events: mpsc::Sender<Event>,
) {
    let gate = Arc::<Gate>::default();
    let (sink, trace) = options.packets.then(|| tap::trace(PACKETS)).unzip();
    let skipped = watch::Sender::default();
    let backlog = Backlog::new(options.overflow, Arc::clone(&gate), skipped.subscribe());
    let (outlet, delivery) = Outlet::start(events, Gatherer::new(trace, clock), backlog);
    let conversation = Conversation {
        dialed,
        clock,
        commands,
        ending,
        outlet,
        gate,
        sink,
        to_unsubscribe: options.unsubscribe.clone(),
        subscriptions: options.subscriptions.clone(),
        version: Version::new(&options),
        turn: 0,
        may_heal: false,
        expects_session: false,
        kept: None,
        requests: Requests::new(clock),
        attempts: 0,
        backoff: options.reconnect.map(Backoff::new),
        poison: Poison::default(),
        skipped,
        random: fastrand::Rng::new(),
        options: Arc::new(options),
    };
    conversation.run().await;
    if let Err(error) = delivery.await
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// The task that decides: when to connect, what to send, when to give up.
struct Conversation {
    options: Arc<Options>,
    /// The stream of the first attempt, where it is open already.
    dialed: Option<Dialed>,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    ending: CancellationToken,
    outlet: Outlet,
    gate: Arc<Gate>,
    /// Where the taps note packets, if they are wanted.
    sink: Option<tap::Sink>,
    /// Where messages over the limit are counted.
    skipped: watch::Sender<Skipped>,
    /// What is unsubscribed from after the first CONNACK.
    to_unsubscribe: Vec<String>,
    subscriptions: Vec<Subscription>,
    version: Version,
    /// Which of the endpoints the next attempt is about.
    turn: usize,
    /// Whether trying again may help at an endpoint before that one.
    may_heal: bool,
    /// Whether the broker should have kept the session of the last connection.
    expects_session: bool,
    /// The library's state of a session that outlives connections, between two of them.
    kept: Option<(Client, Loop)>,
    requests: Requests,
    /// The attempts since the user asked or the connection was lost.
    attempts: u32,
    backoff: Option<Backoff>,
    poison: Poison,
    random: fastrand::Rng,
}

/// How a connection, or the attempt at one, came to its end.
enum Outcome {
    /// The consumer wants no more.
    Asked,
    /// It failed, or broke after it had held so long.
    Broke { failure: Failure, held: Option<Duration> },
}

/// What follows a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Retry,
    End,
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Stay,
    Leave,
    Reconnect,
}

type Driving = AbortOnDropHandle<(Loop, Option<Failure>)>;

impl Conversation {
    async fn run(mut self) {
        loop {
            match self.connect_and_stay().await {
                Outcome::Asked => break,
                Outcome::Broke { failure, .. } if self.steps_down(&failure) => {}
                Outcome::Broke { failure, held: None } if self.falls_back(&failure) => {}
                Outcome::Broke { failure, held } => {
                    if self.recover(failure, held).await == Next::End {
                        break;
                    }
                }
            }
        }
        self.kept = None;
        self.settle_requests().await;
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            self.answer_offline(command).await;
        }
        tracing::info!("session closed");
        self.outlet.status(Status::Closed).await;
    }

    /// Makes one attempt and, where it succeeds, serves the connection until it ends.
    async fn connect_and_stay(&mut self) -> Outcome {
        self.attempts = self.attempts.saturating_add(1);
        let protocol = self.version.protocol();
        let ends = match self.kept.take() {
            Some(ends) => Ok(ends),
            None => check::connect(&self.options, protocol).and_then(|()| link::build(&self.options, protocol)),
        };
        let (client, event_loop) = match ends {
            Ok(ends) => ends,
            Err(failure) => return Outcome::Broke { failure, held: None },
        };
        tracing::debug!(attempt = self.attempts, %protocol, "connecting");
        let attempt = Attempt {
            options: Arc::clone(&self.options),
            endpoint: self.options.endpoints().nth(self.turn).unwrap_or(&self.options.endpoint).clone(),
            dialed: Mutex::new(self.dialed.take()),
            clock: self.clock,
            outlet: self.outlet.clone(),
            gate: Arc::clone(&self.gate),
            sink: self.sink.clone(),
            skipped: self.skipped.clone(),
            protocol,
            step_down: self.version.step_down(),
            silence: self.version.silence(&self.options),
            expects_session: self.expects_session,
            number: self.attempts,
            deadline: Instant::now() + self.options.connect_timeout,
        };
        let (online, granted) = oneshot::channel();
        let driving = AbortOnDropHandle::new(tokio::spawn(drive(attempt, event_loop, online)));
        self.stay(client, driving, granted).await
    }

    async fn stay(&mut self, client: Client, mut driving: Driving, mut granted: oneshot::Receiver<Granted>) -> Outcome {
        let mut connecting = true;
        let mut online: Option<(Limits, Instant)> = None;
        let mut to_subscribe = VecDeque::new();
        let mut drained_at = None;
        self.requests.begin_connection();
        loop {
            if let Some((limits, _)) = &online {
                self.send_some(&client, limits, &mut to_subscribe);
            }
            tokio::select! {
                biased;
                ended = &mut driving => {
                    return self.ended(ended, client, online.map(|(_, since)| since.elapsed())).await;
                }
                granted = &mut granted, if connecting => {
                    connecting = false;
                    if let Ok(Granted { limits, keeps_session }) = granted {
                        tracing::info!(protocol = %self.version.protocol(), "connected");
                        self.version.connected();
                        online = Some((limits, Instant::now()));
                        self.attempts = 0;
                        self.expects_session = keeps_session;
                        to_subscribe = self.subscriptions.iter().cloned().collect();
                    }
                }
                Some(event) = self.requests.next(), if !self.requests.is_empty() => self.outlet.send(event).await,
                () = self.ending.cancelled(), if drained_at.is_none() => drained_at = Some(Instant::now() + DRAIN),
                () = sleep_until(drained_at.unwrap_or_else(Instant::now)), if drained_at.is_some() => break,
                () = self.outlet.deserted() => break,
                command = self.commands.recv(), if self.requests.has_room() => {
                    let wish = match &online {
                        Some((limits, _)) => self.answer_online(command, &client, limits),
                        None => self.answer_offline_or_leave(command).await,
                    };
                    if wish == Wish::Leave {
                        break;
                    }
                }
            }
            if drained_at.is_some() && online.is_none() {
                break;
            }
        }
        if online.is_some() {
            self.leave(&client, driving, drained_at.unwrap_or_else(|| Instant::now() + DRAIN)).await;
        }
        Outcome::Asked
    }

    /// Unsubscribes and subscribes what is still to be, as far as there is room for requests.
    fn send_some(&mut self, client: &Client, limits: &Limits, to_subscribe: &mut VecDeque<Subscription>) {
        let broker = Broker { client, limits, protocol: self.version.protocol() };
        while self.requests.has_room() && !self.to_unsubscribe.is_empty() {
            self.requests.unsubscribe(&broker, self.to_unsubscribe.remove(0));
        }
        while self.requests.has_room()
            && let Some(subscription) = to_subscribe.pop_front()
        {
            self.requests.subscribe(&broker, &subscription);
        }
    }

    /// Takes note of the end of a connection that nobody asked for.
    async fn ended(
        &mut self,
        ended: Result<(Loop, Option<Failure>), JoinError>,
        client: Client,
        held: Option<Duration>,
    ) -> Outcome {
        let (event_loop, failure) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return Outcome::Asked,
        };
        if self.options.clean_start {
            drop((client, event_loop));
            self.settle_requests().await;
        } else {
            self.kept = Some((client, event_loop));
        }
        Outcome::Broke { failure: failure.unwrap_or(Failure::Closed { during: None }), held }
    }

    /// Waits for the answers of requests whose connection is gone, which come at once.
    async fn settle_requests(&mut self) {
        while let Some(event) = self.requests.next().await {
            self.outlet.send(event).await;
        }
    }

    /// Ends a connection in good order: the answers that are due, DISCONNECT, the broker's close, each with a deadline.
    async fn leave(&mut self, client: &Client, mut driving: Driving, drained_at: Instant) {
        while let Ok(Some(event)) = timeout_at(drained_at, self.requests.next()).await {
            self.outlet.send(event).await;
        }
        client.disconnect();
        if timeout_at(Instant::now() + FAREWELL, &mut driving).await.is_err() {
            tracing::info!("DISCONNECT could not be sent in time");
        }
    }
}
