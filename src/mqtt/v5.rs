//! MQTT 5: the library's types to ours and back, and nothing else.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use rumqttc_v5::{
    AsyncClient, AuthContext, AuthExchangeKind, AuthNoticeError, BrokerSessionResumePolicy, ClientError, ConnAck, ConnectAuth,
    ConnectionError, Event as LibraryEvent, EventLoop, IncomingPacketSizeLimit, LastWill, LastWillProperties, MqttOptions,
    Outgoing, Packet, PersistedAckMode, PersistedSession, PublishNoticeError, PublishOptions, PublishProperties, PublishResult,
    QoS, RetainForwardRule, SessionStore, SessionStoreError, SessionStoreKey, StateError, SubscribeFilter, SubscribeNoticeError,
    SubscribeReasonCode, UnsubscribeNoticeError,
    mqttbytes::{
        self,
        v5::{AuthProperties, SubscribeProperties},
    },
};

use super::{
    authentication::Exchange,
    error::Failure,
    event::{ConnackProperties, Limits},
    link::{self, Arrival, Broken, CONNECT_GRACE, Connack, IN_FLIGHT, REQUESTS},
    message::{Message, Properties, Qos},
    options::{Options, SessionExpiry, Subscription, Will},
    reason::Reason,
};
use crate::base::text;

/// Builds the two ends of the library; the socket connector is set later, once per attempt.
pub(super) fn build(options: &Options) -> Result<(AsyncClient, EventLoop), Failure> {
    AsyncClient::builder(library_options(options))
        .capacity(REQUESTS)
        .try_build()
        .map_err(|error| Failure::Invalid(text::safe(&error.to_string()).to_string()))
}

fn library_options(options: &Options) -> MqttOptions {
    let mut library = MqttOptions::new(options.client_id.as_str(), (options.endpoint.host.as_str(), options.endpoint.port));
    library
        .set_keep_alive(link::keep_alive_seconds(options.keep_alive))
        .set_clean_start(options.clean_start)
        .set_connect_timeout(options.connect_timeout.saturating_add(CONNECT_GRACE))
        .set_outgoing_inflight_upper_limit(IN_FLIGHT)
        .set_read_batch_size(128)
        .set_max_request_batch(64)
        .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly)
        .set_receive_maximum(options.receive_maximum)
        .set_topic_alias_max((options.topic_alias_maximum > 0).then_some(options.topic_alias_maximum))
        .set_request_response_info(options.request_response_information.then_some(1))
        .set_request_problem_info((!options.request_problem_information).then_some(0));
    if options.session_expiry != SessionExpiry::AtDisconnect {
        library.set_session_expiry_interval(Some(options.session_expiry.interval()));
    }
    if !options.user_properties.is_empty() {
        library.set_user_properties(options.user_properties.clone());
    }
    if let Some(exchange) = Exchange::new(options) {
        library.set_authentication_method(Some(exchange.method().to_owned()));
        library.set_authenticator(Arc::new(Mutex::new(exchange)));
    }
    library.set_auth(credentials(options));
    if let Some(will) = &options.will {
        library.set_last_will(last_will(will));
    }
    if !options.clean_start {
        library.set_session_store_arc(Arc::new(Blank));
    }
    // What is over our limit never gets as far as the library. After all the other properties, the first of which sets its own.
    library.set_incoming_packet_size_limit(
        options.advertised_limit().map_or(IncomingPacketSizeLimit::Unlimited, |limit| IncomingPacketSizeLimit::Bytes(limit.max(1))),
    );
    library
}

/// Returns User Name and Password as CONNECT carries them: neither where SCRAM proves them.
fn credentials(options: &Options) -> ConnectAuth {
    if options.uses_scram() {
        return ConnectAuth::None;
    }
    let password = options.password.as_ref().map(|password| bytes::Bytes::copy_from_slice(password.expose()));
    match (options.username.clone(), password) {
        (None, None) => ConnectAuth::None,
        (Some(username), None) => ConnectAuth::Username { username },
        (None, Some(password)) => ConnectAuth::Password { password },
        (Some(username), Some(password)) => ConnectAuth::UsernamePassword { username, password },
    }
}

fn last_will(will: &Will) -> LastWill {
    let given = will.message.properties.as_deref().cloned().unwrap_or_default();
    let properties = LastWillProperties {
        delay_interval: will.delay,
        payload_format_indicator: given.payload_format,
        message_expiry_interval: given.message_expiry,
        content_type: given.content_type,
        response_topic: given.response_topic,
        correlation_data: given.correlation_data,
        user_properties: given.user_properties,
    };
    LastWill {
        topic: will.message.topic.as_bytes().clone(),
        message: will.message.payload.clone(),
        qos: library_qos(will.message.qos),
        retain: will.message.retain,
        properties: Some(properties),
    }
}

/// A store with one empty checkpoint.
///
/// Without any, the library refuses every subscription and every QoS 1 and 2 publish on a session that the broker kept for an
/// earlier process, because packet identifiers of that process may still be in use there. A publish with such an identifier
/// would be taken for its repetition; only QoS 2 is affected, and only after a process that ended in the middle of one.
#[derive(Debug)]
struct Blank;

type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl SessionStore for Blank {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Stored<'a, Option<PersistedSession>> {
        let blank = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_owned(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: Some(IN_FLIGHT),
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

/// Waits for the next thing to happen; a broker that has not proved itself is left before anything is sent to it.
pub(super) async fn poll(event_loop: &mut EventLoop) -> Result<Arrival, Broken> {
    let event = event_loop.poll().await.map_err(broken)?;
    if let LibraryEvent::Incoming(Packet::ConnAck(connack)) = &event
        && let Err(failure) = confirm(event_loop, connack)
    {
        event_loop.clean();
        return Err(Broken::Failed(failure));
    }
    Ok(arrival(event))
}

/// Hands the last word of the broker to the exchange; the library looks at its method only.
fn confirm(event_loop: &EventLoop, connack: &ConnAck) -> Result<(), Failure> {
    let (Some(exchange), Some(method)) = (event_loop.options.authenticator(), event_loop.options.authentication_method()) else {
        return Ok(());
    };
    let data = connack.properties.as_ref().and_then(|properties| properties.authentication_data.clone());
    let properties = data.map(|data| AuthProperties { method: None, data: Some(data), reason: None, user_properties: Vec::new() });
    let context = AuthContext { kind: AuthExchangeKind::InitialConnect, method: &method };
    let mut exchange = exchange.lock().map_err(|_| Failure::Authentication("the exchange broke off".into()))?;
    exchange.success(context, properties).map_err(|error| unauthenticated(&error.to_string()))
}

/// Says why authentication failed, without the library's preface.
fn unauthenticated(why: &str) -> Failure {
    let why = why.strip_prefix("authentication failed: ").unwrap_or(why);
    Failure::Authentication(text::safe(why).to_string())
}

/// Translates what the library reports.
fn arrival(event: LibraryEvent) -> Arrival {
    match event {
        LibraryEvent::Incoming(Packet::Publish(publish)) => Arrival::Message(Message {
            topic: link::topic(publish.topic),
            payload: publish.payload,
            qos: qos(publish.qos),
            retain: publish.retain,
            dup: publish.dup,
            properties: publish.properties.map(properties).filter(|properties| !properties.is_empty()).map(Box::new),
        }),
        LibraryEvent::Incoming(Packet::ConnAck(connack)) => Arrival::Connack(self::connack(connack)),
        LibraryEvent::Incoming(Packet::SubAck(_)) => Arrival::Suback,
        LibraryEvent::Incoming(Packet::PingResp) => Arrival::Pong,
        LibraryEvent::Outgoing(Outgoing::PingReq) => Arrival::Ping,
        LibraryEvent::Incoming(_) | LibraryEvent::Outgoing(_) | LibraryEvent::Auth(_) => Arrival::Other,
    }
}

fn connack(connack: ConnAck) -> Connack {
    let available = |flag: Option<u8>| flag.is_none_or(|flag| flag != 0);
    let Some(given) = connack.properties else {
        return Connack { session_present: connack.session_present, ..Connack::default() };
    };
    let limits = Limits {
        maximum_qos: given.max_qos.and_then(Qos::from_level).unwrap_or(Qos::ExactlyOnce),
        retain_available: available(given.retain_available),
        wildcard_available: available(given.wildcard_subscription_available),
        shared_available: available(given.shared_subscription_available),
        identifiers_available: available(given.subscription_identifiers_available),
        topic_alias_maximum: given.topic_alias_max.unwrap_or(0),
        maximum_packet_size: given.max_packet_size,
        receive_maximum: given.receive_max.unwrap_or(u16::MAX),
    };
    let properties = ConnackProperties {
        session_expiry: given.session_expiry_interval.map(SessionExpiry::of_interval),
        assigned_client_id: given.assigned_client_identifier,
        server_keep_alive: given.server_keep_alive.map(|seconds| Duration::from_secs(u64::from(seconds))),
        response_information: given.response_information,
        server_reference: given.server_reference,
        reason_string: given.reason_string,
        user_properties: given.user_properties,
    };
    Connack { session_present: connack.session_present, limits, properties }
}

fn properties(given: PublishProperties) -> Properties {
    Properties {
        payload_format: given.payload_format_indicator,
        message_expiry: given.message_expiry_interval,
        topic_alias: given.topic_alias,
        response_topic: given.response_topic,
        correlation_data: given.correlation_data,
        user_properties: given.user_properties,
        subscription_ids: given.subscription_identifiers.into_iter().filter_map(|id| u32::try_from(id).ok()).collect(),
        content_type: given.content_type,
    }
}

/// Says why the connection ended.
fn broken(error: ConnectionError) -> Broken {
    match error {
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => Broken::Failed(link::failure_in(&error)),
        ConnectionError::MqttState(error) => state_error(error),
        ConnectionError::RequestsDone => Broken::Done,
        ConnectionError::Timeout(_) => Broken::NoConnack,
        ConnectionError::ConnectionRefused(code) => Broken::Failed(Failure::Protocol(format!("CONNACK refused with {code:?}"))),
        ConnectionError::NotConnAck(packet) => {
            Broken::Failed(Failure::Protocol(format!("{:?} where CONNACK is due", packet.packet_type())))
        }
        ConnectionError::SessionStateMismatch { .. } => {
            Broken::Failed(Failure::Protocol("the broker resumed a session although a clean start was asked for".into()))
        }
        other => Broken::Failed(Failure::Protocol(text::safe(&other.to_string()).to_string())),
    }
}

fn state_error(error: StateError) -> Broken {
    Broken::Failed(match error {
        StateError::ServerDisconnect { reason_code, reason_string } => Failure::Disconnected {
            reason: Reason(reason_code as u8),
            text: text::safe(reason_string.as_deref().unwrap_or_default()).to_string(),
        },
        StateError::AuthError(why) => unauthenticated(&why),
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
    let mut options = PublishOptions::new(library_qos(message.qos)).retain(message.retain);
    if let Some(given) = message.properties {
        options = options.properties(PublishProperties {
            payload_format_indicator: given.payload_format,
            message_expiry_interval: given.message_expiry,
            topic_alias: given.topic_alias,
            response_topic: given.response_topic,
            correlation_data: given.correlation_data,
            user_properties: given.user_properties,
            subscription_identifiers: Vec::new(),
            content_type: given.content_type,
        });
    }
    let notice =
        client.try_publish_tracked(String::from(message.topic), message.payload, options).map_err(|error| not_queued(&error))?;
    Ok(async move {
        match notice.wait_async().await {
            Ok(PublishResult::Qos0Flushed) => Ok((Qos::AtMostOnce, None)),
            Ok(PublishResult::Qos1(ack)) => {
                let said = ack.properties.and_then(|p| p.reason_string);
                verdict(ack.reason as u8, said).map(|reason| (Qos::AtLeastOnce, reason))
            }
            Ok(PublishResult::Qos2Completed(ack)) => {
                let said = ack.properties.and_then(|p| p.reason_string);
                verdict(ack.reason as u8, said).map(|reason| (Qos::ExactlyOnce, reason))
            }
            Ok(PublishResult::Qos2PubRecRejected(ack)) => {
                let said = ack.properties.and_then(|p| p.reason_string);
                verdict(ack.reason as u8, said).map(|reason| (Qos::ExactlyOnce, reason))
            }
            Err(PublishNoticeError::RetainNotSupported) => Err(Failure::Denied { reason: Reason(0x9a), text: String::new() }),
            Err(_) => Err(Failure::Unconfirmed),
        }
    })
}

/// Queues a SUBSCRIBE with one filter; the future ends with its SUBACK.
pub(super) fn subscribe(
    client: &AsyncClient,
    subscription: &Subscription,
) -> Result<impl Future<Output = Result<Qos, Failure>> + Send + use<>, Failure> {
    let filter = SubscribeFilter {
        path: subscription.filter.clone(),
        qos: library_qos(subscription.qos),
        nolocal: subscription.no_local,
        preserve_retain: subscription.retain_as_published,
        retain_forward_rule: match subscription.retain_handling {
            0 => RetainForwardRule::OnEverySubscribe,
            1 => RetainForwardRule::OnNewSubscribe,
            _ => RetainForwardRule::Never,
        },
    };
    let identifier = subscription.identifier.and_then(|identifier| usize::try_from(identifier).ok());
    let queued = match identifier {
        None => client.try_subscribe_many_tracked([filter]),
        id => client.try_subscribe_many_with_properties_tracked([filter], SubscribeProperties { id, user_properties: Vec::new() }),
    };
    let notice = queued.map_err(|error| not_queued(&error))?;
    Ok(async move {
        let (codes, said) = match notice.wait_async().await {
            Ok(suback) => (suback.return_codes, suback.properties.and_then(|p| p.reason_string)),
            Err(SubscribeNoticeError::V5SubAckFailure(codes)) => (codes, None),
            Err(_) => return Err(Failure::Unconfirmed),
        };
        match codes.into_iter().next() {
            Some(SubscribeReasonCode::Success(granted)) => Ok(qos(granted)),
            Some(refusal) => Err(denied(subscribe_reason(refusal), said)),
            None => Err(Failure::Protocol("SUBACK without a reason code".into())),
        }
    })
}

/// Queues an UNSUBSCRIBE; the future ends with its UNSUBACK.
pub(super) fn unsubscribe(
    client: &AsyncClient,
    filter: String,
) -> Result<impl Future<Output = Result<(), Failure>> + Send + use<>, Failure> {
    let notice = client.try_unsubscribe_tracked(filter).map_err(|error| not_queued(&error))?;
    Ok(async move {
        let (reasons, said) = match notice.wait_async().await {
            Ok(unsuback) => (unsuback.reasons, unsuback.properties.and_then(|p| p.reason_string)),
            Err(UnsubscribeNoticeError::V5UnsubAckFailure(reasons)) => (reasons, None),
            Err(_) => return Err(Failure::Unconfirmed),
        };
        let reason = reasons.into_iter().next().map_or(0, |reason| reason as u8);
        verdict(reason, said).map(|_| ())
    })
}

/// Queues a re-authentication; the future ends with its outcome.
pub(super) fn reauthenticate(client: &AsyncClient) -> Result<impl Future<Output = Result<(), Failure>> + Send + use<>, Failure> {
    let notice = client.try_reauth_tracked(None).map_err(|error| not_queued(&error))?;
    Ok(async move {
        match notice.wait_async().await {
            Ok(_) => Ok(()),
            Err(AuthNoticeError::AuthenticationFailed(why)) => Err(unauthenticated(&why)),
            Err(AuthNoticeError::OverlappingReauth) => Err(Failure::Invalid("an authentication is under way".into())),
            Err(AuthNoticeError::MissingAuthenticationMethod) => {
                Err(Failure::Invalid("the connection was made without an authentication method".into()))
            }
            Err(_) => Err(Failure::Unconfirmed),
        }
    })
}

fn verdict(code: u8, said: Option<String>) -> Result<Option<Reason>, Failure> {
    let reason = Reason(code);
    if reason.is_failure() { Err(denied(code, said)) } else { Ok(Some(reason)) }
}

fn denied(code: u8, said: Option<String>) -> Failure {
    Failure::Denied { reason: Reason(code), text: text::safe(&said.unwrap_or_default()).to_string() }
}

fn not_queued(error: &ClientError) -> Failure {
    match error {
        ClientError::InvalidRequest(_) => Failure::Invalid("the MQTT library takes this topic or filter for invalid".into()),
        // The queues have room for all that the session sends, so what is left is a loop that has ended.
        _ => Failure::Offline,
    }
}

fn subscribe_reason(code: SubscribeReasonCode) -> u8 {
    match code {
        SubscribeReasonCode::Success(qos) => qos as u8,
        SubscribeReasonCode::Failure | SubscribeReasonCode::Unspecified => 0x80,
        SubscribeReasonCode::ImplementationSpecific => 0x83,
        SubscribeReasonCode::NotAuthorized => 0x87,
        SubscribeReasonCode::TopicFilterInvalid => 0x8f,
        SubscribeReasonCode::PkidInUse => 0x91,
        SubscribeReasonCode::QuotaExceeded => 0x97,
        SubscribeReasonCode::SharedSubscriptionsNotSupported => 0x9e,
        SubscribeReasonCode::SubscriptionIdNotSupported => 0xa1,
        SubscribeReasonCode::WildcardSubscriptionsNotSupported => 0xa2,
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
