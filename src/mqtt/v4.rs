//! MQTT 3.1.1, and 3.1 above its shim: the library's types to ours and back, and nothing else.

use std::{future::Future, pin::Pin, sync::Arc};

use rumqttc_v4::{
    AsyncClient, ClientError, ConnectAuth, ConnectionError, Event as LibraryEvent, EventLoop, LastWill, MqttOptions, Outgoing,
    Packet, PersistedAckMode, PersistedSession, PublishOptions, PublishResult, QoS, SessionStore, SessionStoreError,
    SessionStoreKey, StateError, SubscribeNoticeError, SubscribeReasonCode, mqttbytes,
};

use super::{
    bounds,
    error::Failure,
    link::{self, Arrival, Broken, CONNECT_GRACE, Connack, REQUESTS},
    message::{Message, Qos},
    options::{Options, Subscription},
    reason::Reason,
};
use crate::{base::text, wire::error::WireError};

/// The most QoS 1 and 2 publishes that await acknowledgement at a time; 3.1.1 has no Receive Maximum by which a broker could
/// ask for fewer, and mosquitto closes the connection at the 21st of QoS 2.
const IN_FLIGHT: u16 = 20;

/// The largest packet that MQTT can carry, so that the library adds no limit of its own to what we send.
const MAX_PACKET: usize = bounds::MAX_PACKET as usize;

/// Builds the two ends of the library; the socket connector is set later, once per attempt.
pub(super) fn build(options: &Options) -> Result<(AsyncClient, EventLoop), Failure> {
    let invalid = |error: &dyn std::error::Error| Failure::Invalid(text::safe(&error.to_string()).to_string());
    let library = library_options(options)?;
    let (client, mut event_loop) = AsyncClient::builder(library).capacity(REQUESTS).try_build().map_err(|error| invalid(&error))?;
    let timeout = options.connect_timeout.saturating_add(CONNECT_GRACE).as_secs();
    event_loop.network_options.set_connection_timeout(timeout.saturating_add(1));
    Ok((client, event_loop))
}

fn library_options(options: &Options) -> Result<MqttOptions, Failure> {
    let mut library = MqttOptions::new(options.client_id.as_str(), (options.endpoint.host.as_str(), options.endpoint.port));
    let max_packet = usize::try_from(options.packet_limit().max(1)).unwrap_or(MAX_PACKET);
    library
        .set_keep_alive(link::keep_alive_seconds(options.keep_alive))
        .set_read_batch_size(128)
        .set_max_request_batch(64)
        .set_max_packet_size(max_packet, MAX_PACKET);
    library
        .try_set_inflight(IN_FLIGHT)
        .and_then(|library| library.try_set_clean_session(options.clean_start))
        .map_err(|_| Failure::Invalid("a session that the broker keeps needs a client identifier on MQTT 3".into()))?;
    let password = options.password.as_ref().map(|password| bytes::Bytes::copy_from_slice(password.expose()));
    library.set_auth(match (options.username.clone(), password) {
        (None, None) => ConnectAuth::None,
        (Some(username), None) => ConnectAuth::Username { username },
        // That was checked.
        (None, Some(_)) => return Err(Failure::Invalid("no user name".into())),
        (Some(username), Some(password)) => ConnectAuth::UsernamePassword { username, password },
    });
    if let Some(will) = &options.will {
        library.set_last_will(LastWill {
            topic: will.message.topic.to_string(),
            message: will.message.payload.clone(),
            qos: library_qos(will.message.qos),
            retain: will.message.retain,
        });
    }
    if !options.clean_start {
        library.set_session_store_arc(Arc::new(Blank));
    }
    Ok(library)
}

/// A store with one empty checkpoint; without any, the library refuses a session that the broker kept for an earlier process.
#[derive(Debug)]
struct Blank;

type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl SessionStore for Blank {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Stored<'a, Option<PersistedSession>> {
        let blank = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_owned(),
            clean_session: false,
            max_inflight: IN_FLIGHT,
            ack_mode: PersistedAckMode::Automatic,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(Some(blank))))
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, _: &'a PersistedSession) -> Stored<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Stored<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Translates what the library reports.
pub(super) fn arrival(event: LibraryEvent) -> Arrival {
    match event {
        LibraryEvent::Incoming(Packet::Publish(publish)) => Arrival::Message(Message {
            topic: link::topic(publish.topic),
            payload: publish.payload,
            qos: qos(publish.qos),
            retain: publish.retain,
            dup: publish.dup,
            properties: None,
        }),
        LibraryEvent::Incoming(Packet::ConnAck(connack)) => {
            Arrival::Connack(Connack { session_present: connack.session_present, ..Connack::default() })
        }
        LibraryEvent::Incoming(Packet::SubAck(_)) => Arrival::Suback,
        LibraryEvent::Incoming(Packet::PingResp) => Arrival::Pong,
        LibraryEvent::Outgoing(Outgoing::PingReq) => Arrival::Ping,
        LibraryEvent::Incoming(_) | LibraryEvent::Outgoing(_) => Arrival::Other,
    }
}

/// Says why the connection ended.
pub(super) fn broken(error: ConnectionError) -> Broken {
    match error {
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => Broken::Failed(link::failure_in(&error)),
        ConnectionError::MqttState(error) => state_error(error),
        ConnectionError::RequestsDone => Broken::Done,
        ConnectionError::NetworkTimeout => Broken::NoConnack,
        ConnectionError::FlushTimeout => {
            Broken::Failed(Failure::Wire(WireError::Broken { detail: "the broker does not read what is sent".into() }))
        }
        ConnectionError::ConnectionRefused(code) => Broken::Failed(Failure::Protocol(format!("CONNACK refused with {code:?}"))),
        ConnectionError::NotConnAck(packet) => {
            Broken::Failed(Failure::Protocol(format!("{:?} where CONNACK is due", packet.packet_type())))
        }
        ConnectionError::SessionStateMismatch { .. } => {
            Broken::Failed(Failure::Protocol("the broker resumed a session although a clean one was asked for".into()))
        }
        other => Broken::Failed(Failure::Protocol(text::safe(&other.to_string()).to_string())),
    }
}

fn state_error(error: StateError) -> Broken {
    Broken::Failed(match error {
        StateError::AwaitPingResp => return Broken::NoPong,
        StateError::ConnectionAborted => Failure::Closed { during: None },
        StateError::Deserialization(mqttbytes::Error::Io(error)) => link::failure_in(&error),
        StateError::Deserialization(error) => Failure::Protocol(text::safe(&error.to_string()).to_string()),
        other => Failure::Protocol(text::safe(&other.to_string()).to_string()),
    })
}

/// Queues a publish; the future ends with its acknowledgement.
pub(super) fn publish(
    client: &AsyncClient,
    message: Message,
) -> Result<impl Future<Output = Result<(Qos, Option<Reason>), Failure>> + Send + use<>, Failure> {
    let options = PublishOptions::new(library_qos(message.qos)).retain(message.retain);
    let notice =
        client.try_publish_tracked(String::from(message.topic), message.payload, options).map_err(|error| not_queued(&error))?;
    Ok(async move {
        match notice.wait_async().await {
            Ok(PublishResult::Qos0Flushed) => Ok((Qos::AtMostOnce, None)),
            Ok(PublishResult::Qos1(_)) => Ok((Qos::AtLeastOnce, None)),
            Ok(PublishResult::Qos2Completed(_)) => Ok((Qos::ExactlyOnce, None)),
            Err(_) => Err(Failure::Unconfirmed),
        }
    })
}

/// Queues a SUBSCRIBE with one filter; the future ends with its SUBACK.
pub(super) fn subscribe(
    client: &AsyncClient,
    subscription: &Subscription,
) -> Result<impl Future<Output = Result<Qos, Failure>> + Send + use<>, Failure> {
    let notice = client
        .try_subscribe_tracked(subscription.filter.as_str(), library_qos(subscription.qos))
        .map_err(|error| not_queued(&error))?;
    Ok(async move {
        let codes = match notice.wait_async().await {
            Ok(suback) => suback.return_codes,
            Err(SubscribeNoticeError::V4SubAckFailure(codes)) => codes,
            Err(_) => return Err(Failure::Unconfirmed),
        };
        match codes.first() {
            Some(SubscribeReasonCode::Success(granted)) => Ok(qos(*granted)),
            Some(SubscribeReasonCode::Failure) => Err(Failure::Denied { reason: Reason(0x80), text: String::new() }),
            None => Err(Failure::Protocol("SUBACK without a return code".into())),
        }
    })
}

/// Queues an UNSUBSCRIBE; the future ends with its UNSUBACK.
pub(super) fn unsubscribe(
    client: &AsyncClient,
    filter: String,
) -> Result<impl Future<Output = Result<(), Failure>> + Send + use<>, Failure> {
    let notice = client.try_unsubscribe_tracked(filter).map_err(|error| not_queued(&error))?;
    Ok(async move { notice.wait_async().await.map(|_| ()).map_err(|_| Failure::Unconfirmed) })
}

fn not_queued(error: &ClientError) -> Failure {
    match error {
        ClientError::InvalidRequest(_) => Failure::Invalid("the MQTT library takes this topic or filter for invalid".into()),
        // The queues have room for all that the session sends, so what is left is a loop that has ended.
        _ => Failure::Offline,
    }
}

fn qos(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}

fn library_qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}
