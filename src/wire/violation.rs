//! What a broker sent that MQTT forbids, said so that a person can find it.

use std::{borrow::Cow, error::Error, fmt, io};

/// The most bytes of an offending packet that are kept as evidence.
pub const EVIDENCE: usize = 64;

/// The field of a violation by what speaks another protocol.
pub(super) const FIRST_BYTES: &str = "first bytes";

/// How many wrappings of an error are searched for a violation.
const DEPTH: usize = 8;

/// A packet that a client must refuse: which, where in it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The type of the packet, in the standard's capitals.
    pub packet: &'static str,
    /// The topic of a PUBLISH, made safe, where it could be read.
    pub topic: Option<Box<str>>,
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it, as the end of a sentence that begins with the field.
    pub detail: Cow<'static, str>,
    /// The Reason Code (MQTT 5.0, 2.4) that says the same to the broker.
    pub reason_code: u8,
    /// The first bytes of the packet, at most [`EVIDENCE`].
    pub bytes: Box<[u8]>,
}

impl Violation {
    /// Finds the violation that an error carries, also when the error was wrapped.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        for _ in 0..DEPTH {
            let error = next?;
            if let Some(violation) = error.downcast_ref::<Self>() {
                return Some(violation);
            }
            // The source of an I/O error skips the error that it wraps, so that one is asked for first.
            let inner = error.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    /// Tells whether the other side speaks another protocol than MQTT.
    #[must_use]
    pub fn is_other_protocol(&self) -> bool {
        self.field == FIRST_BYTES
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.packet)?;
        if let Some(topic) = &self.topic {
            write!(f, " on {topic}")?;
        }
        write!(f, ": {} {} (bytes", self.field, self.detail)?;
        for byte in &self.bytes {
            write!(f, " {byte:02X}")?;
        }
        f.write_str(if self.bytes.len() < EVIDENCE { ")" } else { " …)" })
    }
}

impl Error for Violation {}

impl From<Violation> for io::Error {
    fn from(violation: Violation) -> Self {
        Self::new(io::ErrorKind::InvalidData, violation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation() -> Violation {
        Violation {
            packet: "PUBLISH",
            topic: None,
            field: "topic",
            detail: "runs past the end of the packet".into(),
            reason_code: 0x81,
            bytes: [0x30, 3, 0, 9, b'a'].into(),
        }
    }

    #[test]
    fn a_violation_is_one_sentence_with_its_bytes() {
        assert_eq!(violation().to_string(), "PUBLISH: topic runs past the end of the packet (bytes 30 03 00 09 61)");
    }

    #[test]
    fn a_violation_is_found_in_wrapped_errors() {
        let plain = io::Error::from(violation());
        assert_eq!(Violation::of(&plain), Some(&violation()));
        let wrapped = io::Error::other(io::Error::other(plain));
        assert_eq!(Violation::of(&wrapped), Some(&violation()));
        assert_eq!(Violation::of(&io::Error::other("something else")), None);
    }
}
