//! What a large message costs the allocator; alone in its program, since the counter sees every thread of it.

mod common;

use std::{alloc::System, time::Duration};

use common::{
    listener::{Listener, options},
    scripted::{CONNACK_V5, CONNACK_V311, Scripted, Step},
};
use mqtap::mqtt::{
    message::Qos,
    options::{Options, Protocol},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PAYLOAD: usize = 64 << 20;

/// A PUBLISH with a payload of [`PAYLOAD`] bytes.
fn publish(protocol: Protocol, qos: Qos) -> Vec<u8> {
    let mut body = b"\x00\x01t".to_vec();
    if qos != Qos::AtMostOnce {
        body.extend([0, 1]);
    }
    if protocol == Protocol::V5 {
        body.push(0);
    }
    let mut packet = vec![0x30 | qos.level() << 1];
    let mut length = body.len() + PAYLOAD;
    while length > 0 {
        let more = if length > 0x7f { 0x80 } else { 0 };
        packet.push(u8::try_from(length & 0x7f).expect("seven bits") | more);
        length >>= 7;
    }
    packet.extend(body);
    packet.resize(packet.len() + PAYLOAD, b'x');
    packet
}

#[test]
fn a_large_message_costs_its_size_and_not_its_square() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for (protocol, connack) in [(Protocol::V31, CONNACK_V311), (Protocol::V311, CONNACK_V311), (Protocol::V5, CONNACK_V5)] {
        for qos in Qos::ALL {
            let script = vec![Step::Read, Step::Send(connack.to_vec()), Step::Send(publish(protocol, qos)), Step::Ignore];
            runtime.block_on(async {
                let broker = Scripted::start(vec![script]).await;
                let options = options(broker.port, protocol, "large");
                let options = Options { max_packet_size: Some(2 * u32::try_from(PAYLOAD).expect("small")), ..options };
                let counted = Region::new(ALLOCATOR);
                let began = Instant::now();
                let mut listener = Listener::online(options).await;
                let received = listener.messages(1).await.remove(0);
                let (cost, took) = (counted.change(), began.elapsed());
                assert_eq!(received.message.payload.len(), PAYLOAD);
                assert!(cost.reallocations < 64, "{protocol} {qos:?}: {cost:?}");
                // The script's own copy, the bytes as they grow twofold, and what the library holds of them.
                assert!(cost.bytes_allocated < 6 * PAYLOAD, "{protocol} {qos:?}: {cost:?}");
                assert!(took < Duration::from_secs(20), "{protocol} {qos:?}: {took:?}");
                listener.close().await;
            });
        }
    }
}
