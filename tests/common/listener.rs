//! The consumer of a session in a test: starts it, keeps what it says, waits for what is expected.

use std::{collections::VecDeque, sync::Arc};

use mqtap::{
    base::clock::Clock,
    mqtt::{
        command::{Command, Token},
        error::Failure,
        event::{Event, Receipt, Status, Welcome},
        message::{Message, Qos, Received},
        options::{Options, Protocol, Subscription},
        session::Session,
    },
    wire::endpoint::{Endpoint, Transport},
};
use tokio::sync::mpsc;

use super::within;

/// A session with the events that nobody has looked at yet.
pub(crate) struct Listener {
    pub(crate) session: Session,
    pub(crate) events: mpsc::Receiver<Event>,
    /// Messages that came while something else was waited for.
    received: VecDeque<Received>,
    tokens: u64,
}

/// Options for a broker on the loopback.
pub(crate) fn options(port: u16, protocol: Protocol, client_id: &str) -> Options {
    let endpoint = Endpoint::new(Transport::Tcp, "127.0.0.1", port);
    Options { protocol, ..Options::new(endpoint, client_id) }
}

impl Listener {
    /// Starts a session.
    pub(crate) fn start(options: Options) -> Self {
        Self::with_room(options, 1024)
    }

    /// Starts a session whose consumer has room for so many events.
    pub(crate) fn with_room(options: Options, room: usize) -> Self {
        let (sender, events) = mpsc::channel(room);
        Self { session: Session::start(options, Clock::start(), sender), events, received: VecDeque::new(), tokens: 0 }
    }

    /// Starts a session, and waits until it is connected.
    pub(crate) async fn online(options: Options) -> Self {
        let mut listener = Self::start(options);
        listener.welcome().await;
        listener
    }

    /// Starts a session, and waits until it is connected and subscribed to `filter`.
    pub(crate) async fn subscribed(options: Options, filter: &str, qos: Qos) -> Self {
        let mut listener = Self::online(options).await;
        assert_eq!(listener.subscribe(Subscription::new(filter, qos)).await.expect("granted"), qos);
        listener
    }

    /// Waits for the next event, whatever it is.
    pub(crate) async fn next(&mut self, what: &str) -> Event {
        within(what, self.events.recv()).await.unwrap_or_else(|| panic!("the session ended before {what}"))
    }

    /// Waits for the next event that `pick` takes; messages are kept for later, other events are dropped.
    pub(crate) async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                match self.next(what).await {
                    Event::Messages(batch) => self.received.extend(batch),
                    event => {
                        if let Some(found) = pick(event) {
                            return found;
                        }
                    }
                }
            }
        };
        within(what, found).await
    }

    /// Waits until the session is connected.
    pub(crate) async fn welcome(&mut self) -> Welcome {
        self.wait("CONNACK", |event| match event {
            Event::Status(Status::Online(welcome)) => Some(*welcome),
            Event::Status(Status::Failed { cause }) => panic!("failed: {cause}"),
            _ => None,
        })
        .await
    }

    /// Waits until the session has given up.
    pub(crate) async fn failed(&mut self) -> Arc<Failure> {
        self.wait("Status::Failed", |event| match event {
            Event::Status(Status::Failed { cause }) => Some(cause),
            _ => None,
        })
        .await
    }

    /// Waits until the session waits for its next attempt.
    pub(crate) async fn waiting(&mut self) -> Arc<Failure> {
        self.wait("Status::Waiting", |event| match event {
            Event::Status(Status::Waiting { cause, .. }) => Some(cause),
            Event::Status(Status::Failed { cause }) => panic!("failed: {cause}"),
            _ => None,
        })
        .await
    }

    /// Subscribes, and waits for the answer.
    pub(crate) async fn subscribe(&mut self, subscription: Subscription) -> Result<Qos, Failure> {
        let wanted = subscription.filter.clone();
        self.session.command(Command::Subscribe(subscription)).expect("room for a command");
        self.wait("SUBACK", |event| match event {
            Event::Subscribed { filter, outcome } if filter == wanted => Some(outcome),
            _ => None,
        })
        .await
    }

    /// Hands a message over for publishing.
    pub(crate) async fn send(&mut self, message: Message) -> Token {
        self.tokens += 1;
        let token = Token(self.tokens);
        self.session.send(Command::Publish { token, message }).await.expect("the session lives");
        token
    }

    /// Publishes, and waits for the outcome.
    pub(crate) async fn publish(&mut self, message: Message) -> Result<Receipt, Failure> {
        let wanted = self.send(message).await;
        self.settled(wanted).await
    }

    /// Waits for the outcome of a publish.
    pub(crate) async fn settled(&mut self, wanted: Token) -> Result<Receipt, Failure> {
        self.wait("Settled", |event| match event {
            Event::Settled { token, outcome } if token == wanted => Some(outcome),
            _ => None,
        })
        .await
    }

    /// Waits for so many messages, and takes them.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<Received> {
        while self.received.len() < count {
            if let Event::Messages(batch) = self.next(&format!("{count} messages")).await {
                self.received.extend(batch);
            }
        }
        self.received.drain(..count).collect()
    }

    /// Disconnects, and waits until nothing is left of the session.
    pub(crate) async fn close(mut self) {
        self.session.command(Command::Disconnect).expect("the session lives");
        self.wait("Status::Closed", |event| matches!(event, Event::Status(Status::Closed)).then_some(())).await;
        assert!(within("the end of the events", self.events.recv()).await.is_none(), "Closed is the last event");
        within("the end of the tasks", self.session.closed()).await.expect("no task panicked");
    }
}

/// A message with a text payload.
pub(crate) fn message(topic: &str, payload: &str, qos: Qos) -> Message {
    Message { topic: topic.into(), payload: payload.to_owned().into(), qos, ..Message::default() }
}
