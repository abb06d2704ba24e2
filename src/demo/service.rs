//! A service that answers: requests with a response topic and correlation data (MQTT 5.0, 4.10).

use bytes::Bytes;
use mqtt5::{MqttClient, QoS, SubscribeOptions};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::client::publish;
use crate::{
    base::{
        clock::{Clock, Stamp},
        human,
        text::safe,
    },
    mqtt::message::{Message, Properties, Qos},
};

/// The topics of the service.
const TIME: &str = "plant/service/time";
const RECIPE: &str = "plant/service/recipe/get";

/// The most requests that wait for their answer; what comes when so many wait is not answered, as on a busy controller.
const WAITING: usize = 64;

/// Subscribes to the service's topics; the requests come out of the channel.
pub(super) async fn listen(client: &MqttClient) -> Result<mpsc::Receiver<Request>, String> {
    let (sender, receiver) = mpsc::channel(WAITING);
    for topic in [TIME, RECIPE] {
        let sender = sender.clone();
        let options = SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() };
        let forward = move |message: mqtt5::Message| {
            if let Some(request) = Request::from_message(message) {
                // The bound of the channel says what happens when it is full.
                let _ = sender.try_send(request);
            }
        };
        let subscribed = client.subscribe_with_options(topic, options, forward).await;
        subscribed.map_err(|error| format!("subscribe to {topic}: {}", safe(&error.to_string())))?;
    }
    Ok(receiver)
}

/// Answers until the channel ends.
pub(super) async fn answer_all(client: MqttClient, mut requests: mpsc::Receiver<Request>, clock: Clock) {
    while let Some(request) = requests.recv().await {
        if let Err(error) = publish(&client, request.answer(clock.now())).await {
            tracing::debug!("{error}");
        }
    }
}

/// A request that says where its answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    topic: String,
    payload: Vec<u8>,
    response_topic: String,
    correlation_data: Option<Bytes>,
}

impl Request {
    fn from_message(message: mqtt5::Message) -> Option<Self> {
        Some(Self {
            topic: message.topic,
            payload: message.payload,
            response_topic: message.properties.response_topic?,
            correlation_data: message.properties.correlation_data.map(Into::into),
        })
    }

    fn answer(self, now: Stamp) -> Message {
        let body = if self.topic == TIME { json!({ "time": human::utc(now) }) } else { recipe(&self.payload) };
        Message {
            topic: self.response_topic.into(),
            payload: body.to_string().into(),
            qos: Qos::AtLeastOnce,
            properties: Some(Box::new(Properties {
                payload_format: Some(1),
                content_type: Some("application/json".into()),
                correlation_data: self.correlation_data,
                user_properties: vec![("service".into(), "plant".into())],
                ..Properties::default()
            })),
            ..Message::default()
        }
    }
}

fn recipe(request: &[u8]) -> Value {
    let name = serde_json::from_slice::<Value>(request).ok().and_then(|request| Some(request.get("recipe")?.as_str()?.to_owned()));
    let (part, force, seconds) = match name.as_deref() {
        Some("R-17") => ("bracket 4 mm", 640, 1.8),
        Some("R-18") => ("bracket 6 mm", 780, 2.1),
        Some("R-22") => ("cover plate", 410, 1.2),
        Some(_) => return json!({ "error": "no such recipe", "known": ["R-17", "R-18", "R-22"] }),
        None => return json!({ "error": "ask with {\"recipe\":\"R-17\"}" }),
    };
    json!({
        "recipe": name,
        "part": part,
        "steps": [
            { "do": "approach", "speed_mms": 240 },
            { "do": "press", "force_kn": force, "hold_s": seconds },
            { "do": "return", "speed_mms": 300 },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(topic: &str, payload: &str) -> Message {
        let request = Request {
            topic: topic.into(),
            payload: payload.into(),
            response_topic: "me/reply".into(),
            correlation_data: Some(Bytes::from_static(b"\x07")),
        };
        request.answer(Stamp { mono: 0, wall: 1_795_176_271_207_123 })
    }

    #[test]
    fn an_answer_goes_where_it_was_asked_for_and_names_the_question() {
        let answer = ask(TIME, "");
        assert_eq!((&*answer.topic, &*answer.payload), ("me/reply", &br#"{"time":"2026-11-20T12:04:31.207123Z"}"#[..]));
        assert_eq!(answer.properties.and_then(|properties| properties.correlation_data), Some(Bytes::from_static(b"\x07")));
    }

    #[test]
    fn an_unknown_recipe_is_an_answer_too() {
        let text = |payload| String::from_utf8(ask(RECIPE, payload).payload.to_vec()).expect("JSON");
        assert!(text(r#"{"recipe":"R-18"}"#).contains(r#""force_kn":780"#));
        assert!(text(r#"{"recipe":"R-99"}"#).contains("no such recipe"));
        assert!(text("\0").contains("ask with"));
    }

    #[test]
    fn a_message_without_a_response_topic_is_no_request() {
        let message = mqtt5::Message {
            topic: TIME.into(),
            payload: Vec::new(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: mqtt5::MessageProperties::default(),
            stream_id: None,
        };
        assert_eq!(Request::from_message(message), None);
    }
}
