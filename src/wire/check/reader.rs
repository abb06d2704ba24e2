//! Reads the fields of a packet without copying, and says which one is wrong.

use std::borrow::Cow;

/// Reason Code Malformed Packet.
pub(in crate::wire) const MALFORMED: u8 = 0x81;
/// Reason Code Protocol Error.
pub(super) const PROTOCOL: u8 = 0x82;
/// Reason Code Topic Name invalid.
pub(super) const TOPIC_INVALID: u8 = 0x90;
/// Reason Code Topic Alias invalid.
pub(in crate::wire) const ALIAS_INVALID: u8 = 0x94;

/// What is wrong with one field of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) struct Fault {
    pub(in crate::wire) field: &'static str,
    pub(in crate::wire) detail: Cow<'static, str>,
    pub(in crate::wire) reason_code: u8,
}

impl Fault {
    #[cold]
    pub(in crate::wire) fn new(field: &'static str, detail: impl Into<Cow<'static, str>>, reason_code: u8) -> Self {
        Self { field, detail: detail.into(), reason_code }
    }

    #[cold]
    pub(super) fn malformed(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(field, detail, MALFORMED)
    }

    #[cold]
    pub(in crate::wire) fn protocol(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(field, detail, PROTOCOL)
    }
}

/// The bytes of a packet that are not read yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(in crate::wire) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns what is not read yet.
    pub(in crate::wire) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(in crate::wire) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `n` bytes.
    #[inline]
    pub(in crate::wire) fn take(&mut self, n: usize, field: &'static str) -> Result<&'a [u8], Fault> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(Fault::malformed(field, "runs past the end of the packet"));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a byte.
    #[inline]
    pub(in crate::wire) fn byte(&mut self, field: &'static str) -> Result<u8, Fault> {
        Ok(self.take(1, field)?[0])
    }

    /// Takes a Two Byte Integer.
    #[inline]
    pub(in crate::wire) fn u16(&mut self, field: &'static str) -> Result<u16, Fault> {
        let bytes = self.take(2, field)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Takes a Four Byte Integer.
    pub(in crate::wire) fn u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        let bytes = self.take(4, field)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Takes a Variable Byte Integer (MQTT 5.0, 1.5.5).
    #[inline]
    pub(in crate::wire) fn varint(&mut self, field: &'static str) -> Result<u32, Fault> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte(field)?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::malformed(field, "has a length of more than four bytes"))
    }

    /// Takes Binary Data: a length in two bytes and as many bytes.
    #[inline]
    pub(in crate::wire) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], Fault> {
        let len = self.u16(field)?;
        self.take(usize::from(len), field)
    }

    /// Takes a UTF-8 Encoded String (MQTT 5.0, 1.5.4), and refuses what must not be in one.
    #[inline]
    pub(in crate::wire) fn text(&mut self, field: &'static str) -> Result<&'a [u8], Fault> {
        let bytes = self.binary(field)?;
        check_text(bytes, field)?;
        Ok(bytes)
    }

    /// Takes a Packet Identifier, which is never zero.
    #[inline]
    pub(in crate::wire) fn packet_id(&mut self) -> Result<u16, Fault> {
        match self.u16("packet identifier")? {
            0 => Err(Fault::protocol("packet identifier", "is 0")),
            id => Ok(id),
        }
    }

    /// Refuses bytes after the last field.
    #[inline]
    pub(in crate::wire) fn end(self) -> Result<(), Fault> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Fault::malformed("remaining length", format!("exceeds the fields by {more}"))),
        }
    }
}

/// Refuses bytes that are not UTF-8, and the NUL character.
///
/// Other control characters are taken: the standard only advises against them, and they are shown escaped.
#[inline]
pub(super) fn check_text(bytes: &[u8], field: &'static str) -> Result<(), Fault> {
    if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
        return Err(Fault::malformed(field, "is not valid UTF-8"));
    }
    if bytes.contains(&0) {
        return Err(Fault::malformed(field, "holds a NUL character"));
    }
    Ok(())
}

/// Refuses what a Topic Name must not hold: bytes that are not UTF-8, NUL and wildcards.
#[inline]
pub(super) fn check_topic(bytes: &[u8], field: &'static str) -> Result<(), Fault> {
    // One pass without an early exit, which the compiler turns into wide instructions.
    let suspect = bytes.iter().map(|b| u8::from(matches!(b, 0 | b'+' | b'#' | 0x80..))).fold(0, |any, one| any | one) != 0;
    if suspect { check_odd_topic(bytes, field) } else { Ok(()) }
}

fn check_odd_topic(bytes: &[u8], field: &'static str) -> Result<(), Fault> {
    check_text(bytes, field)?;
    match bytes.iter().find(|b| matches!(b, b'+' | b'#')) {
        Some(&wildcard) => Err(Fault::new(field, format!("holds the wildcard `{}`", char::from(wildcard)), TOPIC_INVALID)),
        None => Ok(()),
    }
}
