//! Taking messages in, and the memory that they take.

use std::{collections::HashMap, hint::black_box, time::Instant};

use mqtap::{
    base::clock::Stamp,
    mqtt::{
        batch::Delivery,
        message::{Message, Received},
    },
    store::{Filter, Formats, Scope, Store, View},
};

use crate::table::{self, best};

/// What each machine tells.
const METRICS: [&str; 10] = ["temp", "pressure", "rpm", "vibration", "power", "current", "voltage", "state", "torque", "humidity"];

/// Messages of one measurement.
const MESSAGES: u32 = 1_000_000;

/// Messages of the one that lists what may be kept: more than fits.
const SENT: u32 = 40_000_000;

/// The time from one message to the next, in microseconds: ten thousand a second.
const STEP: u64 = 100;

/// Messages of these topics, each topic once in an order that jumps between the branches.
pub(crate) fn messages(topics: u32) -> Vec<Received> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut message = |n: u32| {
        let n = (u64::from(n) * 7_919 % u64::from(topics)).try_into().unwrap_or(0_u32);
        let metric = METRICS[n as usize % METRICS.len()];
        let topic = format!("site/{}/line/{}/machine/{}/{metric}", n / 2_000, n / 200 % 10, n / 10 % 20);
        let payload = payload(&mut rng, metric);
        Received {
            at: Stamp::default(),
            resumed: false,
            message: Message { topic: topic.into(), payload: payload.into(), ..Message::default() },
        }
    };
    (0..topics).map(&mut message).collect()
}

/// Makes JSON of about 100 bytes, of which the numbers are never the same.
fn payload(rng: &mut fastrand::Rng, metric: &str) -> String {
    let (minute, second, milli) = (rng.u8(..60), rng.u8(..60), rng.u16(..1_000));
    let (value, seq) = (rng.f64() * 100.0, rng.u32(..1_000_000));
    let quality = ["good", "good", "good", "uncertain"][rng.usize(..4)];
    let time = format!("2026-11-20T09:{minute:02}:{second:02}.{milli:03}Z");
    format!("{{\"ts\":\"{time}\",\"name\":\"{metric}\",\"value\":{value:.3},\"seq\":{seq},\"quality\":\"{quality}\"}}")
}

/// Returns messages over and over, each stamped a little later than the one before.
fn live(messages: &[Received]) -> impl Iterator<Item = Delivery<'_>> {
    messages.iter().cycle().zip(1..).map(|(received, n)| {
        let wall = 1_795_176_271_000_000 + (n * STEP).cast_signed();
        Delivery { at: Stamp { mono: n * STEP, wall }, ..received.into() }
    })
}

/// Measures the store.
pub(crate) fn measure() {
    for topics in [10, 10_000, 100_000] {
        let messages = messages(topics);
        let ours = best(5, || {
            let mut store = Store::new(256 << 20);
            time(&messages, |message| {
                black_box(store.insert(message));
            })
        });
        let floor = best(5, || {
            let mut last = HashMap::<Box<str>, Vec<u8>>::new();
            let mut log: Vec<u8> = Vec::with_capacity(2 * 120 * MESSAGES as usize);
            time(&messages, |message| {
                log.extend_from_slice(message.payload);
                match last.get_mut(message.topic) {
                    Some(value) => {
                        value.clear();
                        value.extend_from_slice(message.payload);
                    }
                    None => drop(last.insert(message.topic.into(), message.payload.to_vec())),
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
    let budget = 1 << 30;
    let mut store = Store::new(budget);
    for message in live(&messages(100_000)).take(SENT as usize) {
        store.insert(message);
        assert!(store.counts().bytes <= budget, "over the budget");
    }
    assert!(store.counts().evicted > 0, "all of them fit");
    table::row("store: kept in 1 GiB", "millions", store.counts().kept as f64 / 1e6, Some(("sent", f64::from(SENT) / 1e6)));
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
    for message in live(&messages).take(MESSAGES as usize) {
        store.insert(message);
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
    let filter = Filter::parse("nowhere", Formats { names: &[], is: |_, _, _| false }).expect("a filter");
    let ours = best(3, || {
        let mut view = View::filtered(Scope::All);
        let start = Instant::now();
        while !view.catch_up_where(store, 10_000, |entry| filter.matches(store, entry, Stamp::default())) {}
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
fn time(messages: &[Received], mut take: impl FnMut(Delivery<'_>)) -> f64 {
    let mut stream = live(messages);
    stream.by_ref().take(messages.len()).for_each(&mut take);
    let start = Instant::now();
    stream.take(MESSAGES as usize).for_each(take);
    start.elapsed().as_nanos() as f64 / f64::from(MESSAGES)
}
