//! Taking messages in, and the memory that they take.

use std::{collections::HashMap, hint::black_box, time::Instant};

use mqtap::{
    base::clock::Stamp,
    mqtt::message::{Message, Received},
    store::{Filter, Formats, Scope, Store, View},
};

use crate::table::{self, best};

/// The bytes of each payload.
const PAYLOAD: usize = 100;

/// What each machine tells.
const METRICS: [&str; 10] = ["temp", "pressure", "rpm", "vibration", "power", "current", "voltage", "state", "torque", "humidity"];

/// Messages of one measurement.
const MESSAGES: u32 = 1_000_000;

/// Messages of these topics, each topic once in an order that jumps between the branches.
pub(crate) fn messages(topics: u32) -> Vec<Received> {
    let message = |n: u32| {
        let n = (u64::from(n) * 7_919 % u64::from(topics)).try_into().unwrap_or(0_u32);
        let metric = METRICS[n as usize % METRICS.len()];
        let topic = format!("site/{}/line/{}/machine/{}/{metric}", n / 2_000, n / 200 % 10, n / 10 % 20);
        let payload = format!("{{\"seq\":{n:09},\"val\":{:>1$}}}", n % 97, PAYLOAD - 25);
        Received {
            at: Stamp::default(),
            resumed: false,
            message: Message { topic: topic.into(), payload: payload.into(), ..Message::default() },
        }
    };
    (0..topics).map(message).collect()
}

/// Measures the store.
pub(crate) fn measure() {
    for topics in [10, 10_000, 100_000] {
        let messages = messages(topics);
        let ours = best(5, || {
            let mut store = Store::new(256 << 20);
            time(&messages, |received| {
                black_box(store.insert(received));
            })
        });
        let floor = best(5, || {
            let mut last = HashMap::<Box<str>, Vec<u8>>::new();
            let mut log: Vec<u8> = Vec::with_capacity(PAYLOAD * MESSAGES as usize);
            time(&messages, |received| {
                let message = &received.message;
                log.extend_from_slice(&message.payload);
                match last.get_mut(&*message.topic) {
                    Some(value) => value.clone_from(&message.payload.to_vec()),
                    None => drop(last.insert((*message.topic).into(), message.payload.to_vec())),
                }
            })
        });
        table::row(&format!("store: message of {topics} topics"), "ns", ours, Some(("hash table with the last value, log", floor)));
    }
    memory();
    limits();
}

/// Measures what is asked for at most: many messages, many topics, many of them in one branch.
fn limits() {
    let (budget, sent) = (1 << 30, 10_000_000);
    let mut store = Store::new(budget);
    for received in messages(100_000).iter().cycle().take(sent) {
        store.insert(received);
        assert!(store.counts().bytes <= budget, "over the budget");
    }
    table::row("store: kept in 1 GiB", "millions", store.counts().kept as f64 / 1e6, Some(("sent", sent as f64 / 1e6)));
    let mut store = Store::with_tree_budget(256 << 20, 1 << 30);
    for received in &messages(1_000_000) {
        store.insert(received);
    }
    let taken = store.counts().bytes + store.tree().bytes();
    table::row("store: a million topics, a message each", "MiB", taken as f64 / f64::from(1 << 20), Some(("asked for", 350.0)));
    let mut store = Store::new(256 << 20);
    let start = Instant::now();
    for n in 0..100_000_u32 {
        let message = Message { topic: format!("all/{}", n.wrapping_mul(7_919) % 100_000).into(), ..Message::default() };
        store.insert(&Received { message, ..Received::default() });
    }
    table::row("store: 100,000 topics under one", "ms", start.elapsed().as_secs_f64() * 1e3, Some(("asked for", 1_000.0)));
}

/// Measures the bytes that are kept of a message, and of a topic.
fn memory() {
    let mut store = Store::new(1 << 30);
    let messages = messages(100_000);
    for received in messages.iter().cycle().take(MESSAGES as usize) {
        store.insert(received);
    }
    let counts = store.counts();
    let payload = messages.iter().map(|received| received.message.payload.len() as f64).sum::<f64>() / messages.len() as f64;
    table::row("store: message kept", "B", counts.bytes as f64 / counts.kept as f64, Some(("its payload", payload)));
    let topic = messages.iter().map(|received| received.message.topic.len() as f64).sum::<f64>() / messages.len() as f64;
    let tree = store.tree();
    search(&store);
    table::row("store: topic in the tree", "B", tree.bytes() as f64 / tree.topics() as f64, Some(("its name", topic)));
}

/// Measures a search that finds nothing, so that every message is looked at.
fn search(store: &Store) {
    let filter = Filter::parse("nowhere", Formats { names: &[], is: |_, _| false }).expect("a filter");
    let ours = best(3, || {
        let mut view = View::filtered(Scope::All);
        let start = Instant::now();
        while !view.catch_up_where(store, 10_000, |entry| filter.matches(entry, Stamp::default())) {}
        assert!(view.is_empty(), "it is in no message");
        start.elapsed().as_nanos() as f64 / store.counts().kept as f64
    });
    let bytes: Vec<u8> = messages(100_000).iter().flat_map(|received| received.message.payload.to_vec()).collect();
    let floor = best(3, || {
        let start = Instant::now();
        assert!(black_box(memchr::memmem::find(&bytes, b"nowhere")).is_none());
        start.elapsed().as_nanos() as f64 / 100_000.0
    });
    table::row("store: message searched", "ns", ours, Some(("memmem over the payloads", floor)));
}

/// Returns the nanoseconds that each message takes, the topics being known already.
fn time(messages: &[Received], mut insert: impl FnMut(&Received)) -> f64 {
    messages.iter().for_each(&mut insert);
    let start = Instant::now();
    messages.iter().cycle().take(MESSAGES as usize).for_each(insert);
    start.elapsed().as_nanos() as f64 / f64::from(MESSAGES)
}
