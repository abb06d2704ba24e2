//! A message from a broker that sends a frame or a record for each, over WebSocket and TLS beside TCP, in wall time.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use mqtap::{
    base::clock::Clock,
    mqtt::{
        event::Event,
        message::{Qos, Received},
        options::{Options, Overflow, Subscription},
        session::Session,
    },
    wire::{
        endpoint::{Endpoint, Transport},
        tls::{TlsOptions, Verify},
    },
};
use rcgen::generate_simple_self_signed;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
    time::{sleep, sleep_until},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

use crate::{flood, table};

const RUNS: usize = 5;

/// Messages of a burst and of a second of a paced run.
const BURST: usize = 10_000;
const PACED: usize = 1_000;

const LARGE: usize = 64 << 20;

/// What the broker sends after SUBACK.
#[derive(Clone, Copy)]
enum Load {
    /// As fast as it can.
    Burst,
    /// One message each millisecond, for five seconds.
    Paced,
    /// One message of 64 MiB.
    Large(Qos),
}

impl Load {
    fn messages(self) -> usize {
        match self {
            Self::Burst => BURST,
            Self::Paced => 5 * PACED,
            Self::Large(_) => 1,
        }
    }
}

/// Measures each load over each transport.
pub(crate) fn measure() {
    let loads: [(&str, Load); 4] = [
        ("10,000 messages of a frame each", Load::Burst),
        ("1,000 a second, 99th percentile late", Load::Paced),
        ("64 MiB at QoS 0", Load::Large(Qos::AtMostOnce)),
        ("64 MiB at QoS 1", Load::Large(Qos::AtLeastOnce)),
    ];
    for (name, load) in loads {
        let mut beside = None;
        for (scheme, transport) in
            [("mqtt", Transport::Tcp), ("mqtts", Transport::Tls), ("ws", Transport::Ws), ("wss", Transport::Wss)]
        {
            let runs: Vec<Times> = (0..RUNS).map(|_| run(transport, load)).collect();
            let middle = |pick: fn(&Times) -> Duration| {
                let mut times: Vec<f64> = runs.iter().map(|run| pick(run).as_secs_f64() * 1_000.0).collect();
                times.sort_by(f64::total_cmp);
                times[RUNS / 2]
            };
            let ours = middle(if matches!(load, Load::Paced) { |run| run.late } else { |run| run.all });
            let tcp = *beside.get_or_insert(ours);
            table::row(&format!("transport: {name}, {scheme}"), "ms", ours, Some(("over TCP", tcp)));
            if matches!(load, Load::Paced) {
                let worst = runs.iter().map(|run| run.worst.as_secs_f64() * 1_000.0).fold(0.0, f64::max);
                table::row(&format!("transport: 1,000 a second, latest of all, {scheme}"), "ms", worst, None);
            }
        }
    }
}

/// How long it took.
struct Times {
    /// From the first byte to the last message.
    all: Duration,
    /// The 99th percentile of what a message took.
    late: Duration,
    /// The most that one took.
    worst: Duration,
}

fn run(transport: Transport, load: Load) -> Times {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let began = Instant::now();
        let broker = tokio::spawn(async move { serve(listener, transport, load, began).await });
        let endpoint = Endpoint::new(transport, "127.0.0.1", port);
        let options = Options {
            subscriptions: vec![Subscription::new("t", Qos::AtLeastOnce)],
            overflow: Overflow::Wait,
            max_packet_size: Some(2 * u32::try_from(LARGE).expect("small")),
            tls: TlsOptions { verify: Verify::None, ..TlsOptions::default() },
            ..Options::new(endpoint, "bench")
        };
        let (sender, mut events) = mpsc::channel(256);
        let session = Session::start(options, Clock::start(), sender);
        let mut took = Vec::new();
        let mut first = Duration::MAX;
        while took.len() < load.messages() {
            let Some(Event::Messages(batch)) = events.recv().await else { continue };
            for received in batch {
                let sent = sent(&received);
                first = first.min(sent);
                took.push(began.elapsed().saturating_sub(sent));
            }
        }
        let all = began.elapsed().saturating_sub(first);
        drop(session);
        while events.recv().await.is_some() {}
        // The broker has sent all, and ends when its client goes.
        let _ = broker.await;
        took.sort();
        Times { all, late: took[took.len() * 99 / 100], worst: took.last().copied().unwrap_or_default() }
    })
}

/// Reads when a message was sent.
fn sent(received: &Received) -> Duration {
    let nanos = received.message.payload.first_chunk().copied().map(u64::from_be_bytes).expect("a time");
    Duration::from_nanos(nanos)
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The client's end of a connection, packet by packet.
enum Client {
    Bytes(Box<dyn Stream>),
    Frames(Box<WebSocketStream<Box<dyn Stream>>>),
}

impl Client {
    /// Sends a packet, in a frame or a record of its own.
    async fn send(&mut self, packet: Vec<u8>) -> io::Result<()> {
        match self {
            Self::Bytes(stream) => {
                stream.write_all(&packet).await?;
                stream.flush().await
            }
            Self::Frames(stream) => stream.send(Message::Binary(packet.into())).await.map_err(io::Error::other),
        }
    }

    async fn receive(&mut self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(stream) => {
                let mut bytes = vec![0; 4096];
                let length = stream.read(&mut bytes).await?;
                bytes.truncate(length);
                Ok(bytes.into())
            }
            Self::Frames(stream) => match stream.next().await {
                Some(frame) => frame.map(Message::into_data).map_err(io::Error::other),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        }
    }
}

async fn serve(listener: TcpListener, transport: Transport, load: Load, began: Instant) -> io::Result<()> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let stream: Box<dyn Stream> = match transport {
        Transport::Tls | Transport::Wss => Box::new(acceptor().accept(stream).await?),
        _ => Box::new(stream),
    };
    let mut client = match transport {
        Transport::Ws | Transport::Wss => {
            #[expect(clippy::result_large_err, reason = "the library's own type")]
            let agree = |_: &Request, mut response: Response| {
                response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
                Ok(response)
            };
            Client::Frames(Box::new(accept_hdr_async(stream, agree).await.map_err(io::Error::other)?))
        }
        _ => Client::Bytes(stream),
    };
    client.receive().await?;
    client.send(vec![0x20, 3, 0, 0, 0]).await?;
    let subscribe = client.receive().await?;
    client.send(vec![0x90, 4, subscribe[2], subscribe[3], 0, 1]).await?;
    // Reading is awake for a moment after something was sent.
    sleep(Duration::from_millis(200)).await;
    let start = tokio::time::Instant::now();
    for number in 0..load.messages() {
        if matches!(load, Load::Paced) {
            sleep_until(start + Duration::from_millis(number as u64)).await;
        }
        let (size, id) = match load {
            Load::Large(qos) => (LARGE, (qos == Qos::AtLeastOnce).then_some(1)),
            Load::Burst | Load::Paced => (100, None),
        };
        let mut payload = vec![b'x'; size];
        let now = u64::try_from(began.elapsed().as_nanos()).expect("a short run");
        payload[..8].copy_from_slice(&now.to_be_bytes());
        client.send(flood::publish("t", &payload, true, id)).await?;
    }
    while !client.receive().await?.is_empty() {}
    Ok(())
}

fn acceptor() -> TlsAcceptor {
    let certified = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.into()], key)
        .expect("a key of its own");
    TlsAcceptor::from(Arc::new(config))
}
