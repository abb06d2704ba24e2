//! One live connection: its state, its store, and the panes that look at it.

use std::collections::HashMap;

use bytes::Bytes;
use jiff::tz::TimeZone;

use super::{
    broker::{self, Broker},
    detail::Detail,
    event::ConnId,
    geometry::Geometry,
    messages::Messages,
    notice::{Level, Notices},
    protocol::{self, Protocol},
    topics::{Cursor, Topics},
};
use crate::{
    base::{clock::Stamp, human, text},
    mqtt::{
        command::Token,
        error::Failure,
        event::{Event, Receipt, Status, Welcome},
        message::{Message, Qos},
        options::Subscription,
        skips::{self, Skips},
    },
    profile::Profile,
    store::{
        Entry, Store,
        exchange::{Exchange, Row},
    },
    wire::{dial::Stage, endpoint::Endpoint},
};

/// A pane of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// The topic tree.
    #[default]
    Topics,
    /// The message log.
    Messages,
    /// The selected message.
    Detail,
}

impl Pane {
    const ALL: [Self; 3] = [Self::Topics, Self::Messages, Self::Detail];

    /// Returns the pane `step` further, around the ends.
    #[must_use]
    pub fn step(self, step: isize) -> Self {
        let at = Self::ALL.iter().position(|&pane| pane == self).unwrap_or(0);
        Self::ALL[(at + Self::ALL.len()).saturating_add_signed(step) % Self::ALL.len()]
    }
}

/// What the body of the screen shows of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Topics, messages and the selected message.
    #[default]
    Panes,
    /// What passed on the wire.
    Protocol,
    /// What was agreed on with the broker, and what it tells of itself.
    Broker,
}

/// What the broker said to a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Nothing yet.
    Awaited,
    /// This QoS.
    Granted(Qos),
    /// No: what, and what to do; both safe.
    Denied(String, &'static str),
}

/// A subscription and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// What was asked for.
    pub subscription: Subscription,
    /// What the broker said.
    pub grant: Grant,
}

/// A publish that the broker has not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The topic, safe and short.
    pub topic: String,
    /// Its QoS.
    pub qos: Qos,
}

/// One live connection.
#[derive(Debug)]
pub struct Workspace {
    /// Its identity.
    pub id: ConnId,
    /// What it was started from.
    pub profile: Profile,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub since: Stamp,
    /// What the broker granted the last time that it was online.
    pub welcome: Option<Box<Welcome>>,
    /// The last round trip of a ping, in words.
    pub round_trip: Option<String>,
    /// All that was received.
    pub store: Store,
    /// What was over the limit of a packet.
    pub skips: Skips,
    /// What passed on the wire.
    pub exchange: Exchange,
    /// What is subscribed to.
    pub subscriptions: Vec<Subscribed>,
    /// What the body shows.
    pub view: View,
    /// The protocol view.
    pub protocol: Protocol,
    /// The Broker view.
    pub broker: Broker,
    /// The topic pane.
    pub topics: Topics,
    /// The message pane.
    pub messages: Messages,
    /// The detail pane.
    pub detail: Detail,
    /// The pane with the keys.
    pub focus: Pane,
    /// Whether that pane has the whole screen.
    pub zoom: bool,
    /// Publishes under way.
    pub pending: HashMap<Token, Pending>,
    /// The last message that was published here, to begin with when one to the same topic follows.
    pub draft: Option<Message>,
    /// How many publishes were settled well.
    pub sent: u64,
    next_token: u64,
    /// Whether the roots were opened once, so that a small tree shows itself.
    unfolded: bool,
}

impl Workspace {
    /// Makes the workspace of a connection that is being started.
    #[must_use]
    pub fn new(id: ConnId, profile: Profile, now: Stamp) -> Self {
        let awaited = |subscription: &Subscription| Subscribed { subscription: subscription.clone(), grant: Grant::Awaited };
        Self {
            id,
            status: Status::Connecting { stage: Stage::Name, attempt: 1 },
            since: now,
            welcome: None,
            round_trip: None,
            store: Store::new(profile.memory()),
            skips: Skips::default(),
            exchange: Exchange::default(),
            view: View::default(),
            protocol: Protocol::default(),
            broker: Broker::default(),
            subscriptions: profile.subscriptions().iter().map(awaited).collect(),
            topics: Topics::default(),
            messages: Messages::default(),
            detail: Detail::default(),
            focus: Pane::default(),
            zoom: false,
            pending: HashMap::new(),
            draft: None,
            sent: 0,
            next_token: 0,
            unfolded: false,
            profile,
        }
    }

    /// Takes in what the session said, and keeps what went wrong.
    pub fn take(&mut self, event: Event, now: Stamp, notices: &mut Notices) {
        let said = notices.said();
        self.take_event(event, now, notices);
        for trouble in notices.since(said).filter(|notice| notice.level >= Level::Warning) {
            self.broker.troubles.push(trouble.clone());
        }
    }

    fn take_event(&mut self, event: Event, now: Stamp, notices: &mut Notices) {
        match event {
            Event::Messages(batch) => {
                for received in &batch {
                    self.store.insert(received);
                }
                self.unfold();
            }
            Event::Lost(count) => self.store.lost(count),
            Event::Skipped(skipped) => {
                self.store.lost(skipped.count);
                if let Some(said) = self.skips.take(skipped, now) {
                    notices.say(now, Level::Warning, &said, skips::HINT);
                }
            }
            Event::RoundTrip(time) => {
                self.round_trip = Some(human::span(time));
                self.broker.round_trips.push(time);
            }
            Event::Packets(noted) => self.exchange.insert(noted),
            Event::Status(status) => self.take_status(status, now, notices),
            Event::Subscribed { filter, outcome } => self.take_grant(&filter, outcome, now, notices),
            Event::Unsubscribed { filter, outcome } => match outcome {
                Ok(()) => {
                    self.subscriptions.retain(|row| row.subscription.filter != filter);
                    notices.say(now, Level::Info, &format!("no longer subscribed to {filter}"), "");
                }
                Err(failure) => {
                    notices.say(
                        now,
                        Level::Error,
                        &format!("could not end the subscription to {filter}: {failure}"),
                        failure.hint(),
                    );
                }
            },
            Event::Reauthenticated(Ok(())) => notices.say(now, Level::Success, "authenticated once more", ""),
            Event::Reauthenticated(Err(failure)) => notices.say(now, Level::Error, &failure.to_string(), failure.hint()),
            Event::Settled { token, outcome } => self.take_receipt(token, outcome, now, notices),
        }
    }

    fn take_status(&mut self, status: Status, now: Stamp, notices: &mut Notices) {
        match &status {
            Status::Waiting { until, attempt, cause } => {
                let wait = human::precise_span(until.since(now));
                self.exchange.end(now, text::safe(&format!("{cause}; try {attempt} in {wait}")).to_string());
            }
            Status::Failed { cause } => self.exchange.end(now, text::safe(&cause.to_string()).to_string()),
            Status::Connecting { .. } | Status::Online(_) | Status::Closed => {}
        }
        let was_waiting = matches!(self.status, Status::Waiting { .. } | Status::Connecting { attempt: 2.., .. });
        match &status {
            Status::Online(welcome) => {
                let again = if self.welcome.is_some() { "connected again" } else { "connected" };
                if welcome.downgraded {
                    let said = "the broker does not speak MQTT 5: connected with 3.1.1";
                    notices.say(now, Level::Warning, said, "set protocol = \"3.1.1\" in the profile to skip the try");
                } else {
                    let said = format!("{again} to {} in {}", welcome.peer, human::span(welcome.took));
                    notices.say(now, Level::Success, &said, "");
                }
                if welcome.session_lost {
                    let hint = "what was queued for this client is gone; subscriptions are made anew";
                    notices.say(now, Level::Warning, "the broker has lost the session", hint);
                } else if welcome.session_present && again == "connected" {
                    notices.say(now, Level::Info, "the session of an earlier connection goes on", "");
                }
                self.welcome = Some(welcome.clone());
            }
            Status::Waiting { cause, .. } if !was_waiting => notices.say(now, Level::Error, &cause.to_string(), cause.hint()),
            Status::Failed { cause } => notices.say(now, Level::Error, &cause.to_string(), cause.hint()),
            Status::Waiting { .. } | Status::Connecting { .. } | Status::Closed => {}
        }
        if !matches!(status, Status::Online(_)) {
            self.round_trip = None;
            for row in &mut self.subscriptions {
                row.grant = Grant::Awaited;
            }
        }
        if std::mem::discriminant(&self.status) != std::mem::discriminant(&status) {
            self.since = now;
        }
        self.status = status;
    }

    fn take_grant(&mut self, filter: &str, outcome: Result<Qos, Failure>, now: Stamp, notices: &mut Notices) {
        let shown = text::line(filter, 60);
        let row = self.subscriptions.iter_mut().find(|row| row.subscription.filter == filter);
        match &outcome {
            Ok(granted) => {
                if let Some(asked) = row.as_ref().map(|row| row.subscription.qos).filter(|asked| asked > granted) {
                    let said = format!("the broker granted QoS {granted} to {shown}, {asked} was asked for");
                    notices.say(now, Level::Warning, &said, "");
                }
            }
            Err(failure) => notices.say(now, Level::Error, &format!("subscription to {shown} denied: {failure}"), failure.hint()),
        }
        if let Some(row) = row {
            row.grant = match outcome {
                Ok(granted) => Grant::Granted(granted),
                Err(failure) => Grant::Denied(failure.to_string(), failure.hint()),
            };
        }
    }

    fn take_receipt(&mut self, token: Token, outcome: Result<Receipt, Failure>, now: Stamp, notices: &mut Notices) {
        let Some(pending) = self.pending.remove(&token) else { return };
        let Pending { topic, qos } = pending;
        match outcome {
            Ok(receipt) => {
                self.sent += 1;
                let hint = receipt.reason.map_or("", crate::mqtt::reason::Reason::hint);
                let how = if qos == Qos::AtMostOnce { "sent" } else { "acknowledged" };
                notices.say(now, Level::Success, &format!("{topic}: {how} in {}", human::span(receipt.took)), hint);
            }
            Err(failure) => notices.say(now, Level::Error, &format!("{topic} was not published: {failure}"), failure.hint()),
        }
    }

    /// Remembers a publish, and names it.
    pub fn expect_receipt(&mut self, message: &Message) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.pending.insert(token, Pending { topic: text::line(&message.topic, 40).to_string(), qos: message.qos });
        token
    }

    /// Adds a subscription, or replaces the one with the same filter.
    pub fn expect_grant(&mut self, subscription: Subscription) {
        self.subscriptions.retain(|row| row.subscription.filter != subscription.filter);
        self.subscriptions.push(Subscribed { subscription, grant: Grant::Awaited });
    }

    /// Opens the only root as soon as it is known, so that there is something to see.
    fn unfold(&mut self) {
        if self.unfolded {
            return;
        }
        self.unfolded = true;
        let tree = self.store.tree();
        let mut plain = (0..tree.rows().min(3)).filter_map(|row| tree.row(row)).filter(|row| !row.name.starts_with('$'));
        if let (Some(root), None) = (plain.next(), plain.next()) {
            let node = root.node;
            self.store.tree_mut().set_open(node, true);
        }
    }

    /// Returns the server that the broker names in place of itself, the first of them.
    #[must_use]
    pub fn redirection(&self) -> Option<&Endpoint> {
        match &self.status {
            Status::Failed { cause } => match &**cause {
                Failure::Redirected { servers, .. } => servers.first(),
                Failure::Wire(_)
                | Failure::Refused { .. }
                | Failure::Disconnected { .. }
                | Failure::Authentication(_)
                | Failure::Denied { .. }
                | Failure::Silent { .. }
                | Failure::Closed { .. }
                | Failure::Invalid(_)
                | Failure::Unconfirmed
                | Failure::Offline
                | Failure::Protocol(_)
                | Failure::Violation(_)
                | Failure::Repeated { .. } => None,
            },
            Status::Connecting { .. } | Status::Online(_) | Status::Waiting { .. } | Status::Closed => None,
        }
    }

    /// Tells whether the connection is up.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self.status, Status::Online(_))
    }

    /// Returns the selected row of the protocol view.
    #[must_use]
    pub fn selected_row(&self) -> Option<&Row> {
        self.protocol.selected.and_then(|id| self.exchange.row(id))
    }

    /// Returns the selected message.
    #[must_use]
    pub fn selected(&self) -> Option<Entry<'_>> {
        self.messages.selected.and_then(|seq| self.store.message(seq))
    }

    /// Returns the topic that an action is about: of the cursor in the tree, or of the selected message.
    #[must_use]
    pub fn topic(&self) -> Option<String> {
        match (self.focus, self.topics.cursor) {
            (Pane::Topics, Cursor::Node(node)) => Some(self.store.tree().topic(node).to_owned()),
            (Pane::Topics, Cursor::All) => None,
            (Pane::Messages | Pane::Detail, _) => self.selected().map(|entry| entry.topic.to_owned()),
        }
    }

    /// Returns the selected message as it could be published again.
    #[must_use]
    pub fn selected_message(&self) -> Option<Message> {
        self.selected().map(|entry| Message {
            topic: entry.topic.into(),
            payload: Bytes::copy_from_slice(entry.payload),
            qos: entry.qos,
            retain: entry.retain,
            dup: false,
            properties: None,
        })
    }

    /// Returns the payload of the selected message for the clipboard: as it is where it is harmless text, else escaped.
    #[must_use]
    pub fn payload_as_text(&self) -> Option<String> {
        self.selected().map(|entry| match std::str::from_utf8(entry.payload) {
            Ok(text) if !text.chars().any(|c| text::is_hostile(c) && !matches!(c, '\n' | '\t')) => text.to_owned(),
            _ => text::escape(entry.payload),
        })
    }

    /// Returns the topic for the clipboard.
    #[must_use]
    pub fn topic_as_text(&self) -> Option<String> {
        self.topic().map(|topic| text::escape(topic.as_bytes()))
    }

    /// Returns the filter for everything under the cursor of the tree.
    #[must_use]
    pub fn branch_filter(&self) -> Option<String> {
        let node = self.topics.cursor.node()?;
        let topic = self.store.tree().topic(node);
        let below = self.store.tree().first_child(Some(node)).is_some();
        Some(if below { format!("{topic}/#") } else { topic.to_owned() })
    }

    /// Keeps the branch of the messages where it is, or lets it follow the cursor again.
    pub fn pin_branch(&mut self) {
        self.messages.pinned = !self.messages.pinned;
        self.follow_cursor();
    }

    /// Goes to a pane, also from another view.
    pub fn go_to(&mut self, pane: Pane) {
        self.view = View::Panes;
        self.focus = pane;
    }

    /// Goes to the message of the selected PUBLISH.
    pub fn reveal_message(&mut self) {
        if let Some(seq) = self.selected_row().and_then(|row| protocol::message_of(row, &self.store)) {
            self.messages.reveal(seq);
            self.go_to(Pane::Messages);
        }
    }

    /// Goes back one step: the filter, the view, the zoom, the pane, the branch.
    pub fn back(&mut self) {
        let in_detail = self.view == View::Panes && self.focus == Pane::Detail;
        if let Some(target) = self.target().filter(|target| !in_detail && self.filter(*target).is_some()) {
            self.clear_filter(target);
        } else if self.view != View::Panes {
            self.view = View::Panes;
        } else if self.zoom {
            self.zoom = false;
        } else if self.focus != Pane::Topics {
            self.focus = self.focus.step(-1);
        } else {
            self.topics.select(None);
            self.messages.pinned = false;
            self.follow_cursor();
        }
    }

    /// Shows the branch under the cursor in the messages, unless they are pinned.
    pub fn follow_cursor(&mut self) {
        if !self.messages.pinned {
            self.messages.show(self.topics.cursor.node());
        }
    }

    /// Brings the panes up to date for a frame of this geometry.
    pub fn prepare(&mut self, geometry: &Geometry, zone: &TimeZone, now: Stamp) {
        match self.view {
            View::Panes => {}
            View::Protocol => {
                let (ladder, packet) = (geometry.ladder, geometry.packet);
                self.protocol.prepare(&self.exchange, now, ladder.rows(), packet.columns(), packet.rows());
                return;
            }
            View::Broker => {
                let inner = geometry.broker.inner();
                let height = broker::height(&broker::columns(self, now, zone, inner.columns()));
                self.broker.top = self.broker.top.min(height.saturating_sub(inner.rows()));
                return;
            }
        }
        self.store.tidy();
        self.topics.prepare(&mut self.store, now, geometry.tree.rows());
        self.messages.prepare(&self.store, now, geometry.messages.inner().rows());
        let entry = self.messages.selected.and_then(|seq| self.store.message(seq));
        let previous = entry.as_ref().and_then(|entry| self.store.previous(entry.seq)).and_then(|seq| self.store.message(seq));
        let window = geometry.detail_text();
        let before = previous.map(|entry| entry.at);
        self.detail.prepare(entry.as_ref(), before, window.columns(), window.rows(), zone);
    }
}
