//! Ten million messages of all levels over a hundred connections: `cargo test --release --test soak -- --nocapture` tells the figures.

#![expect(clippy::cast_precision_loss, reason = "a ratio is shown with three digits")]

mod common;

use std::{fs, time::Duration};

use common::listener::options;
use mqtap::{
    base::clock::{Clock, Stamp},
    mqtt::{
        command::Command,
        event::{Event, Status},
        message::Qos,
        options::{Options, Overflow, Protocol, Reconnect, Subscription},
        session::Session,
    },
    store::Store,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, timeout},
};

/// Connections, each ended by the broker without a word.
const CONNECTIONS: u64 = 100;

/// Messages of each.
const MESSAGES: u64 = 100_000;

/// Topics that they are of.
const TOPICS: u64 = 1_000;

/// What the messages may take.
const BUDGET: usize = 64 << 20;

/// How long no message may come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The level of a message: one of ten is of QoS 1, one of fifty of QoS 2.
fn qos(number: u64) -> Qos {
    match number % 50 {
        0 => Qos::ExactlyOnce,
        n if n % 10 == 5 => Qos::AtLeastOnce,
        _ => Qos::AtMostOnce,
    }
}

/// Counts the messages of each level that the broker sends.
fn sent_per_level() -> [u64; 3] {
    let mut sent = [0; 3];
    for number in 0..CONNECTIONS * MESSAGES {
        sent[usize::from(qos(number).level())] += 1;
    }
    sent
}

/// Returns how many messages the tree counts for a topic.
fn messages_of(store: &Store, topic: u64) -> u64 {
    let node = store.tree().find(&format!("site/{topic}/temp")).expect("it is listed");
    store.tree().stats(node, Stamp::default()).messages
}

/// Makes a PUBLISH of MQTT 5 with a payload of 120 bytes that begins with its number.
fn publish(number: u64) -> Vec<u8> {
    let topic = format!("site/{}/temp", number % TOPICS);
    let mut body = u16::try_from(topic.len()).expect("short").to_be_bytes().to_vec();
    body.extend(topic.bytes());
    if qos(number) != Qos::AtMostOnce {
        body.extend(u16::try_from(1 + number % MESSAGES / 5).expect("small").to_be_bytes());
    }
    body.push(0);
    body.extend(format!("{number:<120}").bytes());
    let low = u8::try_from(body.len() % 128).expect("seven bits") | 0x80;
    [&[0x30 | qos(number).level() << 1, low, 1], &body[..]].concat()
}

async fn packet(reader: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<(u8, Vec<u8>)> {
    let kind = reader.read_u8().await?;
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.read_u8().await?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok((kind, body))
}

/// Serves one connection: sends its messages, answers, and closes when all of QoS 1 and 2 are acknowledged to the end.
async fn serve(stream: TcpStream, first: u64) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    packet(&mut reader).await?;
    writer.write_all(&[0x20, 3, 0, 0, 0]).await?;
    let (_, subscribe) = packet(&mut reader).await?;
    writer.write_all(&[0x90, 4, subscribe[0], subscribe[1], 0, 2]).await?;
    let (releases, mut released) = mpsc::unbounded_channel::<Vec<u8>>();
    let sending = tokio::spawn(async move {
        let mut bytes = Vec::new();
        for number in first..first + MESSAGES {
            bytes.extend(publish(number));
            if bytes.len() > 50_000 || number + 1 == first + MESSAGES {
                writer.write_all(&bytes).await?;
                bytes.clear();
                while let Ok(release) = released.try_recv() {
                    writer.write_all(&release).await?;
                }
            }
        }
        while let Some(release) = released.recv().await {
            writer.write_all(&release).await?;
        }
        Ok::<_, std::io::Error>(writer)
    });
    let awaited = (first..first + MESSAGES).filter(|number| qos(*number) != Qos::AtMostOnce).count();
    let mut acknowledged = 0;
    while acknowledged < awaited {
        let (kind, body) = packet(&mut reader).await?;
        match kind & 0xf0 {
            0x40 | 0x70 => acknowledged += 1,
            0x50 => drop(releases.send(vec![0x62, 2, body[0], body[1]])),
            0xc0 => drop(releases.send(vec![0xd0, 0])),
            _ => {}
        }
    }
    drop(releases);
    // Closed without a word, as when a broker is killed.
    drop(sending.await.expect("no panic")?);
    Ok(())
}

/// Returns the memory of this process, in bytes.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
    line.trim_end_matches("kB").trim().parse::<usize>().expect("a number") << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_million_messages_and_a_hundred_reconnects_end_with_exact_counters_and_flat_memory() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let broker = tokio::spawn(async move {
        for connection in 0..CONNECTIONS {
            let (stream, _) = listener.accept().await.expect("a client");
            serve(stream, connection * MESSAGES).await.expect("the client holds");
        }
        listener
    });
    let soon = Reconnect { initial: Duration::from_millis(1), max: Duration::from_millis(5) };
    let subscriptions = vec![Subscription::new("#", Qos::ExactlyOnce)];
    let options = Options {
        overflow: Overflow::Wait,
        reconnect: Some(soon),
        subscriptions,
        packets: true,
        ..options(port, Protocol::V5, "soaked")
    };
    let (sender, mut events) = mpsc::channel(256);
    let session = Session::start(options, Clock::start(), sender);
    let mut store = Store::new(BUDGET);
    let (mut next, mut connections, began) = (0, 0, Instant::now());
    // The memory at each twentieth of the way: one look alone would see what the allocator happens to hold.
    let mut looks = [0; 20];
    while next < CONNECTIONS * MESSAGES {
        let stalled = |_| panic!("nothing for {PATIENCE:?} after {next} messages over {connections} connections");
        match timeout(PATIENCE, events.recv()).await.unwrap_or_else(stalled).expect("the session lives") {
            Event::Messages(batch) => {
                for message in &batch {
                    let number: u64 = str::from_utf8(message.payload).expect("text").trim().parse().expect("a number");
                    assert_eq!((number, message.qos), (next, qos(next)), "in the order of the wire, none twice");
                    store.insert(message);
                    next += 1;
                }
            }
            Event::Status(Status::Online(_)) => connections += 1,
            // A hundred in so short a time are more than a session makes by itself.
            Event::Status(Status::Waiting { .. }) => session.command(Command::Reconnect).expect("room"),
            Event::Status(Status::Failed { cause }) => panic!("{cause}"),
            Event::Lost(lost) => store.lost(lost),
            _ => {}
        }
        let twentieth = usize::try_from(next * 20 / (CONNECTIONS * MESSAGES + 1)).expect("below 20");
        if looks[twentieth] == 0 {
            looks[twentieth] = memory();
        }
    }
    // After a tenth of the way the store is full.
    let [warm, later] = [&looks[2..11], &looks[11..]].map(|some| some.iter().copied().max().expect("nine looks"));
    let (counts, grown) = (store.counts(), later as f64 / warm as f64);
    println!("{next} messages, {connections} connections, {:?}, memory {warm} bytes, x{grown:.3}; {counts:?}", began.elapsed());
    assert_eq!(connections, CONNECTIONS);
    assert_eq!((counts.received, counts.lost), (CONNECTIONS * MESSAGES, 0));
    assert_eq!(counts.qos, sent_per_level());
    assert_eq!((counts.retained, counts.duplicates, counts.unlisted), (0, 0, 0));
    assert_eq!(store.tree().topics() as u64, TOPICS);
    let counted: u64 = (0..TOPICS).map(|topic| messages_of(&store, topic)).sum();
    assert_eq!((counted, messages_of(&store, 7)), (CONNECTIONS * MESSAGES, CONNECTIONS * MESSAGES / TOPICS));
    assert!(counts.bytes <= BUDGET && grown < 1.05, "memory grows: x{grown:.3}");
    drop(session);
    drop(broker.await.expect("no panic"));
}
