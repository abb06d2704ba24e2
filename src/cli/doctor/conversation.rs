//! The conversation on an open stream: CONNECT, a SUBSCRIBE for each filter, a ping, DISCONNECT.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::report::{Check, Fact, Report, millis};
use crate::{
    base::{clock::Clock, human, text},
    cli::{
        exit::{Exit, Problem},
        notice::note,
    },
    mqtt::{
        conversation::Conversation,
        error::Failure,
        event::{ConnackProperties, Limits, Welcome},
        message::Qos,
        options::{Options, Protocol, SessionExpiry, Subscription},
        topic,
    },
    record::trace::Trace,
    wire::{
        dial::{Dialed, Stage},
        error::WireError,
    },
};

/// Events that may wait between the trace and the doctor.
const EVENTS: usize = 64;

/// How long DISCONNECT may take, less than a verb has after a signal.
const GOODBYE: Duration = Duration::from_millis(1_200);

/// Connects, subscribes, pings and disconnects, and reports each step; tells whether the connection held.
///
/// Told to stop, or unable to report, it disconnects all the same: a connection that just breaks off is a death to the broker.
///
/// # Errors
///
/// Returns why the report could not be printed.
pub(super) async fn hold(
    dialed: Dialed,
    options: &Options,
    subscriptions: &[Subscription],
    clock: Clock,
    stop: &CancellationToken,
    trace: Option<&Trace>,
    report: &mut Report,
) -> Result<bool, Problem> {
    let options = &Options { packets: trace.is_some(), ..options.clone() };
    let conversation = Conversation::start_on(dialed, options.clone(), clock, |events| {
        let Some(trace) = trace else { return Ok(events) };
        trace.follow("", move || clock.now(), events, EVENTS, |error| note(&format!("the trace ends: {error}")))
    });
    let mut conversation = conversation.map_err(|error| Problem::new(Exit::Other, format!("cannot trace: {error}")))?;
    let talked = stop.run_until_cancelled(talk(&mut conversation, options, subscriptions, clock, report)).await;
    let goodbye = farewell(conversation, clock).await;
    let held = talked.unwrap_or(Ok(false))?;
    if held {
        report.check(&goodbye, Exit::Other)?;
    }
    Ok(held)
}

/// Asks all that there is to ask; tells whether the connection is still there to be closed.
async fn talk(
    conversation: &mut Conversation,
    options: &Options,
    subscriptions: &[Subscription],
    clock: Clock,
    report: &mut Report,
) -> Result<bool, Problem> {
    let welcome = match conversation.online().await {
        Ok(welcome) => welcome,
        Err(failure) => {
            let facts = asked(options);
            // What cannot be sent was not refused by anybody.
            let exit = if matches!(failure, Failure::Invalid(_)) { Exit::Usage } else { exit(&failure) };
            report.check(&bad("connect", "CONNECT", "", &failure).facts(facts), exit)?;
            return Ok(false);
        }
    };
    report.check(&connected(options, &welcome), Exit::Done)?;
    for subscription in subscriptions {
        let began = clock.now();
        let outcome = conversation.subscribe(subscription).await;
        let check = subscribed(subscription, &outcome, welcome.protocol).took(Some(clock.now().since(began)));
        report.check(&check, outcome.as_ref().err().map_or(Exit::Done, exit))?;
        if outcome.is_err_and(|failure| !is_answer(&failure)) {
            return Ok(false);
        }
    }
    // What is too long for CONNACK is too long for PINGRESP.
    match conversation.ping(options.connect_timeout).await {
        Ok(took) => report.check(&Check::good("ping", "ping", "the broker answers").took(Some(took)), Exit::Done)?,
        Err(failure) => report.check(&bad("ping", "ping", "", &failure), exit(&failure))?,
    }
    Ok(true)
}

async fn farewell(conversation: Conversation, clock: Clock) -> Check {
    let began = clock.now();
    let ended = conversation.leave(GOODBYE).await;
    let took = clock.now().since(began);
    let check = if ended {
        Check::good("disconnect", "DISCONNECT", "sent, and the connection is closed")
    } else {
        Check::bad("disconnect", "DISCONNECT", "could not be sent in time", "the network is slow or stuck")
    };
    check.took(Some(took))
}

/// Tells whether the connection goes on after this failure.
fn is_answer(failure: &Failure) -> bool {
    matches!(failure, Failure::Denied { .. } | Failure::Invalid(_) | Failure::Silent { awaited: "SUBACK", .. })
}

/// Returns the exit code that a failure means to the doctor, who tells what took too long from what cannot be reached.
pub(super) fn exit(failure: &Failure) -> Exit {
    match failure {
        Failure::Silent { .. } | Failure::Wire(WireError::TimedOut { .. }) => Exit::TimedOut,
        other => other.into(),
    }
}

fn bad(key: &'static str, label: &'static str, what: &str, failure: &Failure) -> Check {
    Check::bad(key, label, format!("{what}{failure}"), failure.hint())
}

/// Tells of what CONNECT said, where the broker did not like it.
fn asked(options: &Options) -> Vec<Fact> {
    let username = options.username.as_deref().unwrap_or("none");
    vec![
        Fact::text("protocol", "version", format!("MQTT {}", options.protocol)),
        Fact::text("client_id", "client id", client_id(&options.client_id)),
        Fact::text("username", "user name", username),
        Fact::flag("password", "password", options.password.is_some()),
    ]
}

fn client_id(client_id: &str) -> &str {
    if client_id.is_empty() { "to be assigned" } else { client_id }
}

fn connected(options: &Options, welcome: &Welcome) -> Check {
    let took = welcome.times.iter().find(|(stage, _)| *stage == Stage::Connect).map(|(_, took)| *took);
    let check = Check::good("connect", "CONNECT", format!("accepted, MQTT {}", welcome.protocol))
        .took(took)
        .facts([Fact::hidden("protocol", welcome.protocol.to_string())])
        .facts(connection(welcome))
        .facts(limits(welcome));
    if let Some(why) = welcome.step_down {
        return check.warn(format!("{why}: -V {0}, or protocol = \"{0}\" in the profile, skips the try", welcome.protocol));
    }
    let secret = match (options.sends_password(), options.sends_token()) {
        (true, true) => "the password and the authentication data",
        (true, false) => "the password",
        (false, true) => "the authentication data",
        (false, false) => return check,
    };
    if welcome.endpoint.is_encrypted() || welcome.endpoint.is_local() {
        return check;
    }
    check.warn(format!("{secret} went over the network unencrypted: use mqtts:// or wss:// where the broker has it"))
}

/// Tells of the connection itself.
fn connection(welcome: &Welcome) -> Vec<Fact> {
    let Welcome { keep_alive, properties, .. } = welcome;
    let ConnackProperties {
        session_expiry,
        assigned_client_id,
        server_keep_alive,
        response_information,
        server_reference,
        reason_string,
        user_properties,
    } = properties;
    let assigned = if assigned_client_id.is_some() { " (assigned by the broker)" } else { "" };
    let by_broker = if server_keep_alive.is_some() { " (the broker wants it)" } else { "" };
    let beat = if keep_alive.is_zero() { "off".to_owned() } else { format!("{}{by_broker}", human::duration(*keep_alive)) };
    let mut facts = vec![
        Fact::both("client_id", welcome.client_id.as_str(), "client id", format!("{}{assigned}", welcome.client_id)),
        Fact::flag("session_present", "session present", welcome.session_present),
        Fact::both("keep_alive", keep_alive.as_secs(), "keep alive", beat),
    ];
    if let Some(expiry) = session_expiry {
        let words = match expiry {
            SessionExpiry::AtDisconnect => "at DISCONNECT".to_owned(),
            SessionExpiry::After(seconds) => human::duration(Duration::from_secs((*seconds).into())),
            SessionExpiry::Never => "never".to_owned(),
        };
        facts.push(Fact::both("session_expiry", expiry.interval(), "session expiry", words));
    }
    let texts = [
        ("response_information", "response info", response_information),
        ("server_reference", "server reference", server_reference),
        ("reason_string", "reason", reason_string),
    ];
    facts.extend(texts.into_iter().filter_map(|(key, label, text)| Some(Fact::text(key, label, text.as_deref()?))));
    if !user_properties.is_empty() {
        let pairs = user_properties.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        facts.push(Fact::list("user_properties", "user properties", pairs));
    }
    facts
}

/// Tells of what the broker allows, of which MQTT before 5 says nothing.
fn limits(welcome: &Welcome) -> Vec<Fact> {
    if welcome.protocol != Protocol::V5 {
        return Vec::new();
    }
    let Limits {
        maximum_qos,
        retain_available,
        wildcard_available,
        shared_available,
        identifiers_available,
        topic_alias_maximum,
        maximum_packet_size,
        receive_maximum,
    } = welcome.limits;
    let packet = match maximum_packet_size {
        Some(size) => Fact::both("maximum_packet_size", size, "max packet", human::limit(size.into())),
        None => Fact::both("maximum_packet_size", serde_json::Value::Null, "max packet", "no limit"),
    };
    vec![
        Fact::both("maximum_qos", maximum_qos.level(), "max QoS", maximum_qos.to_string()),
        packet,
        Fact::count("receive_maximum", "receive max", receive_maximum.into()),
        Fact::count("topic_alias_maximum", "topic aliases", topic_alias_maximum.into()),
        Fact::flag("retain_available", "retain", retain_available),
        Fact::flag("wildcard_available", "wildcards", wildcard_available),
        Fact::flag("shared_available", "shared subs", shared_available),
        Fact::flag("identifiers_available", "subscription ids", identifiers_available),
    ]
}

fn subscribed(subscription: &Subscription, outcome: &Result<Qos, Failure>, protocol: Protocol) -> Check {
    let (key, label) = ("subscribe", "SUBSCRIBE");
    let filter = Fact::hidden("filter", subscription.filter.as_str());
    let shown = text::line(&subscription.filter, 200);
    match outcome {
        Ok(granted) => {
            let check = Check::good(key, label, format!("{shown}: granted, QoS {granted}"));
            let check = check.facts([filter, Fact::hidden("qos", granted.level())]);
            match topic::shared_before_v5(&subscription.filter, protocol) {
                Some(said) => check.warn(said),
                None if *granted < subscription.qos => {
                    check.warn(format!("QoS {} was asked for: the broker or its rules give less", subscription.qos))
                }
                None => check,
            }
        }
        Err(failure) => bad(key, label, &format!("{shown}: "), failure).facts([filter]),
    }
}

/// Returns a time for scripts.
pub(super) fn ms(key: &'static str, time: Duration) -> Fact {
    Fact::hidden(key, millis(time))
}
