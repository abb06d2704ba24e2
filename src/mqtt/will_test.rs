//! The test of a will: a client of its own is cut off, and another one waits for what the broker publishes then.
//!
//! ```text
//! watcher  ── SUBSCRIBE will topic ──────────────────────────▶ waits ◀── PUBLISH (the will)
//! victim         CONNECT with the will ──▶ cut, no DISCONNECT
//! ```

use std::time::Duration;

use tokio::time::timeout;

use super::{
    conversation::Conversation,
    error::Failure,
    event::{Event, Welcome},
    message::{Message, Properties, Received},
    options::{Options, Protocol, SessionExpiry, Subscription, Will},
};
use crate::base::clock::{Clock, Stamp};

/// How long a broker is given beyond the time that it has to wait, unless somebody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a session may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What came of the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WillReport {
    /// The will that CONNECT carried.
    pub will: Will,
    /// The version that was spoken.
    pub protocol: Protocol,
    /// The Client Identifier of the client that was cut off.
    pub client_id: String,
    /// How long the broker may wait before it publishes: Will Delay Interval, or less where the session ends earlier.
    pub due: Duration,
    /// What arrived, nothing when the will did not.
    pub arrival: Option<Arrival>,
    /// Other messages that arrived on the topic meanwhile.
    pub others: u64,
    /// How long it was waited for.
    pub waited: Duration,
}

/// The will as the broker published it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// From the cut to the arrival.
    pub after: Duration,
    /// The message.
    pub message: Message,
}

/// Why the test could not be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WillFault {
    /// There is nothing to test.
    #[error("there is no will to test")]
    NoWill,
    /// The client that would watch did not connect, or lost its connection.
    #[error("the client that watches for the will: {0}")]
    Watcher(Failure),
    /// The topic of the will cannot be watched.
    #[error("subscribe to the topic of the will: {0}")]
    Topic(Failure),
    /// The client with the will did not connect.
    #[error("the client with the will: {0}")]
    Victim(Failure),
    /// It was told to stop before anything was known.
    #[error("the test of the will was stopped")]
    Stopped,
}

impl WillFault {
    /// Says what to do; empty where nothing sensible can be said.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoWill => "set will.topic in the profile, or give --will-topic",
            Self::Stopped => "",
            Self::Watcher(failure) | Self::Topic(failure) | Self::Victim(failure) => failure.hint(),
        }
    }
}

impl WillReport {
    /// Returns what may be the cause when the will did not arrive.
    pub const CAUSES: [&'static str; 3] = [
        "this user may not publish to the topic: brokers drop such a will without a word",
        "this user may not read the topic, although the subscription was granted",
        "the broker has not noticed yet that the client is gone, or a proxy in between holds the connection",
    ];

    /// Lists in what the message differs from the will, a sentence fragment each.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let Some(Arrival { message, .. }) = &self.arrival else { return Vec::new() };
        let sent = &self.will.message;
        let mut found = Vec::new();
        if message.qos != sent.qos {
            found.push(format!("it came with QoS {}, the will has {}", message.qos, sent.qos));
        }
        // Before MQTT 5 the flag of a live message is never set.
        if message.retain != sent.retain && self.protocol == Protocol::V5 {
            let words = |retain| if retain { "retained" } else { "not retained" };
            found.push(format!("it came {}, the will is {}", words(message.retain), words(sent.retain)));
        }
        let none = Properties::default();
        let (came, wanted) = (message.properties.as_deref().unwrap_or(&none), sent.properties.as_deref().unwrap_or(&none));
        let pairs = [
            ("Payload Format Indicator", came.payload_format == wanted.payload_format),
            ("Content Type", came.content_type == wanted.content_type),
            ("Response Topic", came.response_topic == wanted.response_topic),
            ("Correlation Data", came.correlation_data == wanted.correlation_data),
            ("User Properties", came.user_properties == wanted.user_properties),
        ];
        found.extend(pairs.iter().filter(|(_, same)| !same).map(|(name, _)| format!("its {name} differs")));
        found
    }
}

/// Makes the test; `options` are those of the profile, whose own session it leaves alone.
///
/// It takes as long as Will Delay Interval, and at most `patience` more. [`run_until`] can be stopped in good order.
///
/// # Errors
///
/// Returns what kept the two clients from connecting.
pub async fn run(options: &Options, patience: Duration, clock: Clock) -> Result<WillReport, WillFault> {
    run_until(options, patience, clock, std::future::pending()).await
}

/// Makes the test as [`run`] does, unless `stop` comes first; however it ends, both clients have left, and nothing of them
/// is kept by the broker.
///
/// # Errors
///
/// Returns what kept the two clients from connecting, or that it was stopped.
pub async fn run_until(
    options: &Options,
    patience: Duration,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> Result<WillReport, WillFault> {
    let will = options.will.clone().ok_or(WillFault::NoWill)?;
    let watcher = Conversation::start(Options { will: None, ..options.sibling("will-watch") }, clock);
    let mut clients = Clients { watcher, victim: None, kept: None };
    let tested = tokio::select! {
        biased;
        () = stop => Err(WillFault::Stopped),
        tested = clients.test(options, will, patience, clock) => tested,
    };
    clients.leave(options, clock).await;
    tested
}

/// The two clients, and what is left of one.
struct Clients {
    watcher: Conversation,
    /// Until it is cut.
    victim: Option<Conversation>,
    /// The Client Identifier under which the broker keeps a session of it.
    kept: Option<String>,
}

impl Clients {
    async fn test(&mut self, options: &Options, will: Will, patience: Duration, clock: Clock) -> Result<WillReport, WillFault> {
        let protocol = self.watcher.online().await.map_err(WillFault::Watcher)?.protocol;
        let subscription = Subscription::new(&*will.message.topic, will.message.qos);
        self.watcher.subscribe(&subscription).await.map_err(WillFault::Topic)?;

        let asked = Options { session_expiry: options.session_expiry, ..options.sibling("will-test") };
        let victim = self.victim.insert(Conversation::start(asked, clock));
        let welcome = victim.online().await.map_err(WillFault::Victim)?;
        if welcome.protocol == Protocol::V5 && options.session_expiry != SessionExpiry::AtDisconnect {
            self.kept = Some(welcome.client_id.clone());
        }
        let due = due(&will, options.session_expiry, &welcome);
        let cut_at = clock.now();
        if let Some(victim) = self.victim.take() {
            victim.cut().await;
        }

        // A broker may take the delay at its word although the session ends before.
        let delay = Duration::from_secs(will.delay.unwrap_or_default().into());
        let wait = delay.saturating_add(patience);
        let mut others = 0;
        let arrival = match timeout(wait, arrival(&mut self.watcher, &will, protocol, cut_at, &mut others)).await {
            Ok(arrival) => Some(arrival.map_err(WillFault::Watcher)?),
            Err(_) => None,
        };
        let waited = clock.now().since(cut_at);
        Ok(WillReport { will, protocol, client_id: welcome.client_id, due, arrival, others, waited })
    }

    /// Says goodbye with both, and has the broker forget what it keeps.
    async fn leave(self, options: &Options, clock: Clock) {
        let victim = async {
            if let Some(victim) = self.victim {
                victim.leave(GOODBYE).await;
            }
            if let Some(client_id) = self.kept {
                forget(options, &client_id, clock).await;
            }
        };
        tokio::join!(self.watcher.leave(GOODBYE), victim);
    }
}

/// Returns how long the broker has to wait: the delay, but never longer than the session lasts (MQTT 5.0, 3.1.3.2.2).
fn due(will: &Will, asked: SessionExpiry, welcome: &Welcome) -> Duration {
    if welcome.protocol != Protocol::V5 {
        return Duration::ZERO;
    }
    let lasts = match welcome.properties.session_expiry.unwrap_or(asked) {
        SessionExpiry::AtDisconnect => 0,
        SessionExpiry::After(seconds) => seconds,
        SessionExpiry::Never => u32::MAX,
    };
    Duration::from_secs(will.delay.unwrap_or_default().min(lasts).into())
}

/// Has the broker forget the session of the client that was cut off.
async fn forget(options: &Options, client_id: &str, clock: Clock) {
    let mut client = Conversation::start(Options { client_id: client_id.to_owned(), will: None, ..options.sibling("") }, clock);
    match client.online().await {
        Ok(_) => drop(client.leave(GOODBYE).await),
        Err(failure) => tracing::info!(cause = %failure, "the session of the will test is left to expire"),
    }
}

/// Waits for the will among what arrives after the cut, and counts the rest.
async fn arrival(
    watcher: &mut Conversation,
    will: &Will,
    protocol: Protocol,
    cut_at: Stamp,
    others: &mut u64,
) -> Result<Arrival, Failure> {
    loop {
        let Event::Messages(batch) = watcher.next().await? else { continue };
        // Before MQTT 5 the flag says that a message was kept from earlier.
        let is_new =
            |received: &Received| received.at.mono >= cut_at.mono && (protocol == Protocol::V5 || !received.message.retain);
        for Received { at, message, .. } in batch.into_iter().filter(is_new) {
            if message.payload == will.message.payload {
                return Ok(Arrival { after: at.since(cut_at), message });
            }
            *others += 1;
        }
    }
}
