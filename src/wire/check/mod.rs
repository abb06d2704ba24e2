//! Checks whole packets from a server as strictly as MQTT asks of a client.

pub(in crate::wire) mod answers;
pub(in crate::wire) mod properties;
pub(in crate::wire) mod publish;
pub(in crate::wire) mod reader;

pub(super) use reader::Fault;
use reader::Reader;

use super::packet::{Kind, Version};

/// Checks what the first byte tells: a type and flags that this server may send at this time.
///
/// `connected` tells whether CONNACK has passed.
#[inline]
pub(super) fn first_byte(version: Version, connected: bool, first: u8) -> Result<(), Fault> {
    let kind = Kind::of(first);
    let flags = match kind {
        Kind::Publish if connected => return Ok(()),
        Kind::Pubrel => 2,
        Kind::Publish => first & 0x0f,
        Kind::Reserved
        | Kind::Connect
        | Kind::Connack
        | Kind::Puback
        | Kind::Pubrec
        | Kind::Pubcomp
        | Kind::Subscribe
        | Kind::Suback
        | Kind::Unsubscribe
        | Kind::Unsuback
        | Kind::Pingreq
        | Kind::Pingresp
        | Kind::Disconnect
        | Kind::Auth => 0,
    };
    sender(version, kind)?;
    // In MQTT 3.1 a PUBREL that is sent again says so.
    let flagged = if version == Version::V31 && kind == Kind::Pubrel { first & 0x07 } else { first & 0x0f };
    if flagged != flags {
        return Err(Fault::malformed("flags", format!("are 0x{:X}, they must be 0x{flags:X}", first & 0x0f)));
    }
    match kind {
        Kind::Connack if connected => Err(Fault::protocol("type", "has been sent before on this connection")),
        Kind::Connack | Kind::Auth => Ok(()),
        _ if connected => Ok(()),
        _ => Err(Fault::protocol("type", "is sent before CONNACK")),
    }
}

/// Refuses the types that no server sends.
fn sender(version: Version, kind: Kind) -> Result<(), Fault> {
    match (kind, version) {
        (Kind::Reserved, _) | (Kind::Auth, Version::V31 | Version::V311) => {
            Err(Fault::malformed("type", "is one that this version of MQTT forbids"))
        }
        (Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::Pingreq, _)
        | (Kind::Disconnect, Version::V31 | Version::V311) => Err(Fault::protocol("type", "is one that only a client sends")),
        (
            Kind::Connack
            | Kind::Publish
            | Kind::Puback
            | Kind::Pubrec
            | Kind::Pubrel
            | Kind::Pubcomp
            | Kind::Suback
            | Kind::Unsuback
            | Kind::Pingresp,
            _,
        )
        | (Kind::Disconnect | Kind::Auth, Version::V5) => Ok(()),
    }
}

/// Checks the fields of a packet whose first byte has been checked; returns the Topic Alias of a PUBLISH.
#[inline]
pub(super) fn body(version: Version, first: u8, body: &[u8]) -> Result<Option<u16>, Fault> {
    let kind = Kind::of(first);
    let checked = match kind {
        Kind::Publish => return publish::check(version, first, body),
        Kind::Connack => answers::connack(version, body),
        Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp => answers::acknowledgement(version, kind, body),
        Kind::Suback => answers::suback(version, body),
        Kind::Unsuback => answers::unsuback(version, body),
        Kind::Disconnect | Kind::Auth => answers::farewell(kind, body),
        Kind::Pingresp => Reader::new(body).end(),
        // The first byte has refused these.
        Kind::Reserved | Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::Pingreq => sender(version, kind),
    };
    checked.map(|()| None)
}
