//! Brokers that listen on every transport.

use std::{
    net::TcpStream,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use mqtap::{
    mqtt::options::{Options, Protocol},
    wire::{
        endpoint::{Endpoint, Transport},
        tls::TlsOptions,
    },
};

use crate::{
    certificates::{Authority, Identity},
    common::mosquitto::{Config, Mosquitto},
};

/// A mosquitto with a listener for each transport that it has.
pub(crate) struct Everywhere {
    pub(crate) broker: Mosquitto,
    tls: u16,
    two_way: u16,
    ws: u16,
    wss: u16,
    two_way_wss: u16,
    socket: PathBuf,
}

impl Everywhere {
    /// Starts it with this certificate; clients of the two-way listeners need one of the authority.
    pub(crate) fn start(config: Config, authority: &Authority, identity: &Identity) -> Self {
        let directory = tempfile::Builder::new().prefix("mqtap-socket-").tempdir().expect("a directory");
        let socket = directory.keep().join("mqtt.sock");
        open_to_all(&socket);
        let encrypted = format!("certfile {}\nkeyfile {}", identity.certificate.display(), identity.key.display());
        let asking = format!("{encrypted}\ncafile {}\nrequire_certificate true", authority.file.display());
        let broker = config
            .listener(&encrypted)
            .listener(&asking)
            .listener("protocol websockets")
            .listener(&format!("protocol websockets\n{encrypted}"))
            .listener(&format!("protocol websockets\n{asking}"))
            .line(&format!("listener 0 {}", socket.display()))
            .start();
        let &[tls, two_way, ws, wss, two_way_wss] = &broker.further[..] else { panic!("five were asked for") };
        let everywhere = Self { broker, tls, two_way, ws, wss, two_way_wss, socket };
        let deadline = Instant::now() + Duration::from_secs(10);
        for port in [tls, two_way, ws, wss, two_way_wss] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "port {port}: {}", everywhere.broker.log_text());
                thread::sleep(Duration::from_millis(5));
            }
        }
        everywhere
    }

    /// Returns where a transport listens.
    pub(crate) fn endpoint(&self, transport: Transport, is_two_way: bool) -> Endpoint {
        let port = match (transport, is_two_way) {
            (Transport::Tcp, _) => self.broker.port,
            (Transport::Tls, false) => self.tls,
            (Transport::Tls, true) => self.two_way,
            (Transport::Ws, _) => self.ws,
            (Transport::Wss, false) => self.wss,
            (Transport::Wss, true) => self.two_way_wss,
            (Transport::Unix, _) => {
                let path = self.socket.to_str().expect("text").to_owned();
                return Endpoint { path, ..Endpoint::new(transport, "localhost", 0) };
            }
            (Transport::Quic, _) => panic!("mosquitto has no QUIC"),
        };
        Endpoint::new(transport, "localhost", port)
    }
}

impl Drop for Everywhere {
    fn drop(&mut self) {
        if let Some(directory) = self.socket.parent() {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// Lets the user that mosquitto runs as make the socket.
fn open_to_all(socket: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = socket.parent().expect("a directory");
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).expect("permissions");
}

/// Options for an endpoint, without a second chance.
pub(crate) fn options(endpoint: Endpoint, protocol: Protocol, tls: TlsOptions) -> Options {
    Options { protocol, tls, may_downgrade: false, ..Options::new(endpoint, "tester") }
}

/// The embedded broker of the demo's library, for QUIC and for MQTT 5 over WebSocket as a second broker speaks it.
#[cfg(feature = "demo")]
pub(crate) mod embedded {
    use std::fs;

    use mqtap::wire::endpoint::{Endpoint, Transport};
    use mqtt5::broker::{
        BrokerConfig, MqttBroker,
        auth::PasswordAuthProvider,
        config::{AuthConfig, QuicConfig, ServerDeliveryStrategy, StorageBackend, StorageConfig, TlsConfig, WebSocketConfig},
        server::BrokerShutdownHandle,
    };
    use tokio::task::JoinHandle;

    use crate::{
        certificates::{Authority, Identity},
        common::{
            mosquitto::{free_port, free_udp_port},
            within,
        },
    };

    /// A broker on TCP and on every transport that may ask for a certificate; it ends with the value.
    pub(crate) struct Embedded {
        tcp: u16,
        quic: u16,
        ws: u16,
        wss: u16,
        handle: BrokerShutdownHandle,
        task: JoinHandle<()>,
    }

    impl Embedded {
        /// Starts it; with a user nobody may come without, and two-way nobody without a certificate where there is TLS.
        pub(crate) async fn start(
            authority: &Authority,
            identity: &Identity,
            user: Option<(&str, &str)>,
            is_two_way: bool,
        ) -> Self {
            for _ in 0..100 {
                if let Some(embedded) = Self::run(authority, identity, user, is_two_way).await {
                    return embedded;
                }
            }
            panic!("the broker does not start");
        }

        /// Runs it on some ports; nothing where another program has one of them.
        async fn run(authority: &Authority, identity: &Identity, user: Option<(&str, &str)>, is_two_way: bool) -> Option<Self> {
            let (quic, ws, wss) = (free_udp_port(), free_port(), free_port());
            let mut auth = AuthConfig::new();
            if let Some((name, password)) = user {
                let file = authority.directory.path().join("passwords");
                let hash = PasswordAuthProvider::hash_password(password).expect("a hash");
                fs::write(&file, format!("{name}:{hash}\n")).expect("the password file");
                auth = AuthConfig { allow_anonymous: false, ..auth.with_password_file(file) };
            }
            let mut over_quic = QuicConfig::new(identity.certificate.clone(), identity.key.clone())
                .with_bind_address(([127, 0, 0, 1], quic))
                .with_require_client_cert(is_two_way);
            let mut over_tls = TlsConfig::new(identity.certificate.clone(), identity.key.clone())
                .with_bind_address(([127, 0, 0, 1], 0))
                .with_require_client_cert(is_two_way);
            if is_two_way {
                over_quic = over_quic.with_ca_file(authority.file.clone());
                over_tls = over_tls.with_ca_file(authority.file.clone());
            }
            let web_socket = |port| WebSocketConfig::new().with_bind_address(([127, 0, 0, 1], port));
            let config = BrokerConfig::default()
                .with_bind_address(([127, 0, 0, 1], 0))
                .with_auth(auth)
                .with_quic(over_quic)
                .with_tls(over_tls)
                .with_websocket(web_socket(ws))
                .with_websocket_tls(web_socket(wss))
                .with_storage(StorageConfig::new().with_backend(StorageBackend::Memory))
                .with_max_packet_size(16 << 20)
                .with_server_delivery_strategy(ServerDeliveryStrategy::ControlOnly);
            let mut broker = MqttBroker::with_config(config).await.ok()?;
            let tcp = broker.local_addr().expect("a listener").port();
            let handle = broker.shutdown_handle();
            let mut ready = broker.ready_receiver();
            let task = tokio::spawn(async move {
                let _ = broker.run().await;
            });
            within("the broker", ready.wait_for(|ready| *ready)).await.ok()?;
            Some(Self { tcp, quic, ws, wss, handle, task })
        }

        /// Returns where a transport listens.
        pub(crate) fn endpoint(&self, transport: Transport) -> Endpoint {
            let port = match transport {
                Transport::Tcp => self.tcp,
                Transport::Quic => self.quic,
                Transport::Ws => self.ws,
                Transport::Wss => self.wss,
                Transport::Tls | Transport::Unix => panic!("no test asks for it"),
            };
            let path = if matches!(transport, Transport::Ws | Transport::Wss) { "/mqtt" } else { "" };
            Endpoint { path: path.to_owned(), ..Endpoint::new(transport, "127.0.0.1", port) }
        }
    }

    impl Drop for Embedded {
        fn drop(&mut self) {
            self.handle.shutdown();
            self.task.abort();
        }
    }
}
