//! Reason Codes (MQTT 5.0, 2.4) by name, with what to do about them.

use std::fmt;

use crate::wire::packet::Kind;

/// A Reason Code; those of MQTT 3.1.1 are translated to their MQTT 5 equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(pub u8);

/// Stands for a name where there is none.
const UNDEFINED: &str = "a reason that MQTT does not define";

/// Code, name, hint.
type Row = (u8, &'static str, &'static str);

const ROWS: &[Row] = &[
    (0x00, "Success", ""),
    (0x01, "Granted QoS 1", ""),
    (0x02, "Granted QoS 2", ""),
    (0x04, "Disconnect with Will Message", ""),
    (0x10, "No matching subscribers", "nobody listens on this topic; retained messages are kept all the same"),
    (0x11, "No subscription existed", ""),
    (0x18, "Continue authentication", ""),
    (0x19, "Re-authenticate", ""),
    (0x80, "Unspecified error", "the broker's log tells more; often an access rule"),
    (0x81, "Malformed Packet", "the broker could not read what was sent"),
    (0x82, "Protocol Error", "the broker's log tells more"),
    (0x83, "Implementation specific error", "the broker's log tells more"),
    (0x84, "Unsupported Protocol Version", "try --protocol 3.1.1, or protocol = \"3.1.1\" in a profile"),
    (0x85, "Client Identifier not valid", "the broker wants another client_id: shorter, of other characters, or not empty"),
    (0x86, "Bad User Name or Password", "check the user name and the password"),
    (0x87, "Not authorized", "the broker's access rules do not allow this for this user and client identifier"),
    (0x88, "Server unavailable", "the broker is up but takes no clients"),
    (0x89, "Server busy", "the broker is overloaded"),
    (0x8a, "Banned", "an administrator has banned this client"),
    (0x8b, "Server shutting down", "the broker is being stopped or restarted"),
    (0x8c, "Bad authentication method", "the broker does not know the authentication method"),
    (0x8d, "Keep Alive timeout", "the network is slow or the keep-alive too short"),
    (0x8e, "Session taken over", "another client has connected with the same client identifier; give this one its own client_id"),
    (0x8f, "Topic Filter invalid", "the broker does not accept this filter"),
    (0x90, "Topic Name invalid", "the broker does not accept this topic"),
    (0x91, "Packet Identifier in use", ""),
    (0x92, "Packet Identifier not found", ""),
    (0x93, "Receive Maximum exceeded", "more messages in flight than allowed"),
    (0x94, "Topic Alias invalid", ""),
    (0x95, "Packet too large", "the message is larger than the broker allows"),
    (0x96, "Message rate too high", "the broker limits the rate of messages"),
    (0x97, "Quota exceeded", "a limit of the broker is reached: sessions, messages or bytes"),
    (0x98, "Administrative action", "an administrator has ended the connection"),
    (0x99, "Payload format invalid", "the payload does not fit its Payload Format Indicator"),
    (0x9a, "Retain not supported", "this broker keeps no retained messages; publish without retain"),
    (0x9b, "QoS not supported", "use a lower QoS"),
    (0x9c, "Use another server", "the broker asks to connect elsewhere for now"),
    (0x9d, "Server moved", "the broker asks to connect elsewhere from now on"),
    (0x9e, "Shared Subscriptions not supported", "subscribe without $share"),
    (0x9f, "Connection rate exceeded", "the broker limits how often clients connect"),
    (0xa0, "Maximum connect time", "the broker ends connections after a time"),
    (0xa1, "Subscription Identifiers not supported", ""),
    (0xa2, "Wildcard Subscriptions not supported", "subscribe to topics without + and #"),
];

impl Reason {
    /// Translates the return code of a CONNACK of MQTT 3 (3.1.1, 3.2.2.3).
    #[must_use]
    pub fn of_v3_connack(code: u8) -> Self {
        Self(match code {
            0 => 0x00,
            1 => 0x84,
            2 => 0x85,
            3 => 0x88,
            4 => 0x86,
            5 => 0x87,
            other => other,
        })
    }

    /// Returns the name in the standard, nothing for a code that it does not define.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// Returns the name that the standard has for it in a packet: 0 and a few others mean different things in different ones.
    #[must_use]
    pub fn name_in(self, packet: Kind) -> Option<&'static str> {
        match (self.0, packet) {
            (0x00, Kind::Disconnect) => Some("Normal disconnection"),
            (0x00, Kind::Suback) => Some("Granted QoS 0"),
            _ => self.name(),
        }
    }

    /// Returns name and code, as `Display` does, with the name in a packet.
    #[must_use]
    pub fn shown_in(self, packet: Kind) -> String {
        format!("{} (0x{:02X})", self.name_in(packet).unwrap_or(UNDEFINED), self.0)
    }

    /// Says what to do; empty where nothing sensible can be said.
    #[must_use]
    pub fn hint(self) -> &'static str {
        self.row().map_or("", |row| row.2)
    }

    /// Tells whether the code means failure.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    /// Tells whether connecting again without the user's word would be wrong or rude.
    #[must_use]
    pub fn forbids_retry(self) -> bool {
        matches!(self.0, 0x84 | 0x85 | 0x86 | 0x87 | 0x8a | 0x8c | 0x8e | 0x98 | 0x9c | 0x9d)
    }

    /// Tells whether it is about who we are: Bad User Name or Password, or Not authorized.
    #[must_use]
    pub fn doubts_the_user(self) -> bool {
        matches!(self.0, 0x86 | 0x87)
    }

    /// Tells whether the broker is busy, going down, or counts what it is asked, so that the next attempt waits longer.
    #[must_use]
    pub fn asks_for_patience(self) -> bool {
        matches!(self.0, 0x89 | 0x8b | 0x97 | 0x9f)
    }

    /// Tells whether the code blames what we sent, which we would send again.
    #[must_use]
    pub fn blames_us(self) -> bool {
        matches!(self.0, 0x81 | 0x82 | 0x8f | 0x90 | 0x93 | 0x94 | 0x95 | 0x99 | 0x9a | 0x9b | 0x9e | 0xa1 | 0xa2)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.binary_search_by_key(&self.0, |row| row.0).ok().and_then(|i| ROWS.get(i))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.name().unwrap_or(UNDEFINED), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_code() {
        assert!(ROWS.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn every_reason_of_the_standard_has_a_name() {
        let low = [0x00, 0x01, 0x02, 0x04, 0x10, 0x11, 0x18, 0x19];
        let named: Vec<u8> = (0..=u8::MAX).filter(|code| Reason(*code).name().is_some()).collect();
        assert_eq!(named, low.into_iter().chain(0x80..=0xa2).collect::<Vec<_>>());
    }

    #[test]
    fn no_hint_takes_for_granted_that_there_is_a_profile() {
        for (code, _, hint) in ROWS {
            assert!(!hint.contains("the profile"), "{code:#04x}: {hint}");
        }
    }

    #[test]
    fn a_name_depends_on_the_packet() {
        assert_eq!(Reason(0).shown_in(Kind::Disconnect), "Normal disconnection (0x00)");
        assert_eq!(Reason(0).shown_in(Kind::Suback), "Granted QoS 0 (0x00)");
        assert_eq!(Reason(0x8e).shown_in(Kind::Disconnect), "Session taken over (0x8E)");
    }

    #[test]
    fn reasons_are_shown_by_name_and_code() {
        assert_eq!(Reason(0x87).to_string(), "Not authorized (0x87)");
        assert_eq!(Reason(0x7b).to_string(), "a reason that MQTT does not define (0x7B)");
        assert_eq!(Reason::of_v3_connack(4).name(), Some("Bad User Name or Password"));
    }
}
