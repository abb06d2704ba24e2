//! The password in a URL: taken out, before anything shows the URL.

use super::{SCHEMES, percent_decode};
use crate::base::secret::Secret;

/// Returns a URL without the password that it holds, and the password; nothing where it holds none.
///
/// What follows the scheme may be unfinished, as it is while it is typed; without a scheme it is read as that of `mqtt://`.
#[must_use]
pub fn take_password(url: &str) -> Option<(String, Secret)> {
    if url.starts_with("unix:") {
        return None;
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("mqtt", url));
    let scheme = scheme.to_ascii_lowercase();
    let known = SCHEMES.iter().find(|(name, aliases, ..)| *name == scheme || aliases.contains(&scheme.as_str()));
    let at = rest.rfind('@')?;
    let colon = rest[..at].find(':')?;
    if known.is_none_or(|scheme| scheme.2.is_websocket()) {
        let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let port = rest.get(colon + 1..path).unwrap_or_default();
        let is_address = rest.starts_with('[') || colon > path || !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        // An `@` in a path means nothing; but what looks like one, and no port before it, is the rest of a password.
        if path < at && !rest[..path].contains('@') && is_address {
            return None;
        }
    }
    let (before, after) = url.split_at(url.len() - rest.len());
    let written = &after[colon + 1..at];
    // One that is not encoded is taken as it is.
    let password = percent_decode(written).unwrap_or_else(|_| written.to_owned());
    Some((format!("{before}{}{}", &after[..colon], &after[at..]), Secret::from(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(url: &str) -> Option<(String, String)> {
        take_password(url).map(|(url, secret)| (url, String::from_utf8_lossy(secret.expose()).into_owned()))
    }

    #[test]
    fn a_password_is_taken_out_however_it_is_written() {
        for (url, without, password) in [
            ("mqtt://ops:pw@h:2000", "mqtt://ops@h:2000", "pw"),
            ("MQTTS://ops:p%40w@h", "MQTTS://ops@h", "p@w"),
            ("tcp://ops:p@w:x/y@h", "tcp://ops@h", "p@w:x/y"),
            ("mqtt://ops:50%@h", "mqtt://ops@h", "50%"),
            ("mqtt://:pw@[::1]:1883", "mqtt://@[::1]:1883", "pw"),
            ("ops:pw@h", "ops@h", "pw"),
            ("mqtt://ops:pw@", "mqtt://ops@", "pw"),
            ("wss://ops:pw@h/mqtt", "wss://ops@h/mqtt", "pw"),
            ("https://ops:pw@h", "https://ops@h", "pw"),
            ("ws://ops:p/w@h/mqtt", "ws://ops@h/mqtt", "p/w"),
        ] {
            assert_eq!(taken(url), Some((without.to_owned(), password.to_owned())), "{url}");
        }
    }

    #[test]
    fn what_holds_no_password_is_left_alone() {
        for url in [
            "",
            "mqtt://h:1883",
            "mqtt://ops@h:1883",
            "mqtt://ops:pw",
            "wss://h:443/mqtt?a=b@c",
            "wss://[::1]:443/mqtt?a=b@c",
            "wss://h/a:b@c",
            "https://h/a:b@c",
            "unix:///run/a:b@c",
            "unix:/run/a:b@c",
        ] {
            assert_eq!(taken(url), None, "{url}");
        }
    }
}
