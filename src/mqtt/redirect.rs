//! Server References (MQTT 5.0, 4.11): the servers that a broker names in place of itself.

use super::{error::Failure, reason::Reason};
use crate::{
    base::text,
    wire::endpoint::{Endpoint, Url},
};

/// Reason Codes Use another server and Server moved.
const REDIRECTS: [u8; 2] = [0x9c, 0x9d];

/// The most servers that are read; the reference comes from outside.
const MOST: usize = 8;

/// Makes the failure of a reason that names other servers; nothing where it does not, or where none can be read.
pub(super) fn failure(reason: Reason, said: &str, reference: &str, from: &Endpoint) -> Option<Failure> {
    if !REDIRECTS.contains(&reason.0) {
        return None;
    }
    let servers = servers(reference, from);
    (!servers.is_empty()).then(|| Failure::Redirected { reason, text: text::safe(said).to_string(), servers })
}

/// Reads a list of references, separated by spaces.
///
/// A name or an address is reached as the broker was that sent it, on the same port where it names none. A URL says more, but
/// never leads from an encrypted connection to a plain one.
fn servers(reference: &str, from: &Endpoint) -> Vec<Endpoint> {
    let read = |word: &str| {
        let given = if Url::is_url(word) { Url::parse(word).ok()?.endpoint } else { beside(word, from)? };
        (given.is_encrypted() || !from.is_encrypted()).then_some(given)
    };
    reference.split(' ').filter(|word| !word.is_empty()).take(MOST).filter_map(read).collect()
}

fn beside(word: &str, from: &Endpoint) -> Option<Endpoint> {
    let bare = Url::parse(&format!("mqtt://{word}")).ok().filter(|url| url.username.is_none())?.endpoint;
    let names_port =
        word.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(Endpoint { host: bare.host, port: if names_port { bare.port } else { from.port }, ..from.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reference: &str, from: &str) -> Vec<String> {
        let from = Url::parse(from).expect("valid").endpoint;
        servers(reference, &from).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_forms_of_the_standard_are_read() {
        let from = "mqtts://old:8884";
        assert_eq!(read("myserver.xyz.org", from), ["mqtts://myserver.xyz.org:8884"]);
        assert_eq!(read("myserver.xyz.org:8883", from), ["mqtts://myserver.xyz.org:8883"]);
        assert_eq!(read("10.10.151.22:8883 [fe80::1]:1883", from), ["mqtts://10.10.151.22:8883", "mqtts://[fe80::1]:1883"]);
        assert_eq!(read("[fe80::1]", from), ["mqtts://[fe80::1]:8884"]);
    }

    #[test]
    fn a_url_cannot_take_the_encryption_away() {
        assert_eq!(read("mqtt://new mqtts://new", "mqtts://old"), ["mqtts://new:8883"]);
        assert_eq!(read("mqtt://new", "mqtt://old"), ["mqtt://new:1883"]);
    }

    #[test]
    fn nonsense_is_left_out() {
        for nonsense in ["", "  ", "http://h", "user@h", "user:password@h", "h:0", "a/b", "\u{1b}[2J"] {
            assert_eq!(read(nonsense, "mqtt://old"), [""; 0], "{nonsense:?}");
        }
        assert_eq!(read(&"h ".repeat(100), "mqtt://old").len(), MOST);
    }

    #[test]
    fn only_the_two_reasons_redirect() {
        let from = Url::parse("mqtt://old").expect("valid").endpoint;
        assert!(failure(Reason(0x87), "", "new", &from).is_none());
        let moved = failure(Reason(0x9d), "tonight", "new", &from).expect("a redirection");
        assert_eq!(moved.to_string(), "the broker says: Server moved (0x9D): connect to mqtt://new:1883 (“tonight”)");
        assert!(moved.is_final());
    }
}
