//! What the devices of the plant say: one payload at one moment, from numbers only.

use std::{f64::consts::TAU, io::Write};

use bytes::Bytes;
use ciborium::cbor;
use flate2::{Compression, write::GzEncoder};
use rmpv::Value;

use super::picture;
use crate::{
    base::{clock::Stamp, human},
    mqtt::message::Properties,
};

/// The ticks of one round of the conveyor, and those of it in which parts come.
pub(super) const CONVEYOR_ROUND: u64 = 300;
pub(super) const CONVEYOR_BURST: std::ops::Range<u64> = 60..120;

/// A moment of the plant, with the randomness that belongs to it.
#[derive(Debug)]
pub(super) struct Moment {
    /// The tick.
    pub(super) tick: u64,
    /// Seconds of plant time since the start.
    pub(super) seconds: f64,
    /// The wall clock of the plant.
    pub(super) wall: Stamp,
    /// Noise: the same for the same seed, source and tick.
    pub(super) rng: fastrand::Rng,
}

impl Moment {
    /// Returns a value that swings slowly around `mean`, with a tenth of the swing as noise.
    fn wave(&mut self, mean: f64, swing: f64, period: f64) -> f64 {
        let noise = (self.rng.f64() - 0.5) * swing * 0.2;
        mean + swing * (TAU * self.seconds / period).sin() + noise
    }

    fn time(&self) -> String {
        human::utc(self.wall)
    }
}

/// A kind of payload.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// A bare number in decimal, one digit after the point.
    Number { mean: f64, swing: f64, period: f64 },
    /// JSON of a hydraulic press.
    Press { force: f64 },
    /// One word that changes now and then.
    State(&'static [&'static str]),
    /// A text that never changes, with its content type.
    Fixed(&'static str, &'static str),
    /// JSON of an alarm, which loses its worth after five minutes.
    Alarm,
    /// JSON of a vehicle's position.
    Position { radius: f64 },
    /// CBOR with integer keys, and a content type that says so.
    VibrationCbor,
    /// MessagePack without a content type.
    VibrationMessagePack,
    /// A Modbus RTU answer: binary, with its checksum.
    Modbus,
    /// A PNG picture.
    Picture,
    /// A part that passes on a lane; in bursts.
    Part { lane: u8 },
    /// A report as gzip around JSON.
    Report,
}

impl Reading {
    /// Tells whether there is anything to say at a tick.
    pub(super) fn speaks(&self, tick: u64) -> bool {
        !matches!(self, Self::Part { .. }) || CONVEYOR_BURST.contains(&(tick % CONVEYOR_ROUND))
    }

    /// Returns the payload of a moment and its properties.
    pub(super) fn payload(&self, at: &mut Moment) -> (Bytes, Properties) {
        match self {
            Self::Number { mean, swing, period } => plain(format!("{:.1}", at.wave(*mean, *swing, *period))),
            Self::Press { force } => press(at, *force),
            Self::State(words) => plain((*at.rng.choice(*words).unwrap_or(&"unknown")).to_owned()),
            Self::Fixed(text, content_type) => typed(Bytes::from_static(text.as_bytes()), content_type),
            Self::Alarm => alarm(at),
            Self::Position { radius } => position(at, *radius),
            Self::VibrationCbor => vibration_cbor(at),
            Self::VibrationMessagePack => vibration_message_pack(at),
            Self::Modbus => (modbus(at).into(), Properties::default()),
            Self::Picture => {
                let shift = u32::try_from(at.tick / 10 % 1_536).unwrap_or(0);
                typed(picture::png(shift).into(), "image/png")
            }
            Self::Part { lane } => {
                let part = 10_000 + at.tick * 2 + u64::from(*lane);
                json(format!(r#"{{"part":"P-{part}","lane":{lane},"ok":{}}}"#, at.rng.u8(..100) > 2))
            }
            Self::Report => report(at),
        }
    }
}

fn press(at: &mut Moment, force: f64) -> (Bytes, Properties) {
    let force = at.wave(force, 60.0, 7.0);
    let oil = at.wave(46.0, 4.0, 190.0);
    let cycles = 184_220 + at.tick / 70;
    let text = format!(
        r#"{{"time":"{}","force_kn":{force:.1},"oil":{{"temperature_c":{oil:.2},"level_pct":{}}},"cycles":{cycles},"guard_closed":{},"recipe":"R-17"}}"#,
        at.time(),
        87 - at.tick / 2_400 % 20,
        at.rng.u8(..50) > 0,
    );
    let (payload, mut properties) = json(text);
    properties.user_properties = vec![("line".into(), "A".into()), ("firmware".into(), "4.2.1".into())];
    (payload, properties)
}

fn alarm(at: &mut Moment) -> (Bytes, Properties) {
    let codes = [(1042, "oil pressure low"), (2210, "light curtain interrupted"), (3007, "tool wear at 90 %")];
    let (code, message) = codes[at.rng.usize(..codes.len())];
    let (payload, mut properties) =
        json(format!(r#"{{"time":"{}","code":{code},"severity":"warning","message":"{message}"}}"#, at.time()));
    properties.message_expiry = Some(300);
    properties.user_properties = vec![("source".into(), "plc".into())];
    (payload, properties)
}

fn position(at: &mut Moment, radius: f64) -> (Bytes, Properties) {
    let angle = at.seconds / radius;
    let (x, y) = (radius * angle.cos(), radius * angle.sin());
    let battery = 96 - at.tick / 400 % 60;
    json(format!(
        r#"{{"x":{:.2},"y":{:.2},"heading_deg":{:.0},"speed_mps":{:.2},"battery_pct":{battery}}}"#,
        x + 20.0,
        y + 12.0,
        (angle.to_degrees() + 90.0).rem_euclid(360.0),
        at.wave(1.1, 0.3, 11.0),
    ))
}

fn vibration_cbor(at: &mut Moment) -> (Bytes, Properties) {
    let value = cbor!({
        1 => hundredths(at.wave(3.7, 0.4, 45.0)),
        2 => -67 - i64::from(at.rng.u8(..4)),
        "axes" => [hundredths(at.wave(0.8, 0.2, 13.0)), hundredths(at.wave(1.2, 0.3, 17.0)), hundredths(at.wave(0.4, 0.1, 19.0))],
    });
    let mut bytes = Vec::new();
    ciborium::ser::into_writer(&value.expect("numbers and texts have a CBOR form"), &mut bytes).expect("a vector takes all bytes");
    typed(bytes.into(), "application/cbor")
}

fn vibration_message_pack(at: &mut Moment) -> (Bytes, Properties) {
    let value = Value::Map(vec![
        ("rms".into(), hundredths(at.wave(2.9, 0.5, 38.0)).into()),
        ("peak".into(), hundredths(at.wave(8.4, 1.5, 21.0)).into()),
        ("bearing".into(), Value::Array(vec!["front".into(), at.rng.u8(40..44).into()])),
        ("ok".into(), true.into()),
    ]);
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &value).expect("a vector takes all bytes");
    (bytes.into(), Properties::default())
}

/// Writes the answer to "read holding registers" with four of them.
fn modbus(at: &mut Moment) -> Vec<u8> {
    let mut frame = vec![0x11, 0x03, 8];
    for (mean, swing) in [(2_300.0, 12.0), (418.0, 60.0), (961.0, 20.0), (5_000.0, 2.0)] {
        frame.extend(whole(at.wave(mean, swing, 60.0)).to_be_bytes());
    }
    frame.extend(modbus_sum(&frame).to_le_bytes());
    frame
}

/// Computes the CRC-16 of Modbus RTU (Modbus over serial line, 2.5.1.2).
fn modbus_sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
    })
}

fn report(at: &mut Moment) -> (Bytes, Properties) {
    let lines: Vec<String> = (0..24)
        .map(|hour| {
            format!(
                r#"{{"hour":{hour},"parts":{},"scrap":{},"energy_kwh":{:.1}}}"#,
                at.rng.u16(400..460),
                at.rng.u8(..9),
                at.wave(61.0, 8.0, 24.0)
            )
        })
        .collect();
    let text = format!(r#"{{"time":"{}","shifts":[{}]}}"#, at.time(), lines.join(","));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let bytes = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("a vector takes all bytes");
    typed(bytes.into(), "application/gzip")
}

fn plain(text: String) -> (Bytes, Properties) {
    (text.into(), Properties::default())
}

fn json(text: String) -> (Bytes, Properties) {
    let (payload, mut properties) = typed(text.into(), "application/json");
    properties.payload_format = Some(1);
    (payload, properties)
}

fn typed(payload: Bytes, content_type: &str) -> (Bytes, Properties) {
    (payload, Properties { content_type: Some(content_type.into()), ..Properties::default() })
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, which a register does too"
)]
fn whole(value: f64) -> u16 {
    value.round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modbus_sum_is_that_of_the_specification() {
        assert_eq!(modbus_sum(&[0x02, 0x07]), 0x1241);
    }
}
