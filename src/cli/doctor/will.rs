//! The test of the will, as a check.

use tokio_util::sync::CancellationToken;

use super::{
    conversation::{exit, ms},
    report::{Check, Fact, Report},
};
use crate::{
    base::{clock::Clock, human, text},
    cli::exit::{Exit, Problem},
    mqtt::{
        message::{Message, Properties},
        options::{Options, Will},
        will_test::{self, PATIENCE, WillFault, WillReport},
    },
};

const NAMES: (&str, &str) = ("will", "will");

/// The columns of a payload that is shown.
const PAYLOAD: usize = 200;

/// Tests the will, and reports what came of it; told to stop, it tells nothing.
///
/// # Errors
///
/// Returns why the report could not be printed.
pub(super) async fn test(options: &Options, clock: Clock, stop: &CancellationToken, report: &mut Report) -> Result<(), Problem> {
    let fault = match will_test::run_until(options, PATIENCE, clock, stop.cancelled()).await {
        Ok(tested) => return report.check(&found(&tested), Exit::TimedOut),
        Err(fault) => fault,
    };
    let exit = match &fault {
        WillFault::Stopped => return Ok(()),
        WillFault::NoWill => Exit::Usage,
        WillFault::Watcher(failure) | WillFault::Topic(failure) | WillFault::Victim(failure) => exit(failure),
    };
    report.check(&Check::bad(NAMES.0, NAMES.1, fault.to_string(), fault.hint()), exit)
}

fn found(report: &WillReport) -> Check {
    let topic = &*report.will.message.topic;
    let facts = asked(&report.will, report);
    let Some(arrival) = &report.arrival else {
        let said = format!("nothing arrived on {topic} within {}", human::span(report.waited));
        let causes = WillReport::CAUSES.map(str::to_owned).to_vec();
        let check = Check::bad(NAMES.0, NAMES.1, said, "look into the access rules and the log of the broker").facts(facts);
        return check.facts([Fact::list("causes", "may be", causes)]);
    };
    let check = Check::good(NAMES.0, NAMES.1, format!("arrived on {topic}"))
        .took(Some(arrival.after))
        .facts(facts)
        .facts(came(&arrival.message));
    match report.differences() {
        none if none.is_empty() => check,
        differences => {
            let hint = "the broker changed it on the way";
            check.facts([Fact::list("differences", "differs", differences)]).warn(hint)
        }
    }
}

/// Tells of the will as CONNECT carried it.
fn asked(will: &Will, report: &WillReport) -> Vec<Fact> {
    let delay = will.delay.unwrap_or_default();
    let due = human::duration(report.due);
    let words = match (delay, report.due.as_secs()) {
        (0, _) => "none".to_owned(),
        (delay, due) if due < u64::from(delay) => format!("{delay}s, of which {due}s count: then the session ends"),
        (_, _) => due,
    };
    let mut facts = vec![
        Fact::text("topic", "topic", &*will.message.topic),
        Fact::text("client_id", "cut client", &report.client_id),
        Fact::both("delay", delay, "delay", words),
        Fact::hidden("arrived", report.arrival.is_some()),
        ms("waited_ms", report.waited),
    ];
    if report.others > 0 {
        facts.push(Fact::count("others", "other messages", report.others));
    }
    facts
}

/// Tells of the message that arrived.
fn came(message: &Message) -> Vec<Fact> {
    let size = human::size(message.payload.len() as u64);
    let payload = text::line_of_bytes(&message.payload, PAYLOAD);
    let mut facts = vec![
        Fact::both("qos", message.qos.level(), "QoS", message.qos.to_string()),
        Fact::flag("retain", "retain", message.retain),
        Fact::both("payload", payload.as_str(), "payload", format!("{payload} ({size})")),
        Fact::hidden("size", message.payload.len()),
    ];
    let Some(properties) = message.properties.as_deref() else { return facts };
    let Properties { payload_format, message_expiry, response_topic, correlation_data, user_properties, content_type, .. } =
        properties;
    let texts = [
        ("payload_format", "payload format", payload_format.map(|format| format.to_string())),
        ("message_expiry", "message expiry", message_expiry.map(|seconds| format!("{seconds} s"))),
        ("content_type", "content type", content_type.clone()),
        ("response_topic", "response topic", response_topic.clone()),
        ("correlation_data", "correlation", correlation_data.as_ref().map(|data| text::line_of_bytes(data, PAYLOAD).to_string())),
    ];
    facts.extend(texts.into_iter().filter_map(|(key, label, text)| Some(Fact::text(key, label, text?))));
    if !user_properties.is_empty() {
        let pairs = user_properties.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        facts.push(Fact::list("user_properties", "user properties", pairs));
    }
    facts
}
