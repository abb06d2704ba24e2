//! What MQTT can carry: the bounds of its values, each in one place with the end of the sentence that says so.
//!
//! Options of the command line, keys of the profile file and what is checked before it is sent all hold to these.

use std::time::Duration;

use super::options::SessionExpiry;

/// The longest string or binary data in a packet, in bytes (MQTT 5.0, 1.5.4).
pub const MAX_STRING: usize = 65_535;

/// The largest Subscription Identifier (MQTT 5.0, 3.8.2.1.2).
pub const MAX_IDENTIFIER: u32 = 268_435_455;

/// The largest Remaining Length (MQTT 5.0, 1.5.5), and what no payload is larger than.
pub const MAX_REMAINING: u32 = 268_435_455;

/// The largest packet, in bytes: four bytes of Remaining Length, and the one before them (MQTT 5.0, 2.1).
pub const MAX_PACKET: u32 = MAX_REMAINING + 5;

/// The most characters of a Client Identifier in MQTT 3.1.
pub const MAX_CLIENT_ID_V31: usize = 23;

/// Checks a string.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn text(text: &str) -> Result<(), String> {
    binary(text.as_bytes())?;
    if text.contains('\0') { Err("holds a NUL character, which MQTT forbids".into()) } else { Ok(()) }
}

/// Checks binary data, which a will's payload is too (MQTT 5.0, 3.1.3.4).
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn binary(data: &[u8]) -> Result<(), String> {
    if data.len() > MAX_STRING { Err(format!("has {} bytes, MQTT allows {MAX_STRING}", data.len())) } else { Ok(()) }
}

/// Checks a time that nothing can be done within if it is none.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn some_time(time: Duration) -> Result<Duration, String> {
    if time.is_zero() { Err("must be longer than nothing".into()) } else { Ok(time) }
}

/// Checks a Keep Alive, whose seconds have two bytes.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn keep_alive(time: Duration) -> Result<Duration, String> {
    if time.subsec_nanos() != 0 || time.as_secs() > u64::from(u16::MAX) {
        return Err(format!("must be whole seconds, at most {}", u16::MAX));
    }
    Ok(time)
}

/// Makes a Session Expiry Interval of a time; the largest number of seconds means never (MQTT 5.0, 3.1.2.11.2).
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn session_expiry(time: Duration) -> Result<SessionExpiry, String> {
    match seconds(time) {
        Ok(seconds) if seconds < u32::MAX => Ok(SessionExpiry::of_interval(seconds)),
        Ok(_) | Err(_) => Err(format!("must be whole seconds below {}, or \"never\"", u32::MAX)),
    }
}

/// Makes an interval of a time: whole seconds in four bytes.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn seconds(time: Duration) -> Result<u32, String> {
    let seconds = u32::try_from(time.as_secs()).ok().filter(|_| time.subsec_nanos() == 0);
    seconds.ok_or_else(|| format!("must be whole seconds, at most {}", u32::MAX))
}

/// Checks the size in bytes of the largest packet that is accepted.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn packet_size(bytes: u64) -> Result<u32, String> {
    let size = u32::try_from(bytes).ok().filter(|size| (1..=MAX_PACKET).contains(size));
    size.ok_or_else(|| format!("must be 1 to {MAX_PACKET} bytes, the largest packet of MQTT"))
}

/// Checks a number that has two bytes and is not zero: a Receive Maximum, a Topic Alias.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn some_number(number: i64) -> Result<u16, String> {
    u16::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| format!("is 1 to {}", u16::MAX))
}

/// Checks a Topic Alias Maximum.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn topic_alias_maximum(most: i64) -> Result<u16, String> {
    u16::try_from(most).map_err(|_| format!("is 0 to {}", u16::MAX))
}

/// Checks a Subscription Identifier.
///
/// # Errors
///
/// Returns what is wrong, as the end of a sentence.
pub fn identifier(number: i64) -> Result<u32, String> {
    let identifier = u32::try_from(number).ok().filter(|identifier| (1..=MAX_IDENTIFIER).contains(identifier));
    identifier.ok_or_else(|| format!("is 1 to {MAX_IDENTIFIER}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_whole_seconds_and_a_largest_number() {
        let time = Duration::from_secs;
        assert_eq!((keep_alive(time(65_535)), keep_alive(time(65_536)).is_err()), (Ok(time(65_535)), true));
        assert!(keep_alive(Duration::from_millis(500)).is_err() && seconds(Duration::from_millis(500)).is_err());
        assert_eq!((seconds(time(u32::MAX.into())), seconds(time(1 << 32)).is_err()), (Ok(u32::MAX), true));
        assert_eq!(session_expiry(time(0)), Ok(SessionExpiry::AtDisconnect));
        assert_eq!(session_expiry(time(u64::from(u32::MAX) - 1)), Ok(SessionExpiry::After(u32::MAX - 1)));
        assert!(session_expiry(time(u32::MAX.into())).is_err());
    }

    #[test]
    fn numbers_end_where_mqtt_does() {
        assert_eq!((some_number(1), some_number(65_535)), (Ok(1), Ok(u16::MAX)));
        assert!(some_number(0).is_err() && some_number(65_536).is_err() && topic_alias_maximum(-1).is_err());
        assert_eq!((topic_alias_maximum(0), identifier(268_435_455)), (Ok(0), Ok(MAX_IDENTIFIER)));
        assert!(identifier(0).is_err() && identifier(268_435_456).is_err());
        assert_eq!((packet_size(1), packet_size(268_435_460)), (Ok(1), Ok(MAX_PACKET)));
        assert!(packet_size(0).is_err() && packet_size(1 << 30).is_err());
    }

    #[test]
    fn texts_fit_into_two_bytes_of_length_and_hold_no_nul() {
        assert_eq!(text(&"x".repeat(MAX_STRING)), Ok(()));
        assert!(text(&"x".repeat(MAX_STRING + 1)).is_err_and(|why| why == "has 65536 bytes, MQTT allows 65535"));
        assert!(text("a\0").is_err() && binary(b"a\0").is_ok());
    }
}
