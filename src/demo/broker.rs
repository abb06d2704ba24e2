//! The embedded broker: in memory, on one TCP port.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use mqtt5::broker::{
    BrokerConfig, MqttBroker,
    config::{ServerDeliveryStrategy, StorageBackend, StorageConfig},
    server::BrokerShutdownHandle,
};
use tokio::{task::JoinHandle, time::timeout};

use crate::base::text::safe;

/// The largest packet that the broker takes, in bytes.
const MAX_PACKET_SIZE: usize = 16 << 20;

/// How long the broker may take to start.
const START: Duration = Duration::from_secs(5);

/// How long the broker may take to end its connections before it is cut off.
const STOP: Duration = Duration::from_millis(500);

/// A running broker.
#[derive(Debug)]
pub(super) struct Embedded {
    address: SocketAddr,
    handle: Handle,
    task: JoinHandle<Result<(), String>>,
}

/// The library's handle, which has no `Debug` of its own.
struct Handle(BrokerShutdownHandle);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Embedded {
    /// Binds the address, port 0 taking a free one, and returns when connections are accepted.
    pub(super) async fn start(listen: SocketAddr) -> Result<Self, String> {
        let why = |error: &dyn std::fmt::Display| format!("start the demo broker on {listen}: {}", safe(&error.to_string()));
        let config = BrokerConfig::default()
            .with_bind_address(listen)
            .with_storage(StorageConfig::new().with_backend(StorageBackend::Memory))
            .with_max_packet_size(MAX_PACKET_SIZE)
            .with_server_delivery_strategy(ServerDeliveryStrategy::ControlOnly);
        let mut broker = MqttBroker::with_config(config).await.map_err(|error| why(&error))?;
        let address = broker.local_addr().ok_or_else(|| why(&"no listener"))?;
        let handle = Handle(broker.shutdown_handle());
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move { broker.run().await.map_err(|error| safe(&error.to_string()).to_string()) });
        let embedded = Self { address, handle, task };
        let accepts = matches!(timeout(START, ready.wait_for(|ready| *ready)).await, Ok(Ok(_)));
        if !accepts {
            embedded.stop().await;
            return Err(why(&"it does not accept connections"));
        }
        Ok(embedded)
    }

    /// Returns the address that is listened on.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address by which this machine reaches the broker, also where it listens on all interfaces.
    pub(super) fn local(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// Ends all connections and frees the port.
    pub(super) async fn stop(mut self) {
        self.handle.0.shutdown();
        if timeout(STOP, &mut self.task).await.is_err() {
            self.task.abort();
            // Cancelled or done, the listener is gone when this returns.
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // A task goes on when its handle is dropped; the signal ends the connections, which are tasks of their own.
        self.handle.0.shutdown();
        self.task.abort();
    }
}
