//! The devices' side of the wire: our messages through the demo library's client.

use std::{net::SocketAddr, time::Duration};

use mqtt5::{ConnectOptions, MqttClient, PublishOptions, PublishProperties, QoS, WillMessage, WillProperties};
use tokio::time::timeout;

use crate::{
    base::text::safe,
    mqtt::message::{Message, Properties, Qos},
};

/// How long a device tries to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// Connects a client that comes back by itself when its connection is lost.
pub(super) async fn connect(broker: SocketAddr, client_id: &str) -> Result<MqttClient, String> {
    open(broker, ConnectOptions::new(client_id)).await
}

/// Connects a client with a Will Message, which stays away when its connection is lost.
pub(super) async fn connect_mortal(broker: SocketAddr, client_id: &str, will: Message) -> Result<MqttClient, String> {
    open(broker, ConnectOptions::new(client_id).with_will(as_will(will)).with_automatic_reconnect(false)).await
}

/// Publishes a message, and waits for its acknowledgement where its QoS has one.
pub(super) async fn publish(client: &MqttClient, message: Message) -> Result<(), String> {
    let options = PublishOptions {
        qos: level(message.qos),
        retain: message.retain,
        properties: message.properties.map(|properties| as_properties(*properties)).unwrap_or_default(),
        ..PublishOptions::default()
    };
    let sent = client.publish_with_options(message.topic.to_string(), message.payload, options).await;
    sent.map(drop).map_err(|error| format!("publish to {}: {}", safe(&message.topic), safe(&error.to_string())))
}

async fn open(broker: SocketAddr, options: ConnectOptions) -> Result<MqttClient, String> {
    let client = MqttClient::with_options(options);
    match timeout(CONNECT, client.connect(&broker.to_string())).await {
        Ok(Ok(())) => Ok(client),
        Ok(Err(error)) => Err(format!("connect to the demo broker at {broker}: {}", safe(&error.to_string()))),
        Err(_) => Err(format!("connect to the demo broker at {broker}: no answer")),
    }
}

fn level(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn as_properties(properties: Properties) -> PublishProperties {
    PublishProperties {
        payload_format_indicator: properties.payload_format.map(|format| format == 1),
        message_expiry_interval: properties.message_expiry,
        topic_alias: None,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data.map(Into::into),
        user_properties: properties.user_properties,
        subscription_identifiers: Vec::new(),
        content_type: properties.content_type,
    }
}

fn as_will(message: Message) -> WillMessage {
    let properties = message.properties.map(|properties| *properties).unwrap_or_default();
    WillMessage {
        topic: message.topic.to_string(),
        payload: message.payload.into(),
        qos: level(message.qos),
        retain: message.retain,
        properties: WillProperties {
            will_delay_interval: None,
            payload_format_indicator: properties.payload_format.map(|format| format == 1),
            message_expiry_interval: properties.message_expiry,
            content_type: properties.content_type,
            response_topic: properties.response_topic,
            correlation_data: properties.correlation_data.map(Into::into),
            user_properties: properties.user_properties,
        },
    }
}
