//! Properties (MQTT 5.0, 2.2.2): which a server may send in which packet, and with which values.

use super::reader::{ALIAS_INVALID, Fault, Reader, check_text, check_topic};
use crate::wire::packet::Kind;

/// The form of a property's value.
#[derive(Clone, Copy)]
enum Form {
    Byte,
    TwoBytes,
    FourBytes,
    Varint,
    Text,
    Topic,
    Binary,
    Pair,
}

/// The values of a number that are allowed.
#[derive(Clone, Copy)]
enum Range {
    Any,
    Bool,
    NotZero,
}

struct Property {
    id: u8,
    name: &'static str,
    form: Form,
    range: Range,
    /// The packets from a server that may carry it.
    packets: &'static [Kind],
}

const fn row(id: u8, name: &'static str, form: Form, range: Range, packets: &'static [Kind]) -> Property {
    Property { id, name, form, range, packets }
}

const PUBLISH: &[Kind] = &[Kind::Publish];
const CONNACK: &[Kind] = &[Kind::Connack];
const CONNACK_AUTH: &[Kind] = &[Kind::Connack, Kind::Auth];
const ANSWERS: &[Kind] = &[
    Kind::Connack,
    Kind::Puback,
    Kind::Pubrec,
    Kind::Pubrel,
    Kind::Pubcomp,
    Kind::Suback,
    Kind::Unsuback,
    Kind::Disconnect,
    Kind::Auth,
];
const ALL: &[Kind] = &[
    Kind::Connack,
    Kind::Publish,
    Kind::Puback,
    Kind::Pubrec,
    Kind::Pubrel,
    Kind::Pubcomp,
    Kind::Suback,
    Kind::Unsuback,
    Kind::Disconnect,
    Kind::Auth,
];

/// Every property of the standard; those that only a client sends belong to no packet.
const PROPERTIES: [Property; 27] = [
    row(0x01, "Payload Format Indicator", Form::Byte, Range::Bool, PUBLISH),
    row(0x02, "Message Expiry Interval", Form::FourBytes, Range::Any, PUBLISH),
    row(0x03, "Content Type", Form::Text, Range::Any, PUBLISH),
    row(0x08, "Response Topic", Form::Topic, Range::NotZero, PUBLISH),
    row(0x09, "Correlation Data", Form::Binary, Range::Any, PUBLISH),
    row(SUBSCRIPTION_ID, "Subscription Identifier", Form::Varint, Range::NotZero, PUBLISH),
    row(0x11, "Session Expiry Interval", Form::FourBytes, Range::Any, CONNACK),
    row(0x12, "Assigned Client Identifier", Form::Text, Range::Any, CONNACK),
    row(0x13, "Server Keep Alive", Form::TwoBytes, Range::Any, CONNACK),
    row(AUTH_METHOD, "Authentication Method", Form::Text, Range::Any, CONNACK_AUTH),
    row(AUTH_DATA, "Authentication Data", Form::Binary, Range::Any, CONNACK_AUTH),
    row(0x17, "Request Problem Information", Form::Byte, Range::Bool, &[]),
    row(0x18, "Will Delay Interval", Form::FourBytes, Range::Any, &[]),
    row(0x19, "Request Response Information", Form::Byte, Range::Bool, &[]),
    row(0x1a, "Response Information", Form::Text, Range::Any, CONNACK),
    row(0x1c, "Server Reference", Form::Text, Range::Any, &[Kind::Connack, Kind::Disconnect]),
    row(0x1f, "Reason String", Form::Text, Range::Any, ANSWERS),
    row(0x21, "Receive Maximum", Form::TwoBytes, Range::NotZero, CONNACK),
    row(0x22, "Topic Alias Maximum", Form::TwoBytes, Range::Any, CONNACK),
    row(TOPIC_ALIAS, "Topic Alias", Form::TwoBytes, Range::NotZero, PUBLISH),
    row(0x24, "Maximum QoS", Form::Byte, Range::Bool, CONNACK),
    row(0x25, "Retain Available", Form::Byte, Range::Bool, CONNACK),
    row(USER_PROPERTY, "User Property", Form::Pair, Range::Any, ALL),
    row(0x27, "Maximum Packet Size", Form::FourBytes, Range::NotZero, CONNACK),
    row(0x28, "Wildcard Subscription Available", Form::Byte, Range::Bool, CONNACK),
    row(0x29, "Subscription Identifier Available", Form::Byte, Range::Bool, CONNACK),
    row(0x2a, "Shared Subscription Available", Form::Byte, Range::Bool, CONNACK),
];

const SUBSCRIPTION_ID: u8 = 0x0b;
const AUTH_METHOD: u8 = 0x15;
pub(in crate::wire) const AUTH_DATA: u8 = 0x16;
pub(in crate::wire) const TOPIC_ALIAS: u8 = 0x23;
const USER_PROPERTY: u8 = 0x26;

/// The row of each identifier in [`PROPERTIES`].
const ROWS: [Option<u8>; 0x2b] = {
    let mut rows = [None; 0x2b];
    let mut i = 0;
    while i < PROPERTIES.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 27 rows")]
        let at = i as u8;
        rows[PROPERTIES[i].id as usize] = Some(at);
        i += 1;
    }
    rows
};

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// The identifiers, one bit each: all are below 64.
    ids: u64,
    alias: Option<u16>,
}

impl Seen {
    /// Returns the Topic Alias.
    pub(super) fn topic_alias(self) -> Option<u16> {
        self.alias
    }

    fn has(self, id: u8) -> bool {
        self.ids & (1 << id) != 0
    }
}

/// Reads the Property Length and checks every property of a packet of this kind.
#[inline]
pub(super) fn check(reader: &mut Reader<'_>, kind: Kind) -> Result<Seen, Fault> {
    let mut values = values(reader)?;
    if values.is_empty() { Ok(Seen::default()) } else { check_all(&mut values, kind) }
}

/// Reads the Property Length, and returns the properties.
#[inline]
pub(in crate::wire) fn values<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Fault> {
    let len = reader.varint("property length")?;
    reader.take(usize::try_from(len).unwrap_or(usize::MAX), "property length").map(Reader::new)
}

/// Checks every property of a packet of this kind.
pub(super) fn check_all(reader: &mut Reader<'_>, kind: Kind) -> Result<Seen, Fault> {
    let mut seen = Seen::default();
    while !reader.is_empty() {
        let property = next(reader)?;
        if !property.packets.contains(&kind) {
            return Err(Fault::protocol(property.name, format!("is not allowed in {kind}")));
        }
        if seen.has(property.id) && property.id != USER_PROPERTY && property.id != SUBSCRIPTION_ID {
            return Err(Fault::protocol(property.name, "occurs twice"));
        }
        seen.ids |= 1 << property.id;
        let number = value(reader, property)?;
        if property.id == TOPIC_ALIAS {
            seen.alias = u16::try_from(number).ok();
        }
    }
    if kind == Kind::Auth && !seen.has(AUTH_METHOD) {
        return Err(Fault::protocol("Authentication Method", "is missing"));
    }
    Ok(seen)
}

fn next(reader: &mut Reader<'_>) -> Result<&'static Property, Fault> {
    let id = reader.byte("property")?;
    let row = ROWS.get(usize::from(id)).copied().flatten();
    row.and_then(|row| PROPERTIES.get(usize::from(row)))
        .ok_or_else(|| Fault::malformed("property", format!("0x{id:02X} is not one that MQTT 5 defines")))
}

/// Checks a value; returns it where it is a number, else 0.
fn value(reader: &mut Reader<'_>, property: &Property) -> Result<u32, Fault> {
    let name = property.name;
    let number = match property.form {
        Form::Byte => u32::from(reader.byte(name)?),
        Form::TwoBytes => u32::from(reader.u16(name)?),
        Form::FourBytes => reader.u32(name)?,
        Form::Varint => reader.varint(name)?,
        Form::Text => return check_text(reader.binary(name)?, name).map(|()| 0),
        Form::Binary => return reader.binary(name).map(|_| 0),
        Form::Pair => {
            reader.text(name)?;
            return reader.text(name).map(|_| 0);
        }
        Form::Topic => {
            let topic = reader.binary(name)?;
            if topic.is_empty() {
                return Err(Fault::protocol(name, "is empty"));
            }
            return check_topic(topic, name).map(|()| 0);
        }
    };
    match property.range {
        Range::Bool if number > 1 => Err(Fault::protocol(name, format!("is {number}, only 0 and 1 are allowed"))),
        Range::NotZero if number == 0 && property.id == TOPIC_ALIAS => Err(Fault::new(name, "is 0", ALIAS_INVALID)),
        Range::NotZero if number == 0 => Err(Fault::protocol(name, "is 0")),
        Range::Any | Range::Bool | Range::NotZero => Ok(number),
    }
}

/// The value of a property, as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer of any width.
    Number(u32),
    /// A UTF-8 Encoded String.
    Text(&'a [u8]),
    /// Binary Data.
    Binary(&'a [u8]),
    /// A UTF-8 String Pair: name and value.
    Pair(&'a [u8], &'a [u8]),
}

/// Reads a property without a check of its value; returns its identifier, its name and the value.
pub(in crate::wire) fn read<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'static str, Value<'a>), Fault> {
    let property = next(reader)?;
    let name = property.name;
    let value = match property.form {
        Form::Byte => Value::Number(u32::from(reader.byte(name)?)),
        Form::TwoBytes => Value::Number(u32::from(reader.u16(name)?)),
        Form::FourBytes => Value::Number(reader.u32(name)?),
        Form::Varint => Value::Number(reader.varint(name)?),
        Form::Text | Form::Topic => Value::Text(reader.binary(name)?),
        Form::Binary => Value::Binary(reader.binary(name)?),
        Form::Pair => Value::Pair(reader.binary(name)?, reader.binary(name)?),
    };
    Ok((property.id, name, value))
}

/// Calls `each` with the identifier of every property, its value, and how many bytes of the packet follow the value.
///
/// Values are not checked; a User Property is given by its value.
pub(in crate::wire) fn walk(reader: &mut Reader<'_>, mut each: impl FnMut(u8, &[u8], usize)) -> Result<(), Fault> {
    let mut properties = values(reader)?;
    while !properties.is_empty() {
        let property = next(&mut properties)?;
        let before = properties.rest();
        let value = match property.form {
            Form::Byte => properties.take(1, property.name)?,
            Form::TwoBytes => properties.take(2, property.name)?,
            Form::FourBytes => properties.take(4, property.name)?,
            Form::Varint => {
                properties.varint(property.name)?;
                &before[..before.len() - properties.rest().len()]
            }
            Form::Text | Form::Topic | Form::Binary => properties.binary(property.name)?,
            Form::Pair => {
                properties.binary(property.name)?;
                properties.binary(property.name)?
            }
        };
        each(property.id, value, properties.rest().len() + reader.rest().len());
    }
    Ok(())
}
