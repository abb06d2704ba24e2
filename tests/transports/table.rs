//! Everything that a session does, over every transport, version and way to log in.

use mqtap::{
    base::secret::Secret,
    mqtt::{
        command::Command,
        event::{Event, Welcome},
        message::Qos,
        options::{Options, Protocol, Subscription, Will},
    },
    wire::endpoint::{Endpoint, Transport},
};
use rstest::rstest;

use crate::{
    broker::{Everywhere, options},
    certificates::Authority,
    common::{
        listener::{Listener, message},
        mosquitto::Config,
    },
};

/// How the client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    Anonymous,
    Password,
    Certificate,
}

const USER: (&str, &str) = ("ops", "secret");

fn logged_in(options: Options, login: Login) -> Options {
    match login {
        Login::Anonymous | Login::Certificate => options,
        Login::Password => Options { username: Some(USER.0.into()), password: Some(Secret::from(USER.1.to_owned())), ..options },
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

#[rstest]
#[tokio::test]
async fn everything_works_over_every_transport(
    #[values(Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss, Transport::Unix)] transport: Transport,
    #[values(Protocol::V311, Protocol::V5)] protocol: Protocol,
    #[values(Login::Anonymous, Login::Password, Login::Certificate)] login: Login,
) {
    let is_two_way = login == Login::Certificate;
    if is_two_way && !transport.is_encrypted() {
        return;
    }
    let authority = Authority::new("Test CA");
    let identity = authority.broker();
    let config = if login == Login::Password { Config::default().user(USER.0, USER.1) } else { Config::default() };
    let broker = Everywhere::start(config, &authority, &identity);
    let mut tls = authority.trusted();
    if is_two_way {
        tls = authority.client().of_client(tls);
    }
    let endpoint = broker.endpoint(transport, is_two_way);
    let ours = logged_in(options(endpoint.clone(), protocol, tls.clone()), login);
    let watching = logged_in(options(broker.endpoint(Transport::Tcp, false), protocol, tls), login);
    let welcome = everything(ours, watching).await;
    assert_eq!((welcome.endpoint, welcome.protocol, welcome.unverified), (endpoint, protocol, false));
    assert_eq!(welcome.tls.is_some(), transport.is_encrypted());
    let shown = welcome.chain.first().map(|certificate| (certificate.subject.as_str(), certificate.issuer.as_str()));
    assert_eq!(shown, transport.is_encrypted().then_some(("CN=broker", "CN=Test CA")));
}

#[cfg(feature = "demo")]
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_quic(
    #[values(Protocol::V311, Protocol::V5)] protocol: Protocol,
    #[values(Login::Anonymous, Login::Password, Login::Certificate)] login: Login,
) {
    let authority = Authority::new("Test CA");
    let identity = authority.broker();
    let is_two_way = login == Login::Certificate;
    let user = (login == Login::Password).then_some(USER);
    let broker = crate::broker::embedded::Embedded::start(&authority, &identity, user, is_two_way).await;
    let mut tls = authority.trusted();
    if is_two_way {
        tls = authority.client().of_client(tls);
    }
    let ours = logged_in(options(broker.endpoint(), protocol, tls), login);
    let plain = Endpoint::new(Transport::Tcp, "127.0.0.1", broker.tcp);
    let watching = logged_in(options(plain, protocol, authority.trusted()), login);
    let welcome = everything(ours, watching).await;
    assert_eq!(welcome.tls.as_deref(), Some("QUIC, TLS 1.3, ALPN mqtt"));
    assert_eq!(welcome.chain.first().map(|certificate| certificate.subject.as_str()), Some("CN=broker"));
}
