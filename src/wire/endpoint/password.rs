//! The password in a URL: taken out, before anything shows the URL.

use std::ops::Range;

use super::{SCHEMES, percent_decode};
use crate::base::secret::Secret;

/// Returns a URL without the password that it holds, and the password; nothing where it holds none.
///
/// What follows the scheme may be unfinished, as it is while it is typed; without a scheme it is read as that of `mqtt://`.
#[must_use]
pub fn take_password(url: &str) -> Option<(String, Secret)> {
    let place = password_in(url)?;
    let written = &url[place.clone()];
    // One that is not encoded is taken as it is.
    let password = percent_decode(written).unwrap_or_else(|_| written.to_owned());
    Some((format!("{}{}", &url[..place.start - 1], &url[place.end..]), Secret::from(password)))
}

/// Writes a URL, or the path of one, as it may be shown: with stars for its password and for what its query says.
#[must_use]
pub fn masked(url: &str) -> String {
    let password = password_in(url);
    let mut shown = password.clone().map(|place| format!("{}***", &url[..place.start])).unwrap_or_default();
    let rest = &url[password.map_or(0, |place| place.end)..];
    // A path of a socket has no query.
    let query = if url.starts_with("unix:") { rest.len() } else { rest.find(['?', '#']).unwrap_or(rest.len()) };
    shown.push_str(&rest[..query]);
    for part in rest[query..].split_inclusive(['?', '&', ';', '#']) {
        let (said, end) = part.split_at(part.trim_end_matches(['?', '&', ';', '#']).len());
        match said.split_once('=') {
            // What ends in `=` may be base64.
            Some((name, value)) if !value.trim_matches('=').is_empty() => shown.push_str(&format!("{name}=***")),
            Some(_) | None => shown.push_str(if said.is_empty() { "" } else { "***" }),
        }
        shown.push_str(end);
    }
    shown
}

/// Finds the password in a URL.
fn password_in(url: &str) -> Option<Range<usize>> {
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
    let start = url.len() - rest.len();
    Some(start + colon + 1..start + at)
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

    #[test]
    fn what_is_secret_in_a_url_is_not_shown() {
        for (url, shown) in [
            ("mqtt://ops:CANARY@h:2000", "mqtt://ops:***@h:2000"),
            ("http://:CAN/ARY@h", "http://:***@h"),
            ("ws://ops:CANARY@h/a?token=CANARY", "ws://ops:***@h/a?token=***"),
            ("wss://h/mqtt?a=CANARY&CANARY==&CANARY#CANARY", "wss://h/mqtt?a=***&***&***#***"),
            ("/mqtt?x=CANARY;y=CANARY?CANARY", "/mqtt?x=***;y=***?***"),
            ("ws://h/mqtt?", "ws://h/mqtt?"),
            ("unix:///run/a?b=c", "unix:///run/a?b=c"),
            ("mqtt://h", "mqtt://h"),
        ] {
            assert_eq!(masked(url), shown, "{url}");
        }
    }
}
