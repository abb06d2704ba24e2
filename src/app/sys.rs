//! What brokers tell of themselves under `$SYS`, by the names that mosquitto and EMQX give it.

use std::time::Duration;

use crate::{
    base::{human, text},
    store::{NodeId, Store},
};

/// Where everything of the kind is.
const ROOT: &str = "$SYS";

/// Where mosquitto, and those who took its names, tell of themselves.
const MOSQUITTO: &str = "$SYS/broker";

/// Where EMQX tells of its nodes, each in a branch of its own.
const EMQX: &str = "$SYS/brokers";

/// The columns of a text.
const TEXT: usize = 120;

/// How a value reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// As it is.
    Text,
    /// A number of things.
    Count,
    /// Bytes.
    Size,
    /// Seconds, as `3600 seconds`.
    Uptime,
}

/// Label, unit, topic below mosquitto's branch, topic below EMQX's node; an empty topic is none.
type Known = (&'static str, Unit, &'static str, &'static str);

const KNOWN: &[Known] = &[
    ("version", Unit::Text, "version", "version"),
    ("uptime", Unit::Uptime, "uptime", "uptime"),
    ("clients", Unit::Count, "clients/connected", "stats/connections/count"),
    ("clients, most", Unit::Count, "clients/maximum", "stats/connections/max"),
    ("sessions", Unit::Count, "clients/total", "stats/sessions/count"),
    ("subscriptions", Unit::Count, "subscriptions/count", "stats/subscriptions/count"),
    ("retained", Unit::Count, "retained messages/count", "stats/retained/count"),
    ("messages in", Unit::Count, "messages/received", "metrics/messages/received"),
    ("messages out", Unit::Count, "messages/sent", "metrics/messages/sent"),
    ("bytes in", Unit::Size, "bytes/received", "metrics/bytes/received"),
    ("bytes out", Unit::Size, "bytes/sent", "metrics/bytes/sent"),
    ("dropped", Unit::Count, "publish/messages/dropped", "metrics/messages/dropped"),
    ("memory", Unit::Size, "heap/current", ""),
];

/// Averages a minute over 1, 5 and 15 minutes: label, topic below mosquitto's branch.
const LOADS: &[(&str, &str)] =
    &[("in a minute", "load/messages/received"), ("out a minute", "load/messages/sent"), ("connects a minute", "load/connections")];

/// What the broker has told of itself so far, as labels and values; all of it is safe to show.
///
/// Nothing where nothing of the kind has arrived; what has arrived and is not known is in the tree for everybody to see.
#[must_use]
pub(super) fn told(store: &Store) -> Option<Vec<(&'static str, String)>> {
    store.tree().find(ROOT)?;
    let (prefix, is_emqx) = match node_of_emqx(store) {
        Some(node) => (store.tree().topic(node).to_owned(), true),
        None => (MOSQUITTO.to_owned(), false),
    };
    let mut values = Vec::new();
    if is_emqx {
        let name = prefix.rsplit('/').next().unwrap_or_default();
        values.push(("node", text::line(name, TEXT).to_string()));
    }
    for (label, unit, mosquitto, emqx) in KNOWN {
        let topic = if is_emqx { emqx } else { mosquitto };
        if let Some(value) = value(store, &format!("{prefix}/{topic}")) {
            values.push((label, words(&value, *unit)));
        }
    }
    for (label, topic) in LOADS.iter().filter(|_| !is_emqx) {
        let averages: Vec<String> =
            ["1min", "5min", "15min"].iter().filter_map(|over| value(store, &format!("{prefix}/{topic}/{over}"))).collect();
        if !averages.is_empty() {
            values.push((label, averages.join("  ")));
        }
    }
    Some(values)
}

/// Finds the first branch below that of EMQX which tells of a node.
fn node_of_emqx(store: &Store) -> Option<NodeId> {
    let tree = store.tree();
    let brokers = tree.find(EMQX)?;
    let mut next = tree.first_child(Some(brokers));
    while let Some(node) = next {
        if tree.first_child(Some(node)).is_some() {
            return Some(node);
        }
        next = tree.next_sibling(node);
    }
    None
}

/// Returns the newest value of a topic.
fn value(store: &Store, topic: &str) -> Option<String> {
    let node = store.tree().find(topic)?;
    let entry = store.message(store.latest(node)?)?;
    Some(text::line_of_bytes(entry.payload, TEXT).to_string())
}

/// Writes a value with its unit; what is no number stays as it came.
fn words(value: &str, unit: Unit) -> String {
    let number = || value.split(' ').next().and_then(|number| number.parse::<u64>().ok());
    match (unit, number()) {
        (Unit::Count, Some(count)) => human::count(count),
        (Unit::Size, Some(bytes)) => human::size(bytes),
        (Unit::Uptime, Some(seconds)) if value.ends_with(" seconds") => human::span(Duration::from_secs(seconds)),
        (Unit::Text | Unit::Count | Unit::Size | Unit::Uptime, _) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::message::{Message, Received};

    fn store(messages: &[(&str, &str)]) -> Store {
        let mut store = Store::new(1 << 20);
        for (topic, payload) in messages {
            let message = Message { topic: (*topic).into(), payload: (*payload).to_owned().into(), ..Message::default() };
            store.insert(&Received { message, ..Received::default() });
        }
        store
    }

    #[test]
    fn mosquitto_is_understood() {
        let store = store(&[
            ("$SYS/broker/version", "mosquitto version 2.0.18"),
            ("$SYS/broker/uptime", "7500 seconds"),
            ("$SYS/broker/clients/connected", "1234"),
            ("$SYS/broker/bytes/received", "2048"),
            ("$SYS/broker/load/messages/received/1min", "91.38"),
            ("$SYS/broker/load/messages/received/5min", "18.5"),
            ("$SYS/broker/messages/sent", "many\u{1b}"),
        ]);
        let told = told(&store).expect("something");
        assert_eq!(
            told,
            [
                ("version", "mosquitto version 2.0.18".to_owned()),
                ("uptime", "2h05m".to_owned()),
                ("clients", "1,234".to_owned()),
                ("messages out", "many␛".to_owned()),
                ("bytes in", "2.0 KiB".to_owned()),
                ("in a minute", "91.38  18.5".to_owned()),
            ]
        );
    }

    #[test]
    fn emqx_is_understood() {
        let store = store(&[
            ("$SYS/brokers", "emqx@10.0.0.1"),
            ("$SYS/brokers/emqx@10.0.0.1/version", "5.8.0"),
            ("$SYS/brokers/emqx@10.0.0.1/uptime", "3 hours, 22 minutes"),
            ("$SYS/brokers/emqx@10.0.0.1/stats/connections/count", "12"),
        ]);
        let told = told(&store).expect("something");
        assert_eq!(
            told,
            [
                ("node", "emqx@10.0.0.1".to_owned()),
                ("version", "5.8.0".to_owned()),
                ("uptime", "3 hours, 22 minutes".to_owned()),
                ("clients", "12".to_owned()),
            ]
        );
    }

    #[test]
    fn silence_is_told_from_what_is_not_known() {
        assert_eq!(told(&store(&[("plant/x", "1")])), None);
        assert_eq!(told(&store(&[("$SYS/other/x", "1")])), Some(Vec::new()));
    }
}
