//! The plant says the same for the same seed, at the promised rate, in every kind.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::payload::{Hints, detect};

fn plant(devices: usize) -> Plant {
    Plant::new(7, Stamp { mono: 0, wall: 1_795_176_271_000_000 }, devices)
}

fn minute(plant: &Plant) -> Vec<Message> {
    (0..60 * SECOND).flat_map(|tick| plant.tick(tick).chain(plant.vehicle(tick)).collect::<Vec<_>>()).collect()
}

#[test]
fn the_same_seed_says_the_same() {
    assert_eq!(minute(&plant(DEFAULT_DEVICES)), minute(&plant(DEFAULT_DEVICES)));
    let other = Plant { seed: 8, ..plant(DEFAULT_DEVICES) };
    assert_ne!(minute(&plant(DEFAULT_DEVICES)), minute(&other));
}

#[test]
fn the_rate_is_what_it_says_and_near_thirty() {
    let plant = plant(DEFAULT_DEVICES);
    let counted = f64::from(u32::try_from(minute(&plant).len()).expect("a few thousand")) / 60.0;
    assert!((counted - plant.per_second()).abs() < 0.5, "{counted} against {}", plant.per_second());
    assert!((25.0..35.0).contains(&counted), "{counted}");
}

#[test]
fn a_noisy_device_comes_in_bursts() {
    let plant = plant(DEFAULT_DEVICES);
    let per_second: Vec<usize> = (0..30)
        .map(|second| {
            let ticks = second * SECOND..(second + 1) * SECOND;
            ticks.flat_map(|tick| plant.tick(tick).collect::<Vec<_>>()).filter(|m| m.topic.contains("conveyor")).count()
        })
        .collect();
    assert_eq!((per_second.iter().max(), per_second.iter().min()), (Some(&40), Some(&0)));
}

#[test]
fn each_format_is_there_and_recognised() {
    let mut formats = BTreeMap::new();
    for message in minute(&plant(DEFAULT_DEVICES)) {
        let properties = message.properties.unwrap_or_default();
        let hints = Hints { content_type: properties.content_type.as_deref(), payload_format: properties.payload_format };
        formats
            .entry(detect(&message.payload, &hints).format.name())
            .or_insert_with(BTreeSet::new)
            .insert(message.topic.to_string());
    }
    let of = |name: &str| formats.get(name).map(|topics| topics.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_or_default();
    assert_eq!(of("cbor"), ["plant/hall2/pump1/vibration"]);
    assert_eq!(of("msgpack"), ["plant/hall2/pump2/vibration"]);
    assert_eq!(of("binary"), ["plant/hall2/meter1/modbus"]);
    assert_eq!(of("png"), ["plant/gate/camera1/image"]);
    assert_eq!(of("gzip"), ["plant/gateway/report"]);
    assert!(of("json").contains(&"plant/hall1/press3/telemetry") && of("text").contains(&"plant/hall1/climate/temperature"));
}

#[test]
fn what_claims_to_be_json_is_json() {
    let plant = plant(DEFAULT_DEVICES);
    let all = minute(&plant).into_iter().chain(plant.opening());
    let json: Vec<_> =
        all.filter(|m| m.properties.as_ref().and_then(|p| p.content_type.as_deref()) == Some("application/json")).collect();
    assert!(json.len() > 100);
    for message in json {
        let text = String::from_utf8_lossy(&message.payload);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}: {text}", message.topic);
    }
}

#[test]
fn every_level_of_qos_and_an_expiry_are_used() {
    let messages = minute(&plant(DEFAULT_DEVICES));
    let levels: BTreeSet<Qos> = messages.iter().map(|message| message.qos).collect();
    assert_eq!(levels, BTreeSet::from(Qos::ALL));
    assert!(messages.iter().any(|m| m.properties.as_ref().is_some_and(|p| p.message_expiry == Some(300))));
}

#[test]
fn the_opening_is_retained_and_the_silent_device_says_nothing_more() {
    let plant = plant(DEFAULT_DEVICES);
    let opening: Vec<_> = plant.opening().collect();
    assert!(opening.iter().all(|message| message.retain));
    let chiller = |message: &Message| message.topic.contains("chiller");
    assert!(opening.iter().any(chiller) && !minute(&plant).iter().any(chiller));
}

#[test]
fn more_devices_have_topics_of_their_own() {
    let topics: BTreeSet<_> = minute(&plant(200)).into_iter().map(|message| message.topic).collect();
    assert!(topics.len() >= 188, "{}", topics.len());
}

#[test]
fn the_panel_asks_with_a_response_topic_and_new_correlation_data() {
    let questions: Vec<_> = (0..60 * SECOND).filter_map(Plant::question).collect();
    let correlations: BTreeSet<_> =
        questions.iter().filter_map(|m| m.properties.as_ref().and_then(|p| p.correlation_data.clone())).collect();
    assert_eq!((questions.len(), correlations.len()), (8, 8));
    assert!(questions.iter().all(|m| m.properties.as_ref().is_some_and(|p| p.response_topic.as_deref() == Some(PANEL_REPLY))));
}
