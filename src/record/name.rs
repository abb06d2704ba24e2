//! Names of files, made of what a connection is called and when it was.

use crate::base::{clock::Stamp, human};

/// The most characters of a connection's name in the name of a file.
const LONGEST: usize = 80;

/// What a connection without a name is called.
const NAMELESS: &str = "mqtap";

/// Makes a name that is one path component on every system: what is no letter, digit, dot, dash or underscore becomes `%XX`.
///
/// ```text
/// mqtt%3A%2F%2Fhost%3A1883-20261120T120431Z-2.pcapng
/// ```
pub(super) fn file(connection: &str, at: Stamp, number: usize, extension: &str) -> String {
    let mut name = String::new();
    let connection = if connection.is_empty() { NAMELESS } else { connection };
    for byte in connection.bytes() {
        if name.len() >= LONGEST {
            break;
        }
        // A dot or dash in front would hide the file, or look like an option.
        let plain = byte.is_ascii_alphanumeric() || byte == b'_' || matches!(byte, b'.' | b'-') && !name.is_empty();
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    let time: String = human::utc(at).split('.').next().unwrap_or_default().replace(['-', ':'], "");
    let again = if number > 1 { format!("-{number}") } else { String::new() };
    format!("{name}-{time}Z{again}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_harmless_component() {
        let at = Stamp { mono: 0, wall: 1_795_176_271_207_123 };
        assert_eq!(file("plant-1", at, 1, "pcapng"), "plant-1-20261120T120431Z.pcapng");
        assert_eq!(file("mqtt://h", at, 2, "pcapng"), "mqtt%3A%2F%2Fh-20261120T120431Z-2.pcapng");
        assert_eq!(file("", at, 1, "pcapng"), "mqtap-20261120T120431Z.pcapng");
        assert!(file("../../etc", at, 1, "x").starts_with("%2E.%2F..%2Fetc-"));
        assert!(file(&"ü".repeat(500), at, 1, "x").len() < 120);
    }
}
