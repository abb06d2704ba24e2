//! One live connection: its state, its store, and the panes that look at it.

mod news;

use std::{collections::HashMap, time::Duration};

use jiff::tz::TimeZone;

use super::{
    broker::{self, Broker},
    detail::Detail,
    event::ConnId,
    geometry::Geometry,
    messages::Messages,
    protocol::{self, Protocol},
    publish::Draft,
    topics::{Cursor, Topics},
};
use crate::{
    base::{clock::Stamp, text},
    mqtt::{
        command::Token,
        event::{Status, Welcome},
        message::{Message, Qos},
        options::Subscription,
        skips::Skips,
    },
    profile::Profile,
    store::{
        Entry, Store,
        exchange::{Exchange, Row},
    },
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

/// What a connection was started from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// A URL, a form, a key.
    #[default]
    AdHoc,
    /// The saved connection of this name.
    Saved(String),
    /// The simulated plant.
    Demo,
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
    pub origin: Origin,
    /// How it connects.
    pub profile: Profile,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub since: Stamp,
    /// What the broker granted the last time that it was online.
    pub welcome: Option<Box<Welcome>>,
    /// The last round trip of a ping, in words.
    pub round_trip: Option<String>,
    /// How far what is shown is behind what has arrived, where that is worth a word.
    pub lag: Option<Duration>,
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
    /// The last message that was published here or put aside, for the next form.
    pub draft: Option<Draft>,
    /// How many publishes were settled well.
    pub sent: u64,
    /// Whether a session was started, which knows the way and the secrets.
    pub has_session: bool,
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
            origin: Origin::default(),
            status: Self::starting(),
            since: now,
            welcome: None,
            round_trip: None,
            lag: None,
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
            has_session: false,
            next_token: 0,
            unfolded: false,
            profile,
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

    /// Returns how many publishes nobody has acknowledged yet, those with QoS 0 aside.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.pending.values().filter(|pending| pending.qos > Qos::AtMostOnce).count()
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

    /// Returns the payload of the selected message for the clipboard: as it is where it is harmless text, else escaped.
    #[must_use]
    pub fn payload_as_text(&self) -> Option<String> {
        self.selected().map(|entry| match std::str::from_utf8(entry.payload) {
            Ok(text) if text.chars().all(text::is_text) => text.to_owned(),
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

    /// Goes to the message of the selected PUBLISH; tells whether it is still kept.
    pub fn reveal_message(&mut self) -> bool {
        let found = self.selected_row().and_then(|row| protocol::message_of(row, &self.store));
        if let Some(seq) = found {
            self.messages.reveal(seq);
            self.go_to(Pane::Messages);
        }
        found.is_some()
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
        self.store.tidy();
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
        self.topics.prepare(&mut self.store, now, geometry.tree.rows());
        self.messages.prepare(&self.store, now, geometry.messages.inner().rows());
        let entry = self.messages.selected.and_then(|seq| self.store.message(seq));
        let previous = entry.as_ref().and_then(|entry| self.store.previous(entry.seq)).and_then(|seq| self.store.message(seq));
        let window = geometry.detail_text();
        let entry = entry.as_ref().map(|entry| (entry, previous.map(|previous| previous.at)));
        self.detail.prepare(&self.store, entry, window.columns(), window.rows(), zone);
    }
}
