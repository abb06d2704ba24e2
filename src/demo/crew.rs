//! The clients of the plant at work: the devices, the panel that asks, and the vehicle that dies and returns.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mqtt5::MqttClient;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    client::{connect_mortal, publish},
    pace::Pace,
    plant::{Plant, vehicle_status},
};

/// How long the vehicle lives and is dead, in plant time, and the least of both in real time.
const VEHICLE_LIFE: Duration = Duration::from_secs(24);
const VEHICLE_DEATH: Duration = Duration::from_secs(8);
const VEHICLE_LEAST: Duration = Duration::from_millis(500);

/// Publishes what the devices say, tick by tick, for ever.
pub(super) async fn devices(client: MqttClient, plant: Arc<Plant>, pace: Pace) {
    let mut ticks = pace.ticks();
    loop {
        for tick in ticks.due().await {
            for message in plant.tick(tick) {
                if let Err(error) = publish(&client, message).await {
                    tracing::debug!("{error}");
                }
            }
        }
    }
}

/// Asks the recipe service now and then, for ever.
pub(super) async fn panel(client: MqttClient, pace: Pace) {
    let mut ticks = pace.ticks();
    loop {
        for question in ticks.due().await.filter_map(Plant::question) {
            if let Err(error) = publish(&client, question).await {
                tracing::debug!("{error}");
            }
        }
    }
}

/// The vehicle: each of its lives is a connection of its own, so that its Will Message is real.
#[derive(Debug, Clone)]
pub(super) struct Vehicle {
    pub(super) broker: SocketAddr,
    pub(super) plant: Arc<Plant>,
    pub(super) pace: Pace,
}

impl Vehicle {
    /// Comes online.
    pub(super) async fn connect(&self) -> Result<MqttClient, String> {
        let client = connect_mortal(self.broker, "demo-agv7", vehicle_status("offline")).await?;
        publish(&client, vehicle_status("online")).await?;
        Ok(client)
    }

    /// Lives and dies until the demo stops, beginning with the life of `client`.
    pub(super) async fn live(self, client: MqttClient, stop: CancellationToken) {
        let mut life = Ok(client);
        loop {
            match life {
                Ok(client) => {
                    let span = self.pace.real(VEHICLE_LIFE).max(VEHICLE_LEAST);
                    if stop.run_until_cancelled(timeout(span, self.drive(&client))).await.is_none() {
                        let _ = client.disconnect().await;
                        return;
                    }
                    // Its time is up, or its broker is gone: both end this life without a goodbye.
                    let _ = client.disconnect_abnormally().await;
                }
                Err(error) => tracing::debug!("{error}"),
            }
            let death = self.pace.real(VEHICLE_DEATH).max(VEHICLE_LEAST);
            if stop.run_until_cancelled(sleep(death)).await.is_none() {
                return;
            }
            life = self.connect().await;
        }
    }

    async fn drive(&self, client: &MqttClient) -> Result<(), String> {
        let mut ticks = self.pace.ticks();
        loop {
            for tick in ticks.due().await {
                if let Some(message) = self.plant.vehicle(tick) {
                    publish(client, message).await?;
                }
            }
        }
    }
}
