//! Plays keys and messages to the state of the UI, and reads its screen.

use bytes::Bytes;
use jiff::tz::TimeZone;
use mqtap::{
    app::{
        App, Facts,
        event::{Effect, Event},
    },
    base::clock::Stamp,
    keymap::Keymap,
    mqtt::{
        event::{ConnackProperties, Event as Mqtt, Limits, Status, Welcome},
        message::{Message, Properties, Qos, Received},
        options::{Protocol, Subscription},
    },
    profile::Profile,
    theme::Theme,
    ui,
    wire::{dial::Stage, endpoint::Url},
};
use ratatui::{buffer::Buffer, layout::Rect};

/// 2026-11-20T12:04:31Z, in microseconds.
const START: i64 = 1_795_176_271_000_000;

/// A user in front of a screen of a given size; time passes only when told to.
pub(crate) struct Player {
    pub(crate) app: App,
    pub(crate) effects: Vec<Effect>,
    now: Stamp,
    pub(crate) theme: Theme,
}

impl Player {
    /// Sits down in front of the start screen.
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        let facts = Facts {
            zone: TimeZone::UTC,
            profiles_path: "/home/ops/.config/mqtap/profiles.toml".into(),
            about: vec!["Terminal: xterm-256color over SSH, 256 colours".into(), "Profiles: ~/.config/mqtap/profiles.toml".into()],
            themes: Theme::names().map(str::to_owned).collect(),
            has_demo: true,
        };
        let now = Stamp { mono: 0, wall: START };
        let theme = Theme::default();
        let app = App::new(facts, Keymap::builtin(), theme.name.clone(), (columns, rows), now);
        Self { app, effects: Vec::new(), now, theme }
    }

    /// Sits down in front of a connection named `plant` that is being started.
    pub(crate) fn connecting(columns: u16, rows: u16) -> Self {
        Self::start(columns, rows, &[])
    }

    fn start(columns: u16, rows: u16, filters: &[&str]) -> Self {
        let mut player = Self::new(columns, rows);
        let url = Url::parse("mqtt://broker.plant.example").expect("a URL");
        let mut profile = Profile::ad_hoc(url).named("plant");
        profile.amend(|options| {
            options.subscriptions = filters.iter().map(|filter| Subscription::new(*filter, Qos::AtMostOnce)).collect();
        });
        let effect = player.app.connect(profile, None);
        player.effects.push(effect);
        player
    }

    /// Sits down in front of a connection named `plant` that is online and has these filters.
    pub(crate) fn online(columns: u16, rows: u16, filters: &[&str]) -> Self {
        let mut player = Self::start(columns, rows, filters);
        player.welcome();
        for filter in filters {
            player.mqtt(Mqtt::Subscribed { filter: (*filter).to_owned(), outcome: Ok(Qos::AtMostOnce) });
        }
        player
    }

    /// Lets the broker accept the connection.
    pub(crate) fn welcome(&mut self) {
        self.welcome_as(false);
    }

    /// Lets the broker accept the connection, whose certificate somebody verified or nobody did.
    pub(crate) fn welcome_as(&mut self, unverified: bool) {
        self.welcome_with(|welcome| welcome.unverified = unverified);
    }

    /// Lets the broker accept the connection with what `change` makes of the usual.
    pub(crate) fn welcome_with(&mut self, change: impl FnOnce(&mut Welcome)) {
        let mut welcome = Welcome {
            at: self.now,
            protocol: Protocol::V5,
            step_down: None,
            endpoint: Url::parse("mqtt://broker.plant.example").expect("a URL").endpoint,
            peer: "192.0.2.7:1883".into(),
            tls: None,
            chain: Vec::new(),
            unverified: false,
            took: std::time::Duration::from_micros(12_300),
            times: times(),
            session_present: false,
            session_lost: false,
            client_id: "mqtap-ops".into(),
            keep_alive: std::time::Duration::from_secs(30),
            limits: Limits::default(),
            properties: ConnackProperties::default(),
        };
        change(&mut welcome);
        self.mqtt(Mqtt::Status(Status::Online(Box::new(welcome))));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, millis: u64) -> &mut Self {
        self.now = self.now.after(std::time::Duration::from_millis(millis));
        self.update(Event::Tick);
        self
    }

    /// Presses keys, written as in a keymap and separated by spaces, each followed by a frame.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            let key = key.parse().unwrap_or_else(|why| panic!("{why}"));
            self.update(Event::Key(key));
            self.screen();
        }
        self
    }

    /// Types a text, letter by letter.
    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let key = if c == ' ' { "space".to_owned() } else { c.to_string() };
            self.keys(&key);
        }
        self
    }

    /// Lets a session say something.
    pub(crate) fn mqtt(&mut self, event: Mqtt) -> &mut Self {
        let id = self.app.workspaces.last().expect("a connection").id;
        self.update(Event::Mqtt(id, event));
        self
    }

    /// Lets a message arrive, ten milliseconds after whatever was before.
    pub(crate) fn receive(&mut self, topic: &str, payload: impl Into<Bytes>) -> &mut Self {
        self.receive_as(Message { topic: topic.into(), payload: payload.into(), ..Message::default() })
    }

    /// Lets a message with all its flags arrive.
    pub(crate) fn receive_as(&mut self, message: Message) -> &mut Self {
        self.now = self.now.after(std::time::Duration::from_millis(10));
        let at = self.now;
        self.mqtt(Mqtt::Messages(vec![Received { at, message, ..Received::default() }].into()))
    }

    /// Takes an event in.
    pub(crate) fn update(&mut self, event: Event) {
        let effects = self.app.update(self.now, event);
        self.effects.extend(effects);
    }

    /// Draws a frame.
    pub(crate) fn screen(&mut self) -> Buffer {
        let geometry = ui::layout::geometry(&self.app);
        self.app.prepare(geometry);
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.app.size.0, self.app.size.1));
        if self.theme.name != self.app.theme {
            self.theme = Theme::builtin(&self.app.theme).expect("a theme");
        }
        let _ = ui::render(&self.app, &geometry, &self.theme, &mut buffer);
        buffer
    }

    /// Draws a frame and returns its text, with a hash of its styles in the last line, so that a lost colour shows.
    pub(crate) fn shown(&mut self) -> String {
        let buffer = self.screen();
        format!("{}styles {:016x}\n", text(&buffer), styles(&buffer))
    }
}

/// Returns the text of a screen, without blanks at the ends of the rows.
pub(crate) fn text(buffer: &Buffer) -> String {
    use unicode_width::UnicodeWidthStr;
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += u16::try_from(symbol.width().max(1)).expect("a narrow cell");
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// Hashes colours and modifiers of all cells (FNV-1a, which never changes).
fn styles(buffer: &Buffer) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for cell in &buffer.content {
        for byte in format!("{:?}{:?}{:?}", cell.fg, cell.bg, cell.modifier).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}

/// Makes properties with what a sensor may send.
pub(crate) fn properties() -> Properties {
    Properties {
        content_type: Some("application/json".into()),
        message_expiry: Some(3_600),
        user_properties: vec![("site".into(), "a".into()), ("fw".into(), "1.4.2".into())],
        response_topic: Some("cmd/a/rsp".into()),
        correlation_data: Some(Bytes::from_static(b"\x7f\x01")),
        ..Properties::default()
    }
}

/// Returns the stages of a connection, as a session tells them.
fn times() -> Vec<(Stage, std::time::Duration)> {
    [(Stage::Name, 800), (Stage::Tcp, 5_200), (Stage::Connect, 6_300)]
        .map(|(stage, micros)| (stage, std::time::Duration::from_micros(micros)))
        .to_vec()
}
