//! A broker that plays a script, for what no real broker does.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// CONNACK of MQTT 5 that accepts.
pub(crate) const CONNACK_V5: &[u8] = &[0x20, 0x03, 0x00, 0x00, 0x00];

/// CONNACK of MQTT 3.1.1 that accepts.
pub(crate) const CONNACK_V311: &[u8] = &[0x20, 0x02, 0x00, 0x00];

/// Makes an answer of a packet.
pub(crate) type Reply = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// What a scripted broker does with a connection, one after the other; then it closes it.
#[derive(Clone)]
pub(crate) enum Step {
    /// Reads one packet, whatever it is.
    Read,
    /// Reads one packet and answers to it.
    Answer(Reply),
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes one by one.
    Trickle(Vec<u8>),
    /// Does nothing for a while, as a slow link does.
    Pause(Duration),
    /// Answers to every packet that it reads as a broker does, until the client closes.
    Serve,
    /// Reads and never answers, until the client closes.
    Ignore,
    /// Reads one packet, and resets the connection.
    Reset,
}

/// What was read, packet by packet, over all connections.
type Packets = Arc<Mutex<Vec<Vec<u8>>>>;

/// A scripted broker; it ends when dropped.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    accepted: Arc<AtomicUsize>,
    read: Packets,
    task: JoinHandle<()>,
}

impl Scripted {
    /// Starts a broker that plays the first script with the first connection and so on; the last one is played again.
    pub(crate) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let read = Packets::default();
        let seen = Arc::clone(&read);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let script = scripts[number.min(scripts.len() - 1)].clone();
                // A client that goes away ends the script.
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { drop(play(stream, script, &seen).await) });
            }
        });
        Self { port, accepted, read, task }
    }

    /// Returns the number of connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Returns the packets of a type (in its upper four bits) that were read so far.
    pub(crate) fn read(&self, first: u8) -> Vec<Vec<u8>> {
        let read = self.read.lock().expect("no test panicked with it");
        read.iter().filter(|packet| packet[0] & 0xf0 == first & 0xf0).cloned().collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(mut stream: TcpStream, script: Vec<Step>, seen: &Packets) -> io::Result<()> {
    for step in script {
        match step {
            Step::Read => drop(read_packet(&mut stream, seen).await?),
            Step::Answer(reply) => {
                let packet = read_packet(&mut stream, seen).await?;
                stream.write_all(&reply(&packet)).await?;
            }
            Step::Send(bytes) => stream.write_all(&bytes).await?,
            Step::Trickle(bytes) => {
                stream.set_nodelay(true)?;
                for byte in bytes {
                    stream.write_u8(byte).await?;
                    tokio::task::yield_now().await;
                }
            }
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Serve => loop {
                let packet = read_packet(&mut stream, seen).await?;
                if let Some(answer) = answer(&packet) {
                    stream.write_all(&answer).await?;
                }
            },
            Step::Reset => {
                read_packet(&mut stream, seen).await?;
                stream.set_zero_linger()?;
            }
            Step::Ignore => loop {
                read_packet(&mut stream, seen).await?;
            },
        }
    }
    Ok(())
}

/// Answers to PINGREQ, and to SUBSCRIBE of MQTT 5 with one filter.
fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    match packet[0] & 0xf0 {
        0x80 => Some(vec![0x90, 0x04, packet[2], packet[3], 0x00, 0x00]),
        0xc0 => Some(vec![0xd0, 0x00]),
        _ => None,
    }
}

async fn read_packet(stream: &mut TcpStream, seen: &Packets) -> io::Result<Vec<u8>> {
    let mut packet = vec![stream.read_u8().await?];
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = stream.read_u8().await?;
        packet.push(byte);
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let body = packet.len();
    packet.resize(body + length, 0);
    stream.read_exact(&mut packet[body..]).await?;
    seen.lock().expect("no test panicked with it").push(packet.clone());
    Ok(packet)
}
