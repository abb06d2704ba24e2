//! An embedded broker with a simulated plant: `mqtap demo`, without network or set-up.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use mqtt5::MqttClient;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    broker::Embedded,
    crew::Vehicle,
    pace::Pace,
    plant::{DEFAULT_DEVICES, PANEL_REPLY, Plant},
};
use crate::base::{clock::Clock, text::safe};

mod broker;
mod client;
mod crew;
mod pace;
mod picture;
mod plant;
mod reading;
mod service;

/// The seed of all randomness, fixed so that every run shows the same plant.
const SEED: u64 = 20_261_120;

/// The most devices that are simulated.
pub const MOST_DEVICES: usize = 100_000;

/// The most messages per second that the plant can be asked for.
pub const MOST_RATE: u32 = 100_000;

/// How long the clients may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(300);

/// What the demo can be asked for; a number out of its bounds is taken for the nearest that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DemoOptions {
    /// Where the broker listens; a free port of the loopback interface unless said otherwise.
    pub listen: Option<SocketAddr>,
    /// Messages per second of all devices together, from 1 to [`MOST_RATE`], about 30 unless said otherwise; the plant's time
    /// runs as fast as that takes.
    pub rate: Option<u32>,
    /// How many devices there are, from 1 to [`MOST_DEVICES`], 12 unless said otherwise; a vehicle, a panel and a service come
    /// on top.
    pub devices: Option<usize>,
}

/// A running broker with its plant; dropping it ends both at once, [`Demo::stop`] in an orderly way.
#[derive(Debug)]
pub struct Demo {
    /// The address that the broker listens on.
    pub address: SocketAddr,
    broker: Embedded,
    crew: JoinSet<()>,
    stop: CancellationToken,
}

impl Demo {
    /// Starts broker and plant, and returns when the retained messages are there and the devices are talking.
    ///
    /// # Errors
    ///
    /// Returns why the broker or one of its clients could not start, such as a port that is taken.
    pub async fn start(options: DemoOptions) -> Result<Self, String> {
        let broker = Embedded::start(options.listen.unwrap_or((Ipv4Addr::LOCALHOST, 0).into())).await?;
        let mut demo = Self { address: broker.address(), broker, crew: JoinSet::new(), stop: CancellationToken::new() };
        match demo.populate(options).await {
            Ok(()) => Ok(demo),
            Err(error) => {
                demo.stop().await;
                Err(error)
            }
        }
    }

    /// Returns the address by which this machine reaches the broker.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.broker.local()
    }

    /// Ends the plant, then the broker; returns within a second, with the port free.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let goodbye = async { while self.crew.join_next().await.is_some() {} };
        if timeout(GOODBYE, goodbye).await.is_err() {
            self.crew.shutdown().await;
        }
        self.broker.stop().await;
    }

    async fn populate(&mut self, options: DemoOptions) -> Result<(), String> {
        let clock = Clock::start();
        let devices = options.devices.unwrap_or(DEFAULT_DEVICES).clamp(1, MOST_DEVICES);
        let plant = Arc::new(Plant::new(SEED, clock.now(), devices));
        let broker = self.local();

        let gateway = client::connect(broker, "demo-gateway").await?;
        for message in plant.opening() {
            client::publish(&gateway, message).await?;
        }
        let service = client::connect(broker, "demo-service").await?;
        let requests = service::listen(&service).await?;
        let panel = client::connect(broker, "demo-panel").await?;
        let subscribed = panel.subscribe(PANEL_REPLY, |_| {}).await;
        subscribed.map_err(|error| format!("subscribe to {PANEL_REPLY}: {}", safe(&error.to_string())))?;

        let pace = Pace::new(clock, plant.per_second(), options.rate);
        let vehicle = Vehicle { broker, plant: Arc::clone(&plant), pace };
        let first_life = vehicle.connect().await?;
        self.employ(gateway.clone(), crew::devices(gateway, plant, pace));
        self.employ(service.clone(), service::answer_all(service, requests, clock));
        self.employ(panel.clone(), crew::panel(panel, pace));
        self.crew.spawn(vehicle.live(first_life, self.stop.clone()));
        Ok(())
    }

    /// Lets a client work until the demo stops; then it disconnects.
    fn employ(&mut self, client: MqttClient, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.crew.spawn(async move {
            let _ = stop.run_until_cancelled(work).await;
            // The broker may be gone already; then there is nobody to say goodbye to.
            let _ = client.disconnect().await;
        });
    }
}
