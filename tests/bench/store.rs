//! Taking messages in, and the memory that they take.

use std::{collections::HashMap, hint::black_box, time::Instant};

use mqtap::{
    base::clock::Stamp,
    mqtt::message::{Message, Received},
    store::Store,
};

use crate::table::{self, best};

/// The bytes of each payload.
const PAYLOAD: usize = 100;

/// Messages of one measurement.
const MESSAGES: u32 = 1_000_000;

/// Messages of these topics, each topic once in an order that jumps between the branches.
pub(crate) fn messages(topics: u32) -> Vec<Received> {
    let message = |n: u32| {
        let n = (u64::from(n) * 7_919 % u64::from(topics)).try_into().unwrap_or(0_u32);
        let topic = format!("site/{}/line/{}/machine/{}/temp", n / 10_000, n / 100 % 100, n % 100);
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
    table::row("store: topic in the tree", "B", tree.bytes() as f64 / tree.topics() as f64, Some(("its name", topic)));
}

/// Returns the nanoseconds that each message takes, the topics being known already.
fn time(messages: &[Received], mut insert: impl FnMut(&Received)) -> f64 {
    messages.iter().for_each(&mut insert);
    let start = Instant::now();
    messages.iter().cycle().take(MESSAGES as usize).for_each(insert);
    start.elapsed().as_nanos() as f64 / f64::from(MESSAGES)
}
