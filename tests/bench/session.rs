//! A message from the socket to the consumer of a session, in this process.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
};

use mqtap::{
    base::clock::Clock,
    mqtt::{
        event::Event,
        message::Qos,
        options::{Options, Overflow, Protocol, Subscription},
        session::Session,
    },
    wire::endpoint::{Endpoint, Transport},
};
use tokio::sync::mpsc;

use crate::{
    cpu,
    flood::Flood,
    table::{self, best},
};

/// Messages of one measurement.
const MESSAGES: u32 = 2_000_000;

/// Measures sessions.
pub(crate) fn measure() {
    if cpu::of_this_thread().is_none() {
        table::skip("session", "there is no /proc/thread-self/schedstat");
        return;
    }
    let floor = floor();
    for protocol in [Protocol::V5, Protocol::V311] {
        let ours = best(3, || ours(protocol));
        table::row(&format!("session: message over MQTT {protocol}"), "CPU ns", ours, Some(("reading lengths only", floor)));
    }
}

/// Returns the CPU nanoseconds of a message, with those of the consumer.
fn ours(protocol: Protocol) -> f64 {
    let flood = Flood::start();
    let port = flood.port;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let endpoint = Endpoint { transport: Transport::Tcp, host: "127.0.0.1".into(), port, path: String::new() };
    let subscriptions = vec![Subscription::new("#", Qos::AtLeastOnce)];
    let options = Options { protocol, subscriptions, overflow: Overflow::Wait, ..Options::new(endpoint, "bench") };
    let (sender, mut events) = mpsc::channel(256);
    let session = runtime.block_on(async { Session::start(options, Clock::start(), sender) });
    let consumer = runtime.spawn(async move {
        let mut messages = 0;
        while let Some(event) = events.recv().await {
            if let Event::Messages(batch) = event {
                messages += batch.len();
            }
        }
        messages
    });
    flood.subscribed();
    flood.send(MESSAGES / 10);
    let before = cpu::of_process(std::process::id()).expect("CPU times");
    let (count, done) = flood.send(MESSAGES);
    let used = cpu::of_process(std::process::id()).expect("CPU times") - before - done.cpu;
    drop(session);
    let messages = runtime.block_on(consumer).expect("a count");
    assert!(messages as f64 > f64::from(count), "{messages} messages arrived");
    used as f64 / f64::from(count)
}

/// Returns the CPU nanoseconds of a message of which only the length is read.
pub(crate) fn floor() -> f64 {
    best(3, read_only)
}

fn read_only() -> f64 {
    let flood = Flood::start();
    let mut stream = TcpStream::connect(("127.0.0.1", flood.port)).expect("a connection");
    let reader = thread::spawn(move || {
        stream.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04read").expect("sent");
        stream.write_all(b"\x82\x06\x00\x01\x00\x01#\x01").expect("sent");
        read_lengths(&mut stream);
    });
    flood.subscribed();
    flood.send(MESSAGES / 10);
    let before = cpu::of_process(std::process::id()).expect("CPU times");
    let (count, done) = flood.send(MESSAGES);
    let used = cpu::of_process(std::process::id()).expect("CPU times") - before - done.cpu;
    drop(flood);
    reader.join().expect("a reader");
    used as f64 / f64::from(count)
}

/// Walks from packet to packet, and acknowledges those of QoS 1, until the broker has gone.
fn read_lengths(stream: &mut TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    let (mut start, mut end) = (0, 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer[end..]) {
        end += count;
        while let Some(length) = packet_length(&buffer[start..end]) {
            if buffer[start] & 0xf6 == 0x32 {
                stream.write_all(&[0x40, 2, 0, 1]).expect("sent");
            }
            start += length;
        }
        buffer.copy_within(start..end, 0);
        (start, end) = (0, end - start);
    }
}

/// Returns the length of the packet at the start of `bytes`, when it is whole.
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let whole = index + 2 + length;
            return (whole <= bytes.len()).then_some(whole);
        }
    }
    None
}
