//! The sections of the Broker view, each made of what the connection knows.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{GRAPH, Mood, Row, Section, TIME, WillTest};
use crate::{
    app::{
        notice::Level,
        sys,
        workspace::{Grant, Workspace},
    },
    base::{
        clock::Stamp,
        human,
        text::{self, wrap},
    },
    mqtt::{
        event::{ConnackProperties, Limits, Status, Welcome},
        message::Qos,
        options::{Protocol, SessionExpiry, Will},
        will_test::WillReport,
    },
    store::Store,
    wire::{dial::Stage, tls::certificate::Certificate},
};

/// A certificate whose time ends in so many days wants to be renewed.
const RENEW: i64 = 14;

pub(super) fn connection(workspace: &Workspace, zone: &TimeZone, columns: usize) -> Section {
    let mut section = Section::new("Connection");
    let since = human::hours_minutes(workspace.since, zone);
    let (state, mood) = match &workspace.status {
        Status::Online(_) => (format!("online since {since}"), Mood::Good),
        Status::Connecting { stage, .. } => (format!("connecting: {stage}"), Mood::Warning),
        Status::Waiting { attempt, .. } => (format!("offline since {since}, try {attempt} follows"), Mood::Warning),
        Status::Failed { .. } | Status::Closed => (format!("offline since {since}"), Mood::Bad),
    };
    section.fact("state", &state, mood, columns);
    let Some(welcome) = &workspace.welcome else {
        section.fact("address", &workspace.profile.endpoint().to_string(), Mood::Plain, columns);
        return section;
    };
    let Welcome { endpoint, peer, protocol, step_down, tls, unverified, client_id, keep_alive, properties, .. } = &**welcome;
    section.fact("address", &endpoint.to_string(), Mood::Plain, columns);
    section.fact("peer", peer, Mood::Plain, columns);
    let (version, mood) = match step_down {
        Some(why) => (format!("MQTT {protocol}: {why}"), Mood::Warning),
        None => (format!("MQTT {protocol}"), Mood::Plain),
    };
    section.fact("version", &version, mood, columns);
    match tls {
        Some(_) if *unverified => section.fact("TLS", "encrypted, but nobody looked who answers", Mood::Bad, columns),
        Some(tls) => section.fact("TLS", tls, Mood::Plain, columns),
        None => section.fact("TLS", "none", Mood::Dim, columns),
    }
    let assigned = if properties.assigned_client_id.is_some() { " (assigned)" } else { "" };
    section.fact("client id", &format!("{client_id}{assigned}"), Mood::Plain, columns);
    section.fact("session", session(welcome), Mood::Plain, columns);
    let beat = match (keep_alive.is_zero(), properties.server_keep_alive) {
        (true, _) => "off".to_owned(),
        (false, Some(_)) => format!("{}, as the broker wants it", human::duration(*keep_alive)),
        (false, None) => human::duration(*keep_alive),
    };
    section.fact("keep alive", &beat, Mood::Plain, columns);
    section.fact("connected in", &times(welcome), Mood::Plain, columns);
    if let (count @ 1.., last) = workspace.skips.total() {
        let said = format!("{} messages, the last of {} on {}", human::count(count), human::size(last.size), last.topic);
        section.fact("too large", &said, Mood::Warning, columns);
    }
    section
}

fn session(welcome: &Welcome) -> &'static str {
    match (welcome.session_present, welcome.session_lost) {
        (true, _) => "goes on from before",
        (false, true) => "new: the broker has lost the one before",
        (false, false) => "new",
    }
}

/// Writes how long connecting took, stage by stage.
fn times(welcome: &Welcome) -> String {
    let name = |stage: Stage| match stage {
        Stage::Name => "name",
        Stage::Tcp => "TCP",
        Stage::Proxy => "proxy",
        Stage::Tls => "TLS",
        Stage::WebSocket => "WebSocket",
        Stage::Quic => "QUIC",
        Stage::Socket => "socket",
        Stage::Connect => "CONNECT",
    };
    let stages: Vec<String> =
        welcome.times.iter().map(|(stage, took)| format!("{} {}", name(*stage), human::span(*took))).collect();
    format!("{}: {}", human::span(welcome.took), stages.join(", "))
}

pub(super) fn granted(workspace: &Workspace, columns: usize) -> Option<Section> {
    let welcome = workspace.welcome.as_ref()?;
    let mut section = Section::new("Granted");
    if welcome.protocol != Protocol::V5 {
        section.text(&format!("MQTT {} tells no limits.", welcome.protocol), Mood::Dim, columns);
        return Some(section);
    }
    let Limits {
        maximum_qos,
        retain_available,
        wildcard_available,
        shared_available,
        identifiers_available,
        topic_alias_maximum,
        maximum_packet_size,
        receive_maximum,
    } = welcome.limits;
    let qos_mood = if maximum_qos == Qos::ExactlyOnce { Mood::Plain } else { Mood::Warning };
    section.fact("max QoS", &maximum_qos.to_string(), qos_mood, columns);
    let packet = maximum_packet_size.map_or("no limit".to_owned(), |size| human::limit(size.into()));
    section.fact("max packet", &packet, Mood::Plain, columns);
    section.fact("receive max", &human::count(receive_maximum.into()), Mood::Plain, columns);
    section.fact("topic aliases", &human::count(topic_alias_maximum.into()), Mood::Plain, columns);
    let flags = [
        ("retain", retain_available),
        ("wildcards", wildcard_available),
        ("shared subs", shared_available),
        ("sub ids", identifiers_available),
    ];
    for (label, available) in flags {
        let (word, mood) = if available { ("yes", Mood::Plain) } else { ("no", Mood::Warning) };
        section.fact(label, word, mood, columns);
    }
    besides(&welcome.properties, columns, &mut section);
    Some(section)
}

/// Adds what CONNACK says besides the limits.
fn besides(properties: &ConnackProperties, columns: usize, section: &mut Section) {
    let ConnackProperties { session_expiry, response_information, server_reference, reason_string, user_properties, .. } =
        properties;
    if let Some(expiry) = session_expiry {
        let words = match expiry {
            SessionExpiry::AtDisconnect => "with the connection".to_owned(),
            SessionExpiry::After(seconds) => human::duration(Duration::from_secs((*seconds).into())),
            SessionExpiry::Never => "never".to_owned(),
        };
        section.fact("session ends", &words, Mood::Plain, columns);
    }
    let texts = [("response info", response_information), ("other server", server_reference), ("said", reason_string)];
    for (label, said) in texts {
        if let Some(said) = said {
            section.fact(label, said, Mood::Plain, columns);
        }
    }
    for (name, value) in user_properties {
        section.fact("user property", &format!("{name} = {value}"), Mood::Plain, columns);
    }
}

pub(super) fn certificates(workspace: &Workspace, now: Stamp, columns: usize) -> Option<Section> {
    let chain = &workspace.welcome.as_ref()?.chain;
    if chain.is_empty() {
        return None;
    }
    let mut section = Section::new("Certificates");
    for certificate in chain {
        self::certificate(certificate, now, columns, &mut section);
    }
    Some(section)
}

fn certificate(certificate: &Certificate, now: Stamp, columns: usize, section: &mut Section) {
    section.fact("subject", &certificate.subject, Mood::Plain, columns);
    if !certificate.names.is_empty() {
        section.fact("names", &certificate.names.join(", "), Mood::Plain, columns);
    }
    section.fact("issuer", &certificate.issuer, Mood::Plain, columns);
    if let Some(end) = certificate.not_after {
        let now = Timestamp::from_microsecond(now.wall).unwrap_or(Timestamp::UNIX_EPOCH);
        let days = (end.as_second() - now.as_second()).div_euclid(86_400);
        let mood = match days {
            ..0 => Mood::Bad,
            0..RENEW => Mood::Warning,
            RENEW.. => Mood::Plain,
        };
        let left = if days < 0 { format!("ended {} days ago", -days) } else { format!("{days} days left") };
        section.fact("valid until", &format!("{}, {left}", end.strftime("%Y-%m-%d")), mood, columns);
    }
    section.fact("SHA-256", &certificate.fingerprint(), Mood::Dim, columns);
}

pub(super) fn round_trips(workspace: &Workspace, columns: usize) -> Section {
    let mut section = Section::new("Round trip");
    let mut sorted: Vec<Duration> = workspace.broker.round_trips.iter().copied().collect();
    sorted.sort_unstable();
    let (Some(least), Some(most), Some(last)) = (sorted.first(), sorted.last(), workspace.broker.round_trips.last()) else {
        section.text("No ping has been answered yet.", Mood::Dim, columns);
        return section;
    };
    section.rows.extend((0..GRAPH).map(Row::Graph));
    let median = sorted[sorted.len() / 2];
    section.fact("last", &human::span(*last), Mood::Plain, columns);
    let spread = [*least, median, *most].map(human::span).join(" / ");
    section.fact("min/med/max", &format!("{spread} of {}", sorted.len()), Mood::Plain, columns);
    section
}

pub(super) fn subscriptions(workspace: &Workspace, now: Stamp, columns: usize) -> Section {
    let mut section = Section::new("Subscriptions");
    if workspace.subscriptions.is_empty() {
        section.text("Nothing is subscribed to.", Mood::Dim, columns);
    }
    for row in &workspace.subscriptions {
        let Grant::Denied(why, hint) = &row.grant else {
            let counted = counted(&workspace.store, &row.subscription.filter, now);
            section.rows.push(Row::Subscription(row.clone(), counted));
            continue;
        };
        section.rows.push(Row::Text(format!("✗ {}", row.subscription.filter), Mood::Bad));
        for line in wrap(why, columns.saturating_sub(2)) {
            section.rows.push(Row::Text(format!("  {line}"), Mood::Bad));
        }
        for line in wrap(hint, columns.saturating_sub(2)).into_iter().filter(|line| !line.is_empty()) {
            section.rows.push(Row::Text(format!("  {line}"), Mood::Dim));
        }
    }
    section
}

/// Counts what came for a filter, where a branch of the tree is just what it matches.
fn counted(store: &Store, filter: &str, now: Stamp) -> Option<(u64, f64)> {
    let filter = match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/')?.1,
        None => filter,
    };
    if filter == "#" {
        let total = store.tree().total(now);
        return Some((total.messages, total.rate));
    }
    let (topic, is_branch) = match filter.strip_suffix("/#") {
        Some(branch) => (branch, true),
        None => (filter, false),
    };
    if topic.contains(['+', '#']) {
        return None;
    }
    let Some(node) = store.tree().find(topic) else { return Some((0, 0.0)) };
    let stats = store.tree().stats(node, now);
    if is_branch {
        return Some((stats.messages, stats.rate));
    }
    // The rate of a topic that has others below it is not known by itself.
    Some((stats.own, if stats.own == stats.messages { stats.rate } else { 0.0 }))
}

pub(super) fn told(workspace: &Workspace, columns: usize) -> Section {
    let mut section = Section::new("The broker about itself ($SYS)");
    match sys::told(&workspace.store) {
        None => section.text("Nothing has come: s subscribes to $SYS/# from here. Not every broker has it.", Mood::Dim, columns),
        Some(values) if values.is_empty() => {
            section.text("What came has other names than those of mosquitto and EMQX; it is in the tree.", Mood::Dim, columns);
        }
        Some(values) => values.iter().for_each(|(label, value)| section.fact(label, value, Mood::Plain, columns)),
    }
    section
}

pub(super) fn will(workspace: &Workspace, zone: &TimeZone, columns: usize) -> Section {
    let mut section = Section::new("Will");
    let Some(Will { message, delay }) = workspace.profile.will() else {
        section.text("This connection has none: the broker says nothing when it vanishes.", Mood::Dim, columns);
        return section;
    };
    section.fact("topic", &message.topic, Mood::Plain, columns);
    let payload = text::line_of_bytes(&message.payload, columns.saturating_mul(2));
    section.fact("payload", payload.as_str(), Mood::Plain, columns);
    let retain = if message.retain { ", retained" } else { "" };
    let delay = delay.map(|seconds| format!(", after {seconds} s")).unwrap_or_default();
    section.fact("sent", &format!("QoS {}{retain}{delay}", message.qos), Mood::Plain, columns);
    match &workspace.broker.will_test {
        WillTest::Never => section.fact("tested", "not yet", Mood::Dim, columns),
        WillTest::Running => section.fact("tested", "a client was cut off; waiting for the will", Mood::Warning, columns),
        WillTest::Failed(why, hint) => {
            section.fact("tested", &format!("not possible: {why}"), Mood::Bad, columns);
            section.fact("", hint, Mood::Dim, columns);
        }
        WillTest::Done(at, report) => tested(*at, report, zone, columns, &mut section),
    }
    section
}

/// Adds what came of a test.
fn tested(at: Stamp, report: &WillReport, zone: &TimeZone, columns: usize, section: &mut Section) {
    let at = human::hours_minutes(at, zone);
    let Some(arrival) = &report.arrival else {
        let said = format!("{at}: nothing arrived within {}; it may be that", human::span(report.waited));
        section.fact("tested", &said, Mood::Bad, columns);
        for cause in WillReport::CAUSES {
            section.fact("", cause, Mood::Dim, columns);
        }
        return;
    };
    let message = &arrival.message;
    let said = format!("{at}: arrived after {}", human::span(arrival.after));
    let differences = report.differences();
    let mood = if differences.is_empty() { Mood::Good } else { Mood::Warning };
    section.fact("tested", &said, mood, columns);
    let retain = if message.retain { "retained" } else { "not retained" };
    section.fact("came with", &format!("QoS {}, {retain}, the same payload", message.qos), Mood::Plain, columns);
    for difference in &differences {
        section.fact("", difference, Mood::Warning, columns);
    }
}

pub(super) fn troubles(workspace: &Workspace, columns: usize) -> Section {
    let mut section = Section::new("What went wrong here");
    if workspace.broker.troubles.is_empty() {
        section.text("Nothing.", Mood::Dim, columns);
    }
    for notice in workspace.broker.troubles.iter().rev() {
        let mood = if notice.level == Level::Error { Mood::Bad } else { Mood::Warning };
        let mut at = Some(notice.at);
        for part in wrap(&notice.text, columns.saturating_sub(TIME)) {
            section.rows.push(Row::Trouble(at.take(), part, mood));
        }
        for part in wrap(&notice.hint, columns.saturating_sub(TIME)).into_iter().filter(|part| !part.is_empty()) {
            section.rows.push(Row::Trouble(None, part, Mood::Dim));
        }
    }
    section
}
