//! The simulated plant: what each device publishes at each tick, from a seed and nothing else.

use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;

use super::reading::{CONVEYOR_BURST, CONVEYOR_ROUND, Moment, Reading};
use crate::{
    base::clock::Stamp,
    mqtt::message::{Message, Properties, Qos},
};

/// The step of plant time.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Ticks in a second of plant time.
const SECOND: u64 = 20;

/// How many devices there are unless more or fewer are asked for.
pub(super) const DEFAULT_DEVICES: usize = 12;

/// The topic that tells whether the mortal vehicle is there; its Will Message goes there too.
pub(super) const VEHICLE_STATUS: &str = "plant/hall2/agv7/status";

const PRESS_CONFIG: &str = r#"{"schema":3,"limits":{"force_kn":{"min":120,"max":900},"oil":{"temperature_c":{"warn":55,"stop":65},"level_pct":{"warn":20}}},"recipes":["R-17","R-18","R-22"],"maintenance":{"interval_cycles":250000,"contact":{"team":"hydraulics","phone":"+49 30 555 0142"}},"interlocks":[{"name":"guard","enabled":true},{"name":"light curtain","enabled":true},{"name":"two-hand","enabled":false}]}"#;

const CHILLER_STATE: &str = r#"{"state":"standby","last_seen":"2026-08-02T06:14:09Z","reason":"winter operation"}"#;

/// The plant, whose every message follows from its seed, its start and the tick.
#[derive(Debug, Clone)]
pub(super) struct Plant {
    seed: u64,
    started: Stamp,
    sources: Vec<Source>,
    vehicle: Source,
}

/// One topic that a device publishes to.
#[derive(Debug, Clone)]
struct Source {
    topic: ByteString,
    reading: Reading,
    /// Ticks from one message to the next; zero publishes only at the start.
    every: u64,
    qos: Qos,
    retain: bool,
}

impl Source {
    fn new(topic: impl Into<ByteString>, every: u64, reading: Reading) -> Self {
        Self { topic: topic.into(), reading, every, qos: Qos::AtMostOnce, retain: false }
    }

    fn qos(self, qos: Qos) -> Self {
        Self { qos, ..self }
    }

    fn retained(self) -> Self {
        Self { retain: true, ..self }
    }

    fn is_due(&self, tick: u64, index: usize) -> bool {
        // Sources take turns within their period, so that a tick does not bring all of them at once.
        self.every > 0 && (tick + index as u64).is_multiple_of(self.every) && self.reading.speaks(tick)
    }

    #[expect(clippy::cast_precision_loss, reason = "periods are small")]
    fn per_second(&self) -> f64 {
        let often = if self.every == 0 { 0.0 } else { SECOND as f64 / self.every as f64 };
        let burst = (CONVEYOR_BURST.end - CONVEYOR_BURST.start) as f64 / CONVEYOR_ROUND as f64;
        if matches!(self.reading, Reading::Part { .. }) { often * burst } else { often }
    }
}

impl Plant {
    /// Builds a plant of so many devices; the vehicle that dies, the panel and the service come on top.
    pub(super) fn new(seed: u64, started: Stamp, devices: usize) -> Self {
        let vehicle = Source::new("plant/hall2/agv7/position", SECOND / 2, Reading::Position { radius: 9.0 });
        Self { seed, started, sources: (0..devices).flat_map(device).collect(), vehicle }
    }

    /// Returns what is retained when the plant starts, so that a new subscriber sees all of it at once.
    pub(super) fn opening(&self) -> impl Iterator<Item = Message> {
        self.sources.iter().enumerate().filter(|(_, source)| source.retain).map(|(index, source)| self.message(source, index, 0))
    }

    /// Returns what the devices publish at a tick.
    pub(super) fn tick(&self, tick: u64) -> impl Iterator<Item = Message> {
        let due = move |(index, source): &(usize, &Source)| source.is_due(tick, *index);
        self.sources.iter().enumerate().filter(due).map(move |(index, source)| self.message(source, index, tick))
    }

    /// Returns what the mortal vehicle publishes at a tick while it lives.
    pub(super) fn vehicle(&self, tick: u64) -> Option<Message> {
        let index = usize::MAX;
        tick.is_multiple_of(self.vehicle.every).then(|| self.message(&self.vehicle, index, tick))
    }

    /// Returns the question that the panel asks the recipe service at a tick.
    pub(super) fn question(tick: u64) -> Option<Message> {
        let every = SECOND * 8;
        let recipe = ["R-17", "R-18", "R-22", "R-99"][usize::try_from(tick / every % 4).unwrap_or(0)];
        tick.is_multiple_of(every).then(|| Message {
            topic: ByteString::from_static("plant/service/recipe/get"),
            payload: format!(r#"{{"recipe":"{recipe}"}}"#).into(),
            qos: Qos::AtLeastOnce,
            properties: Some(Box::new(Properties {
                content_type: Some("application/json".into()),
                response_topic: Some(PANEL_REPLY.into()),
                correlation_data: Some(Bytes::copy_from_slice(&(tick / every).to_be_bytes())),
                ..Properties::default()
            })),
            ..Message::default()
        })
    }

    /// Returns the mean rate of all that a tick brings, in messages per second of plant time.
    pub(super) fn per_second(&self) -> f64 {
        self.sources.iter().chain([&self.vehicle]).map(Source::per_second).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks stay far below two to the power of 52")]
    fn message(&self, source: &Source, index: usize, tick: u64) -> Message {
        // An odd multiplier keeps the seeds of neighbouring sources and ticks apart (Knuth's multiplicative hash).
        let seed = (self.seed ^ (index as u64).rotate_left(32) ^ tick).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut moment = Moment {
            tick,
            seconds: tick as f64 / SECOND as f64,
            wall: self.started.after(TICK.saturating_mul(u32::try_from(tick).unwrap_or(u32::MAX))),
            rng: fastrand::Rng::with_seed(seed),
        };
        let (payload, properties) = source.reading.payload(&mut moment);
        Message {
            topic: source.topic.clone(),
            payload,
            qos: source.qos,
            retain: source.retain,
            dup: false,
            properties: (!properties.is_empty()).then(|| Box::new(properties)),
        }
    }
}

/// Where the panel waits for answers.
pub(super) const PANEL_REPLY: &str = "plant/hall1/panel1/reply";

/// Returns the vehicle's word on itself: retained, so that a late subscriber knows too.
pub(super) fn vehicle_status(word: &'static str) -> Message {
    Message {
        topic: ByteString::from_static(VEHICLE_STATUS),
        payload: Bytes::from_static(word.as_bytes()),
        qos: Qos::AtLeastOnce,
        retain: true,
        dup: false,
        properties: Some(Box::new(Properties {
            content_type: Some("text/plain".into()),
            user_properties: vec![("vehicle".into(), "agv7".into())],
            ..Properties::default()
        })),
    }
}

fn device(index: usize) -> Vec<Source> {
    match index {
        0 => press("plant/hall1/press3", 640.0),
        1 => press("plant/hall1/press4", 480.0),
        2 => (1..=3).map(oven_zone).collect(),
        3 => vec![
            number("plant/hall1/climate/temperature", 21.5, 1.5, 300.0).retained(),
            number("plant/hall1/climate/humidity", 44.0, 6.0, 420.0).retained(),
        ],
        4 => vec![
            Source::new("plant/hall2/agv8/position", SECOND / 2, Reading::Position { radius: 6.0 }),
            Source::new("plant/hall2/agv8/status", 0, Reading::Fixed("online", "text/plain")).qos(Qos::AtLeastOnce).retained(),
        ],
        5 => vec![Source::new("plant/hall2/pump1/vibration", SECOND, Reading::VibrationCbor)],
        6 => vec![Source::new("plant/hall2/pump2/vibration", SECOND, Reading::VibrationMessagePack)],
        7 => vec![Source::new("plant/hall2/meter1/modbus", SECOND, Reading::Modbus)],
        8 => vec![Source::new("plant/gate/camera1/image", SECOND * 2, Reading::Picture).retained()],
        9 => (1..=2).map(|lane| Source::new(format!("plant/hall3/conveyor/lane{lane}"), 1, Reading::Part { lane })).collect(),
        10 => vec![
            Source::new("plant/hall3/chiller/state", 0, Reading::Fixed(CHILLER_STATE, "application/json"))
                .qos(Qos::AtLeastOnce)
                .retained(),
        ],
        11 => vec![Source::new("plant/gateway/report", SECOND * 10, Reading::Report).qos(Qos::AtLeastOnce).retained()],
        _ => {
            let (hall, warmer) = (4 + index / 50, u8::try_from(index % 17).unwrap_or(0));
            vec![number(&format!("plant/hall{hall}/sensor{index:03}/temperature"), 18.0 + f64::from(warmer), 2.0, 240.0)]
        }
    }
}

fn press(base: &str, force: f64) -> Vec<Source> {
    vec![
        Source::new(format!("{base}/telemetry"), SECOND, Reading::Press { force }).qos(Qos::AtLeastOnce),
        Source::new(format!("{base}/state"), SECOND * 15, Reading::State(&["running", "running", "running", "idle", "setup"]))
            .qos(Qos::AtLeastOnce)
            .retained(),
        Source::new(format!("{base}/config"), 0, Reading::Fixed(PRESS_CONFIG, "application/json")).qos(Qos::AtLeastOnce).retained(),
        Source::new(format!("{base}/alarm"), SECOND * 20, Reading::Alarm).qos(Qos::ExactlyOnce),
    ]
}

fn oven_zone(zone: u8) -> Source {
    let reading = Reading::Number { mean: 180.0 + 15.0 * f64::from(zone), swing: 4.0, period: 60.0 + 20.0 * f64::from(zone) };
    Source::new(format!("plant/hall1/oven/zone{zone}/temperature"), SECOND / 4, reading)
}

fn number(topic: &str, mean: f64, swing: f64, period: f64) -> Source {
    Source::new(topic, SECOND * 2, Reading::Number { mean, swing, period })
}

#[cfg(test)]
mod tests;
