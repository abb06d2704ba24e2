//! The two ways of a message, past the MQTT library and through it: one order, nothing lost, and pings and answers in time.

mod common;

use std::time::Duration;

use common::{
    listener::{Listener, message, options},
    scripted::{CONNACK_V5, CONNACK_V311, Scripted, Step},
    within,
};
use mqtap::mqtt::{
    command::Command,
    error::Failure,
    event::{Event, Status},
    message::{Message, Qos},
    options::{Options, Overflow, Protocol},
};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep},
};

/// The topic of every message whose alias is 1 to 3, and of those without.
const TOPICS: [&str; 4] = ["plain", "one", "two/levels", "three"];

/// A PUBLISH of a server whose payload is its number.
#[derive(Debug, Clone, Copy)]
struct Sent {
    number: u32,
    qos: Qos,
    /// Its topic, and its alias where that is not 0.
    topic: usize,
    /// Whether the topic is written out.
    named: bool,
    retain: bool,
}

impl Sent {
    /// Makes up many that are valid one after the other, seven of eight with QoS 0.
    fn many(protocol: Protocol, count: u32, seed: u64) -> Vec<Self> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut known = [false; TOPICS.len()];
        (0..count)
            .map(|number| {
                let qos = if random.u8(..8) > 0 { Qos::AtMostOnce } else { Qos::ALL[random.usize(1..3)] };
                let topic = if protocol == Protocol::V5 { random.usize(..TOPICS.len()) } else { 0 };
                let named = topic == 0 || !std::mem::replace(&mut known[topic], true) || random.bool();
                Self { number, qos, topic, named, retain: random.u8(..16) == 0 }
            })
            .collect()
    }

    fn bytes(self, protocol: Protocol) -> Vec<u8> {
        let topic = if self.named { TOPICS[self.topic] } else { "" };
        let mut body = vec![0, u8::try_from(topic.len()).expect("short")];
        body.extend(topic.as_bytes());
        if self.qos != Qos::AtMostOnce {
            body.extend(u16::try_from(1 + self.number % 60_000).expect("small").to_be_bytes());
        }
        if protocol == Protocol::V5 {
            let alias = [0x23, 0, u8::try_from(self.topic).expect("small")];
            let alias = if self.topic == 0 { &[] } else { &alias[..] };
            body.push(u8::try_from(alias.len()).expect("short"));
            body.extend(alias);
        }
        body.extend(self.number.to_string().bytes());
        let first = 0x30 | self.qos.level() << 1 | u8::from(self.retain);
        [&[first, u8::try_from(body.len()).expect("short")], &body[..]].concat()
    }

    /// Compares with what arrived.
    fn check(self, message: &Message) {
        let number = self.number.to_string();
        assert_eq!((&message.topic[..], &message.payload[..]), (TOPICS[self.topic], number.as_bytes()), "{self:?}");
        assert_eq!((message.qos, message.retain, message.dup), (self.qos, self.retain, false), "{self:?}");
        let alias = message.properties.as_ref().and_then(|properties| properties.topic_alias);
        assert_eq!(alias, u16::try_from(self.topic).ok().filter(|alias| *alias > 0), "{self:?}");
    }
}

fn connack(protocol: Protocol) -> Vec<u8> {
    if protocol == Protocol::V5 { CONNACK_V5.to_vec() } else { CONNACK_V311.to_vec() }
}

fn stream(sent: &[Sent], protocol: Protocol) -> Vec<u8> {
    sent.iter().flat_map(|sent| sent.bytes(protocol)).collect()
}

#[rstest]
#[case::v31(Protocol::V31, Overflow::Count)]
#[case::v311(Protocol::V311, Overflow::Wait)]
#[case::v5(Protocol::V5, Overflow::Count)]
#[case::v5_waiting(Protocol::V5, Overflow::Wait)]
#[tokio::test]
async fn messages_of_all_levels_and_their_aliases_arrive_in_the_order_of_the_wire(
    #[case] protocol: Protocol,
    #[case] overflow: Overflow,
) {
    for seed in 0..4 {
        let sent = Sent::many(protocol, 20_000, seed);
        // Seed 0 sends all at once with CONNACK, the others in ever smaller pieces.
        let bytes = stream(&sent, protocol);
        let pieces = bytes.chunks([bytes.len(), 70_001, 5_003, 997][usize::try_from(seed).expect("small")]);
        let mut script = vec![Step::Read, Step::Send(connack(protocol))];
        script.extend(pieces.map(|piece| Step::Send(piece.to_vec())));
        script.push(Step::Serve);
        let broker = Scripted::start(vec![script]).await;
        let mut listener = Listener::online(Options { overflow, ..options(broker.port, protocol, "tester") }).await;
        for (sent, received) in sent.iter().zip(listener.messages(sent.len()).await) {
            sent.check(&received.message);
        }
        listener.close().await;
    }
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn what_came_before_a_violation_is_told_before_the_connection_ends(#[case] protocol: Protocol) {
    let sent = Sent::many(protocol, 3_000, 9);
    let wildcard: &[u8] = if protocol == Protocol::V5 { &[0x30, 4, 0, 1, b'#', 0] } else { &[0x30, 3, 0, 1, b'#'] };
    let bytes = [connack(protocol), stream(&sent, protocol), wildcard.to_vec(), stream(&sent, protocol)].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Ignore]]).await;
    let mut listener = Listener::start(Options { reconnect: None, ..options(broker.port, protocol, "tester") });
    let mut arrived = 0;
    let cause = loop {
        match listener.next("the violation").await {
            Event::Messages(batch) => arrived += batch.len(),
            Event::Status(Status::Failed { cause }) => break cause,
            _ => {}
        }
    };
    assert!(matches!(&*cause, Failure::Violation(violation) if violation.field == "topic"), "{cause}");
    assert_eq!(arrived, sent.len());
    listener.close().await;
}

/// A broker that sends QoS 0 for so long, as fast as it is read or with pauses, and answers meanwhile; returns how often it was
/// pinged.
async fn flood(listener: TcpListener, time: Duration, pause: Duration) -> usize {
    let (stream, _) = listener.accept().await.expect("a client");
    let (mut reader, mut writer) = stream.into_split();
    let mut buffer = vec![0; 4096];
    let read = reader.read(&mut buffer).await.expect("CONNECT");
    assert_eq!(buffer[..read].first(), Some(&0x10));
    writer.write_all(CONNACK_V5).await.expect("CONNACK");
    // Large, so that few of them fill the buffers of the system, behind which every answer waits.
    let quiet = [&[0x30, 0x88, 0x08, 0, 5], &b"flood"[..], &[0], &[b'x'; 1024]].concat().repeat(10);
    let (mut pings, end) = (0, Instant::now() + time);
    let mut heard = Vec::new();
    while Instant::now() < end {
        writer.write_all(&quiet).await.expect("the client reads");
        if !pause.is_zero() {
            sleep(pause).await;
        }
        while let Ok(read) = reader.try_read(&mut buffer) {
            assert!(read > 0, "the client hung up");
            heard.extend_from_slice(&buffer[..read]);
        }
        while heard.len() >= 2 && heard.len() >= 2 + usize::from(heard[1]) {
            let packet: Vec<u8> = heard.drain(..2 + usize::from(heard[1])).collect();
            match packet[0] & 0xf0 {
                0xc0 => {
                    pings += 1;
                    writer.write_all(&[0xd0, 0]).await.expect("PINGRESP");
                }
                // PUBLISH on topic `t` with QoS 1.
                0x30 => writer.write_all(&[0x40, 2, packet[5], packet[6]]).await.expect("PUBACK"),
                _ => {}
            }
        }
    }
    drop((reader, writer));
    pings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_keeps_back_neither_pings_nor_the_answers_to_publishes() {
    let server = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = server.local_addr().expect("an address").port();
    let broker = tokio::spawn(flood(server, Duration::from_millis(3_500), Duration::ZERO));
    let keep_alive = Duration::from_secs(1);
    let mut listener = Listener::online(Options { keep_alive, reconnect: None, ..options(port, Protocol::V5, "tester") }).await;
    let began = Instant::now();
    for _ in 0..5 {
        listener.publish(message("t", "", Qos::AtLeastOnce)).await.expect("acknowledged");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?} for five answers", began.elapsed());
    let cause = listener.failed().await;
    assert!(matches!(&*cause, Failure::Closed { .. } | Failure::Wire(_)), "it held until the broker left: {cause}");
    let pings = within("the broker", broker).await.expect("no panic");
    assert!(pings >= 1, "a silent client is thrown out");
    listener.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ping_that_is_asked_for_goes_out_between_steady_messages() {
    let server = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = server.local_addr().expect("an address").port();
    let broker = tokio::spawn(flood(server, Duration::from_secs(2), Duration::from_millis(1)));
    let mut listener = Listener::online(Options { reconnect: None, ..options(port, Protocol::V5, "tester") }).await;
    listener.messages(2_000).await;
    listener.session.command(Command::Ping).expect("room");
    let trip = |event| if let Event::RoundTrip(took) = event { Some(took) } else { None };
    let took = listener.wait("PINGRESP", trip).await;
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(within("the broker", broker).await.expect("no panic"), 1);
    listener.close().await;
}
