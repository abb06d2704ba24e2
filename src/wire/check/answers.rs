//! The packets that answer one of ours, DISCONNECT and AUTH (MQTT 5.0, 3.2, 3.4 to 3.7, 3.9, 3.11, 3.13 to 3.15).

use super::{
    properties,
    reader::{Fault, Reader},
};
use crate::wire::packet::{Kind, Version};

/// The Reason Codes of CONNACK.
const CONNACK: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d,
    0x9f,
];
/// The Reason Codes of PUBACK and PUBREC.
const PUBACK: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
/// The Reason Codes of PUBREL and PUBCOMP.
const PUBREL: &[u8] = &[0x00, 0x92];
/// The Reason Codes of SUBACK.
pub(in crate::wire) const SUBACK: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
/// The return codes of SUBACK in MQTT 3.1.1; 3.1 has no failure, but brokers send it all the same.
pub(in crate::wire) const SUBACK_V3: &[u8] = &[0x00, 0x01, 0x02, 0x80];
/// The Reason Codes of UNSUBACK.
pub(in crate::wire) const UNSUBACK: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91];
/// The Reason Codes of AUTH from a server.
const AUTH: &[u8] = &[0x00, 0x18];

pub(super) fn connack(version: Version, body: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(body);
    let flags = match (version, reader.byte("acknowledge flags")?) {
        // MQTT 3.1 reserves the whole byte and says nothing of its value.
        (Version::V31, _) => 0,
        (Version::V311 | Version::V5, flags) => flags,
    };
    if flags > 1 {
        return Err(Fault::malformed("acknowledge flags", format!("are 0x{flags:02X}, only bit 0 may be set")));
    }
    let code = match version {
        Version::V31 | Version::V311 => {
            let code = reader.byte("return code")?;
            if code > 5 {
                return Err(Fault::protocol("return code", format!("{code} is not one that MQTT 3 defines")));
            }
            code
        }
        // A server of MQTT 3.1.1 may answer so to a CONNECT of MQTT 5.
        Version::V5 if body.len() == 2 => reader.byte("return code")?,
        Version::V5 => {
            let code = reason(&mut reader, CONNACK)?;
            properties::check(&mut reader, Kind::Connack)?;
            code
        }
    };
    if flags == 1 && code != 0 {
        return Err(Fault::protocol("session present", "is set although the connection is refused"));
    }
    reader.end()
}

/// Checks PUBACK, PUBREC, PUBREL and PUBCOMP.
pub(super) fn acknowledgement(version: Version, kind: Kind, body: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(body);
    reader.packet_id()?;
    if version == Version::V5 && !reader.is_empty() {
        let defined = if matches!(kind, Kind::Puback | Kind::Pubrec) { PUBACK } else { PUBREL };
        reason(&mut reader, defined)?;
        if !reader.is_empty() {
            properties::check(&mut reader, kind)?;
        }
    }
    reader.end()
}

/// Checks SUBACK; the codes were looked at before.
pub(super) fn suback(version: Version, body: &[u8]) -> Result<(), Fault> {
    subscription(version, Kind::Suback, body).and_then(some_code)
}

/// Checks UNSUBACK; the codes were looked at before.
pub(super) fn unsuback(version: Version, body: &[u8]) -> Result<(), Fault> {
    let codes = subscription(version, Kind::Unsuback, body)?;
    match version {
        Version::V31 | Version::V311 => codes.end(),
        Version::V5 => some_code(codes),
    }
}

/// Reads what precedes the codes of SUBACK and UNSUBACK.
pub(in crate::wire) fn subscription(version: Version, kind: Kind, body: &[u8]) -> Result<Reader<'_>, Fault> {
    let mut reader = Reader::new(body);
    reader.packet_id()?;
    if version == Version::V5 {
        properties::check(&mut reader, kind)?;
    }
    Ok(reader)
}

fn some_code(codes: Reader<'_>) -> Result<(), Fault> {
    if codes.is_empty() { Err(Fault::malformed("reason codes", "are missing")) } else { Ok(()) }
}

/// Checks DISCONNECT and AUTH of MQTT 5, whose Reason Code and properties may be left out.
///
/// A DISCONNECT with a Reason Code that no server may send passes: the connection is over, and the code is what is left to say.
pub(super) fn farewell(kind: Kind, body: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(body);
    if !reader.is_empty() {
        if kind == Kind::Auth {
            reason(&mut reader, AUTH)?;
        } else {
            reader.byte("reason code")?;
        }
        properties::check(&mut reader, kind)?;
    }
    reader.end()
}

fn reason(reader: &mut Reader<'_>, defined: &[u8]) -> Result<u8, Fault> {
    let code = reader.byte("reason code")?;
    if defined.contains(&code) {
        return Ok(code);
    }
    Err(Fault::protocol("reason code", format!("0x{code:02X} is not one that a server may send here")))
}
