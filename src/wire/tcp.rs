//! TCP: a name to its addresses, and the first of them that answers.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::sleep,
};

use super::{endpoint::Endpoint, error::WireError};
use crate::base::{limits, text};

/// How long an address has before the next one is tried beside it (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// After so much silence the system asks whether the other side is there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// After so long without an acknowledgement of sent bytes the system gives up.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the addresses behind a name in the order in which to try them; at least one.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, WireError> {
    let fail = |detail: &str| WireError::Name { host: text::safe(host).to_string(), detail: detail.to_owned() };
    match lookup_host((host, port)).await {
        Ok(found) => {
            let addresses = interleave(found.collect());
            if addresses.is_empty() { Err(fail("the name has no address")) } else { Ok(addresses) }
        }
        Err(error) if limits::is_out_of_files(&error) => Err(WireError::OutOfFiles { at: text::safe(host).to_string() }),
        Err(error) => {
            let said = text::safe(&error.to_string()).to_string();
            Err(fail(said.strip_prefix("failed to lookup address information: ").unwrap_or(&said)))
        }
    }
}

/// Connects to the first address that answers; the others are let go. `at` is what an error names.
pub(super) async fn connect(at: String, addresses: Vec<SocketAddr>) -> Result<TcpStream, WireError> {
    let tried = addresses.iter().map(|address| address.ip().to_string()).collect();
    let stream = race(addresses, TcpStream::connect).await.map_err(|error| {
        if error.as_ref().is_some_and(limits::is_out_of_files) {
            return WireError::OutOfFiles { at };
        }
        let kind = error.map_or(io::ErrorKind::AddrNotAvailable, |error| error.kind());
        WireError::Connect { at, kind, addresses: tried }
    })?;
    tune(&stream);
    Ok(stream)
}

/// Returns host and port, made safe.
pub(super) fn at(endpoint: &Endpoint) -> String {
    text::safe(&endpoint.authority()).to_string()
}

/// Tries one address after the other, each without waiting long for the one before (RFC 8305).
///
/// Dropping the future ends all attempts. The error is that of the first address that failed; there is none without addresses.
pub(super) async fn race<T, E, F>(addresses: Vec<SocketAddr>, attempt: impl Fn(SocketAddr) -> F) -> Result<T, Option<E>>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut first_error = None;
    loop {
        let more = match waiting.next() {
            Some(address) => {
                attempts.spawn(attempt(address));
                waiting.len() > 0
            }
            None => false,
        };
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(open))) => return Ok(open),
                Some(Ok(Err(error))) => drop(first_error.get_or_insert(error)),
                Some(Err(gone)) if gone.is_panic() => std::panic::resume_unwind(gone.into_panic()),
                Some(Err(_)) => {}
                None => return Err(first_error),
            },
            () = sleep(STAGGER), if more => {}
        }
    }
}

/// Orders addresses so that the families take turns, beginning with that of the first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    one.dedup();
    other.dedup();
    let mut other = other.into_iter();
    let mut ordered: Vec<_> = one.into_iter().flat_map(|address| [Some(address), other.next()]).flatten().collect();
    ordered.extend(other);
    ordered
}

/// Sends small packets at once and notices a dead peer; a system that cannot do it serves all the same.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let settings = [
        socket.set_tcp_nodelay(true),
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)),
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT)),
    ];
    for error in settings.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a TCP setting was not taken");
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Reserves a port on which nobody listens.
    fn dead_port() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
    }

    #[test]
    fn the_families_take_turns() {
        let addresses = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(|text| text.parse().expect(text)).to_vec();
        let ordered: Vec<String> = interleave(addresses).iter().map(|address| address.ip().to_string()).collect();
        assert_eq!(ordered, ["::1", "1.1.1.1", "::2", "::3"]);
    }

    #[tokio::test]
    async fn a_dead_address_does_not_stop_a_live_one() {
        let live = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let live = live.local_addr().map(|address| (live, address)).expect("an address");
        let stream = race(vec![dead_port(), live.1], TcpStream::connect).await.expect("the second address answers");
        assert_eq!(stream.peer_addr().expect("a peer"), live.1);
    }

    #[tokio::test]
    async fn a_refused_connection_names_the_place() {
        let dead = dead_port();
        let error = connect(format!("broker:{}", dead.port()), vec![dead]).await.expect_err("nobody listens");
        assert_eq!(error.to_string(), format!("connect to broker:{}: connection refused", dead.port()));
        assert!(!error.is_final());
    }

    #[tokio::test]
    async fn an_unknown_name_is_said_to_be_unknown() {
        let error = resolve("no-such-host.invalid", 1883).await.expect_err("a reserved name");
        assert!(error.to_string().starts_with("cannot find no-such-host.invalid: "), "{error}");
        assert!(!error.to_string().contains("failed to lookup"), "{error}");
    }

    #[tokio::test]
    async fn an_open_connection_sends_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stream = connect("localhost".into(), vec![address]).await.expect("a listener");
        assert!(stream.nodelay().expect("a socket"));
        assert!(SockRef::from(&stream).keepalive().expect("a socket"));
    }
}
