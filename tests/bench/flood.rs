//! A broker that accepts anyone and sends as fast as the client reads.

use std::{
    io::{self, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{cpu, store};

/// Topics of the messages.
pub(crate) const TOPICS: u32 = 10_000;

/// A broker for one client.
pub(crate) struct Flood {
    pub(crate) port: u16,
    orders: Sender<(u32, Duration)>,
    done: Receiver<Done>,
}

/// What sending took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    /// CPU nanoseconds of the broker.
    pub(crate) cpu: u64,
}

impl Flood {
    /// Starts it on a free port of the loopback.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (orders, wanted) = channel();
        let (report, done) = channel();
        thread::spawn(move || {
            // A client that goes away ends the thread.
            let _ = serve(&listener, &wanted, &report);
        });
        Self { port, orders, done }
    }

    /// Waits until the client has subscribed.
    pub(crate) fn subscribed(&self) {
        self.done.recv().expect("a client");
    }

    /// Sends about so many messages at QoS 0 and one at QoS 1, and waits until that one is acknowledged.
    ///
    /// Returns how many those were, and what sending them took.
    pub(crate) fn send(&self, messages: u32) -> (u32, Done) {
        self.send_paced(messages, Duration::ZERO)
    }

    /// Does so with [`TOPICS`] messages in each `period` at most.
    pub(crate) fn send_paced(&self, messages: u32, period: Duration) -> (u32, Done) {
        let rounds = messages / TOPICS;
        self.orders.send((rounds, period)).expect("a broker");
        (rounds * TOPICS + 1, self.done.recv().expect("an acknowledgement"))
    }
}

fn serve(listener: &TcpListener, wanted: &Receiver<(u32, Duration)>, report: &Sender<Done>) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (_, connect) = packet(&mut reader)?;
    let is_v5 = connect[6] == 5;
    stream.write_all(if is_v5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] })?;
    await_packet(&mut reader, &mut stream, 0x80, is_v5)?;
    let _ = report.send(Done { cpu: 0 });
    let round: Vec<u8> = store::messages(TOPICS)
        .iter()
        .flat_map(|received| publish(&received.message.topic, &received.message.payload, is_v5, None))
        .collect();
    let last = publish("last", b"", is_v5, Some(1));
    for (rounds, period) in wanted {
        let before = cpu::of_this_thread().unwrap_or(0);
        let start = Instant::now();
        for n in 0..rounds {
            thread::sleep((period * n).saturating_sub(start.elapsed()));
            stream.write_all(&round)?;
        }
        stream.write_all(&last)?;
        await_packet(&mut reader, &mut stream, 0x40, is_v5)?;
        let _ = report.send(Done { cpu: cpu::of_this_thread().unwrap_or(0) - before });
    }
    Ok(())
}

/// Answers packets until one of this type has come.
fn await_packet(reader: &mut impl Read, stream: &mut TcpStream, awaited: u8, is_v5: bool) -> io::Result<()> {
    loop {
        let (kind, body) = packet(reader)?;
        match kind & 0xf0 {
            0x80 if is_v5 => stream.write_all(&[0x90, 4, body[0], body[1], 0, 1])?,
            0x80 => stream.write_all(&[0x90, 3, body[0], body[1], 1])?,
            0xc0 => stream.write_all(&[0xd0, 0])?,
            _ => {}
        }
        if kind & 0xf0 == awaited {
            return Ok(());
        }
    }
}

/// Reads a packet: its first byte, and what follows the length.
pub(crate) fn packet(reader: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        reader.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((kind, body))
}

/// Makes a PUBLISH, with a packet identifier at QoS 1.
pub(crate) fn publish(topic: &str, payload: &[u8], is_v5: bool, id: Option<u8>) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).expect("short").to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend(id.into_iter().flat_map(|id| [0, id]));
    body.extend(is_v5.then_some(0));
    body.extend_from_slice(payload);
    let mut packet = vec![if id.is_some() { 0x32 } else { 0x30 }];
    let mut rest = body.len();
    loop {
        let seven = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        packet.push(if rest > 0 { seven | 0x80 } else { seven });
        if rest == 0 {
            break;
        }
    }
    packet.append(&mut body);
    packet
}
