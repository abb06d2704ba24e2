//! The task that polls the library and does nothing else, and the connector that opens the stream for it.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout_at},
};

use super::{
    gate::Gate,
    intake::{Intake, inlet::Inlet, shortcut::Shortcut},
    opening::Terms,
    outlet::{BATCH, Outlet},
};
use crate::{
    base::clock::{Clock, Stamp},
    mqtt::{
        error::Failure,
        event::{Event, Limits, Status, StepDown, Welcome},
        link::{self, Arrival, Broken, Connack, Loop},
        message::Received,
        options::{Options, Protocol, SessionExpiry},
    },
    wire::{
        self,
        dial::{Dialed, Stage, dial},
        endpoint::Endpoint,
        error::WireError,
        guard::{Progress, oversize::Skipped},
        packet::Version,
        tap::Sink,
        tls::certificate::Certificate,
    },
};

/// How long after CONNACK messages are taken for those of a resumed session, where no SUBACK ends that before.
const RESUMING: Duration = Duration::from_secs(2);

/// What the driver and the connector of one attempt need to know.
pub(super) struct Attempt {
    pub(super) options: Arc<Options>,
    /// The one of the options' endpoints that it is about.
    pub(super) endpoint: Endpoint,
    /// The stream where it is open already; taken by the first attempt.
    pub(super) dialed: Mutex<Option<Dialed>>,
    pub(super) clock: Clock,
    pub(super) outlet: Outlet,
    pub(super) gate: Arc<Gate>,
    pub(super) sink: Option<Sink>,
    /// Where messages over the limit are counted.
    pub(super) skipped: watch::Sender<Skipped>,
    pub(super) protocol: Protocol,
    /// Why it is not the version that the options ask for.
    pub(super) step_down: Option<StepDown>,
    /// How long the broker may be silent after CONNECT, where that is less than the whole attempt.
    pub(super) silence: Option<Duration>,
    /// Whether the broker should have kept a session of ours.
    pub(super) expects_session: bool,
    pub(super) number: u32,
    pub(super) deadline: Instant,
}

/// How the stream was reached; written once per attempt.
struct Route {
    peer: String,
    tls: Option<String>,
    chain: Vec<Certificate>,
    unverified: bool,
    times: Vec<(Stage, Duration)>,
    /// When it was there.
    opened: Stamp,
    progress: Progress,
}

/// What CONNACK means for the requests and for the connections to come.
pub(super) struct Granted {
    pub(super) limits: Limits,
    /// Whether the broker keeps the session when the connection is lost.
    pub(super) keeps_session: bool,
}

/// The polling side of one connection.
struct Driver {
    attempt: Arc<Attempt>,
    route: Arc<OnceLock<Route>>,
    event_loop: Loop,
    online: Option<oneshot::Sender<Granted>>,
    keep_alive: Duration,
    batch: Vec<Received>,
    batch_at: Stamp,
    pinged: Option<Stamp>,
}

/// Connects, and polls until the connection ends; returns the loop for a session that goes on, and why it ended, nothing
/// where that was asked for.
///
/// Never cancelled but to be thrown away: connecting cannot be resumed, and a poll that is not awaited sends no pings.
pub(super) async fn drive(attempt: Attempt, mut event_loop: Loop, online: oneshot::Sender<Granted>) -> (Loop, Option<Failure>) {
    attempt.gate.forget_pings();
    let attempt = Arc::new(attempt);
    let route = Arc::new(OnceLock::new());
    let connector = (Arc::clone(&attempt), Arc::clone(&route));
    let client_id = event_loop.client_id();
    event_loop.set_connector(move || open(Arc::clone(&connector.0), Arc::clone(&connector.1), client_id.clone()));
    let keep_alive = event_loop.keep_alive();
    let driver = Driver {
        attempt,
        route,
        event_loop,
        online: Some(online),
        keep_alive,
        batch: Vec::new(),
        batch_at: Stamp::default(),
        pinged: None,
    };
    driver.run().await
}

/// Opens the stream; an error holds a `Failure` or a `WireError`.
async fn open(attempt: Arc<Attempt>, route: Arc<OnceLock<Route>>, client_id: String) -> io::Result<Intake> {
    let Attempt { options, endpoint, outlet, number, .. } = &*attempt;
    let means = options.means();
    let latest = watch::Sender::new(Stage::Name);
    let report = |stage| {
        latest.send_replace(stage);
        outlet.progress(Status::Connecting { stage, attempt: *number });
    };
    let ours = attempt.dialed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let dialing = async {
        match ours {
            Some(dialed) => Ok(dialed),
            None => dial(endpoint, &means, report).await,
        }
    };
    let Ok(dialed) = timeout_at(attempt.deadline, dialing).await else {
        let stage = *latest.borrow();
        return Err(io::Error::other(means.timed_out(endpoint, stage, options.connect_timeout)));
    };
    let dialed = dialed.map_err(io::Error::other)?;
    report(Stage::Connect);
    let version = match attempt.protocol {
        Protocol::V31 => Version::V31,
        Protocol::V311 => Version::V311,
        Protocol::V5 => Version::V5,
    };
    let Dialed { stream, peer, tls, chain, unverified, times } = dialed;
    let guarded = wire::open(stream, version, options.packet_limit(), attempt.clock, attempt.sink.clone());
    let receive_maximum = options.receive_maximum.unwrap_or(u16::MAX);
    let guarded = guarded.with_history(options.topic_alias_maximum, receive_maximum).with_skipped(attempt.skipped.clone());
    let guarded = guarded.taking_quiet();
    let progress = guarded.progress();
    // An attempt opens one stream, so the cell is empty.
    drop(route.set(Route { peer, tls, chain, unverified, times, opened: attempt.clock.now(), progress: progress.clone() }));
    let terms = Terms {
        options: Arc::clone(options),
        endpoint: endpoint.clone(),
        protocol: attempt.protocol,
        client_id,
        deadline: attempt.deadline,
        silence: attempt.silence,
    };
    let shortcut = Shortcut::new(outlet.poll_sender(), attempt.clock, Arc::clone(&attempt.gate));
    Ok(Intake::new(Inlet::new(guarded, version), terms, Arc::clone(&attempt.gate), progress, shortcut))
}

impl Driver {
    async fn run(mut self) -> (Loop, Option<Failure>) {
        loop {
            match self.event_loop.poll().await {
                Ok(arrival) => self.take(arrival).await,
                Err(broken) => {
                    self.pass_batch().await;
                    let failure = self.failure(broken);
                    return (self.event_loop, failure);
                }
            }
        }
    }

    async fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Message(message) => {
                if self.batch.is_empty() {
                    self.batch_at = self.attempt.clock.now();
                }
                let at = self.batch_at;
                let resumed = self.attempt.gate.is_resuming(at);
                self.batch.push(Received { at, resumed, message });
            }
            Arrival::Suback => self.attempt.gate.set_resuming(None),
            Arrival::Connack(connack) => self.welcome(connack).await,
            Arrival::Ping if self.attempt.gate.is_closed() || self.is_within_packet() => {
                // PINGRESP waits behind messages that are held back, or behind a large one on a slow link; the library must not
                // take that for a dead broker. The stream watches for one.
                self.event_loop.assume_pong();
                self.pinged = None;
            }
            Arrival::Ping => self.pinged = Some(self.attempt.clock.now()),
            Arrival::Pong => {
                if let Some(pinged) = self.pinged.take().or_else(|| self.attempt.gate.answer_ping()) {
                    let took = self.attempt.clock.now().since(pinged);
                    self.attempt.outlet.send(Event::RoundTrip(took)).await;
                }
            }
            Arrival::Other => {}
        }
        if self.batch.len() >= BATCH || !self.event_loop.has_more() {
            self.pass_batch().await;
        }
    }

    fn is_within_packet(&self) -> bool {
        self.route.get().is_some_and(|route| route.progress.is_within_packet())
    }

    async fn pass_batch(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.attempt.outlet.send(Event::Messages(batch.into())).await;
        }
    }

    async fn welcome(&mut self, mut connack: Connack) {
        self.event_loop.forget_store();
        let Attempt { options, endpoint, clock, protocol, step_down, expects_session, outlet, gate, .. } = &*self.attempt;
        let now = clock.now();
        gate.set_resuming(connack.session_present.then(|| now.after(RESUMING)));
        let expiry = connack.properties.session_expiry.unwrap_or(options.session_expiry);
        let keeps_session = !options.clean_start && (*protocol != Protocol::V5 || expiry != SessionExpiry::AtDisconnect);
        self.keep_alive = self.event_loop.keep_alive();
        // Some brokers repeat what they were asked for.
        let asked = Duration::from_secs(link::keep_alive_seconds(options.keep_alive).into());
        connack.properties.server_keep_alive.take_if(|theirs| *theirs == asked);
        let route = self.route.get();
        let mut times = route.map(|route| route.times.clone()).unwrap_or_default();
        times.push((Stage::Connect, now.since(route.map_or(now, |route| route.opened))));
        let took = times.iter().map(|(_, took)| *took).sum();
        let welcome = Welcome {
            at: now,
            protocol: *protocol,
            step_down: *step_down,
            endpoint: endpoint.clone(),
            peer: route.map(|route| route.peer.clone()).unwrap_or_default(),
            tls: route.and_then(|route| route.tls.clone()),
            chain: route.map(|route| route.chain.clone()).unwrap_or_default(),
            unverified: route.is_some_and(|route| route.unverified),
            took,
            times,
            session_present: connack.session_present,
            // CONNACK of MQTT 3.1 does not tell.
            session_lost: *expects_session && !connack.session_present && *protocol != Protocol::V31,
            client_id: self.event_loop.client_id(),
            keep_alive: self.keep_alive,
            limits: connack.limits,
            properties: connack.properties,
        };
        // The conversation first: whoever hears that the session is online may publish at once, and must not be told otherwise.
        if let Some(online) = self.online.take() {
            // The session may have been asked to end meanwhile.
            let _ = online.send(Granted { limits: connack.limits, keeps_session });
        }
        outlet.status(Status::Online(Box::new(welcome))).await;
    }

    fn failure(&self, broken: Broken) -> Option<Failure> {
        let failure = match broken {
            Broken::Done => return None,
            Broken::NoConnack => Failure::Silent { awaited: "CONNACK", after: self.attempt.options.connect_timeout },
            Broken::NoPong => Failure::Silent { awaited: "PINGRESP", after: self.keep_alive },
            Broken::Failed(Failure::Closed { during: None }) if self.online.is_some() => {
                Failure::Closed { during: Some("CONNECT") }
            }
            Broken::Failed(Failure::Wire(WireError::Broken { detail })) if self.online.is_some() => {
                Failure::Wire(WireError::BrokenEarly { detail })
            }
            Broken::Failed(failure) => failure,
        };
        Some(if self.is_unanswered(&failure) { Failure::Unanswered { cause: Box::new(failure) } } else { failure })
    }

    /// Returns `true` if the broker has answered to a CONNECT of MQTT 5 with nothing but the end of the connection.
    fn is_unanswered(&self, failure: &Failure) -> bool {
        let no_byte = self.route.get().is_some_and(|route| route.progress.bytes() == 0);
        let ended = match failure {
            Failure::Closed { .. } | Failure::Silent { .. } | Failure::Wire(WireError::BrokenEarly { .. }) => true,
            Failure::Wire(WireError::WebSocket { cause, .. }) => !cause.is_handshake(),
            _ => false,
        };
        self.attempt.protocol == Protocol::V5 && self.online.is_some() && no_byte && ended
    }
}
