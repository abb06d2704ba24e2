//! Everything that a session does, over every transport, version and way to log in.

use mqtap::{
    base::secret::Secret,
    mqtt::{
        command::Command,
        event::{Event, Welcome},
        message::Qos,
        options::{Options, Protocol, Subscription, Will},
    },
    wire::{endpoint::Transport, tls::TlsOptions},
};
use rstest::rstest;

#[cfg(feature = "demo")]
use crate::broker::embedded::Embedded;
use crate::{
    broker::{Everywhere, options},
    certificates::Authority,
    common::{
        listener::{Listener, message},
        mosquitto::Config,
    },
};

const USER: (&str, &str) = ("ops", "secret");

/// How the client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    Anonymous,
    Password,
    Certificate,
}

impl Login {
    fn user(self) -> Option<(&'static str, &'static str)> {
        (self == Login::Password).then_some(USER)
    }

    fn of(self, options: Options) -> Options {
        match self.user() {
            None => options,
            Some((name, password)) => {
                Options { username: Some(name.into()), password: Some(Secret::from(password.to_owned())), ..options }
            }
        }
    }

    fn tls(self, authority: &Authority) -> TlsOptions {
        let trusted = authority.trusted();
        if self == Login::Certificate { authority.client().of_client(trusted) } else { trusted }
    }
}

/// Does everything once over `ours`, watched by a client that comes over TCP; returns what the broker granted.
async fn everything(ours: Options, watching: Options) -> Welcome {
    let mut watcher = Listener::subscribed(Options { client_id: "watcher".into(), ..watching }, "will", Qos::AtLeastOnce).await;
    let will = Will { message: message("will", "gone", Qos::AtLeastOnce), delay: None };
    let mut listener = Listener::start(Options { will: Some(will), ..ours });
    let welcome = listener.welcome().await;
    let granted = listener.subscribe(Subscription::new("t/#", Qos::ExactlyOnce)).await;
    assert_eq!(granted.expect("granted"), Qos::ExactlyOnce);
    // More than one record of TLS or packet of QUIC takes; over WebSocket, mosquitto 2.0 reads only 4 KiB every 100 ms.
    let large: String = "0123456789abcdef".repeat(1_250);
    for qos in Qos::ALL {
        for payload in ["small", &large] {
            listener.publish(message("t/a", payload, qos)).await.expect("acknowledged");
            let received = listener.messages(1).await.remove(0).message;
            assert_eq!((received.topic.as_ref(), received.qos), ("t/a", qos));
            assert!(received.payload == payload, "{} bytes of {}", received.payload.len(), payload.len());
        }
    }
    listener.session.command(Command::Unsubscribe("t/#".into())).expect("room");
    let outcome = listener.wait("UNSUBACK", |event| match event {
        Event::Unsubscribed { outcome, .. } => Some(outcome),
        _ => None,
    });
    outcome.await.expect("unsubscribed");
    listener.publish(message("t/a", "unheard", Qos::AtLeastOnce)).await.expect("acknowledged");
    listener.subscribe(Subscription::new("marker", Qos::AtLeastOnce)).await.expect("granted");
    listener.publish(message("marker", "heard", Qos::AtLeastOnce)).await.expect("acknowledged");
    assert_eq!(listener.messages(1).await[0].message.payload, "heard");
    listener.close().await;
    // DISCONNECT reached the broker if the will did not come before what is published now.
    watcher.publish(message("will", "marker", Qos::AtLeastOnce)).await.expect("acknowledged");
    assert_eq!(watcher.messages(1).await[0].message.payload, "marker");
    watcher.close().await;
    welcome
}

/// Does everything at a mosquitto that listens on every transport that it has.
async fn at_mosquitto(transport: Transport, protocol: Protocol, login: Login) {
    let authority = Authority::new("Test CA");
    let identity = authority.broker();
    let config = login.user().map_or_else(Config::default, |(name, password)| Config::default().user(name, password));
    let broker = Everywhere::start(config, &authority, &identity);
    let tls = login.tls(&authority);
    let endpoint = broker.endpoint(transport, login == Login::Certificate);
    let ours = login.of(options(endpoint.clone(), protocol, tls.clone()));
    let watching = login.of(options(broker.endpoint(Transport::Tcp, false), protocol, tls));
    let welcome = everything(ours, watching).await;
    assert_eq!((welcome.endpoint, welcome.protocol, welcome.unverified), (endpoint, protocol, false));
    assert_eq!(welcome.tls.is_some(), transport.is_encrypted());
    let shown = welcome.chain.first().map(|certificate| (certificate.subject.as_str(), certificate.issuer.as_str()));
    assert_eq!(shown, transport.is_encrypted().then_some(("CN=broker", "CN=Test CA")));
}

#[rstest]
#[tokio::test]
async fn everything_works_over_every_transport(
    #[values(Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss, Transport::Unix)] transport: Transport,
    #[values(Protocol::V31, Protocol::V311, Protocol::V5)] protocol: Protocol,
    #[values(Login::Anonymous, Login::Password)] login: Login,
) {
    at_mosquitto(transport, protocol, login).await;
}

#[rstest]
#[tokio::test]
async fn everything_works_with_a_certificate_of_ones_own(
    #[values(Transport::Tls, Transport::Wss)] transport: Transport,
    #[values(Protocol::V31, Protocol::V311, Protocol::V5)] protocol: Protocol,
) {
    at_mosquitto(transport, protocol, Login::Certificate).await;
}

/// Does everything at the embedded broker, which speaks no MQTT 3.1.
#[cfg(feature = "demo")]
async fn at_the_embedded_broker(transport: Transport, protocol: Protocol, login: Login) -> Welcome {
    let authority = Authority::new("Test CA");
    let is_two_way = login == Login::Certificate;
    let broker = Embedded::start(&authority, &authority.broker(), login.user(), is_two_way).await;
    let ours = login.of(options(broker.endpoint(transport), protocol, login.tls(&authority)));
    let watching = login.of(options(broker.endpoint(Transport::Tcp), protocol, authority.trusted()));
    let welcome = everything(ours, watching).await;
    assert_eq!((&welcome.endpoint, welcome.protocol), (&broker.endpoint(transport), protocol));
    let shown = welcome.chain.first().map(|certificate| certificate.subject.as_str());
    assert_eq!(shown, transport.is_encrypted().then_some("CN=broker"));
    welcome
}

#[cfg(feature = "demo")]
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_quic(
    #[values(Protocol::V311, Protocol::V5)] protocol: Protocol,
    #[values(Login::Anonymous, Login::Password, Login::Certificate)] login: Login,
) {
    let welcome = at_the_embedded_broker(Transport::Quic, protocol, login).await;
    assert_eq!(welcome.tls.as_deref(), Some("QUIC, TLS 1.3, ALPN mqtt"));
}

#[cfg(feature = "demo")]
#[rstest]
#[case::ws_anonymous(Transport::Ws, Login::Anonymous)]
#[case::ws_password(Transport::Ws, Login::Password)]
#[case::wss_anonymous(Transport::Wss, Login::Anonymous)]
#[case::wss_password(Transport::Wss, Login::Password)]
#[case::wss_certificate(Transport::Wss, Login::Certificate)]
#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_the_embedded_brokers_websocket(
    #[case] transport: Transport,
    #[case] login: Login,
    #[values(Protocol::V311, Protocol::V5)] protocol: Protocol,
) {
    at_the_embedded_broker(transport, protocol, login).await;
}
