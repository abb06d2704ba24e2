//! Topic Names and Topic Filters (MQTT 5.0, 4.7): what is valid, and what matches.

use super::options::Protocol;

/// The longest topic that MQTT can carry, in bytes.
pub const MAX_TOPIC: usize = super::bounds::MAX_STRING;

/// Checks a Topic Name that shall be published to.
///
/// # Errors
///
/// Returns a sentence that says what is wrong.
pub fn check_name(topic: &str) -> Result<(), String> {
    check_common(topic, "topic")?;
    if let Some(wildcard) = topic.chars().find(|c| matches!(c, '+' | '#')) {
        return Err(format!("a topic to publish to cannot hold the wildcard `{wildcard}`"));
    }
    Ok(())
}

/// Returns what to know of a shared subscription on a version before MQTT 5 (4.8.2); `None` for everything else.
///
/// Some brokers serve it all the same, so that it is no error.
#[must_use]
pub fn shared_before_v5(filter: &str, protocol: Protocol) -> Option<&'static str> {
    let is_before = matches!(protocol, Protocol::V31 | Protocol::V311);
    (is_before && filter.starts_with("$share/")).then_some(
        "shared subscriptions are of MQTT 5: before it a broker may take this for a plain topic, on which no message comes",
    )
}

/// Checks a Topic Filter, `$share/GROUP/` included.
///
/// # Errors
///
/// Returns a sentence that says what is wrong.
pub fn check_filter(filter: &str) -> Result<(), String> {
    check_common(filter, "filter")?;
    let mut plain = filter;
    if let Some(shared) = filter.strip_prefix("$share/") {
        let (group, rest) = shared.split_once('/').ok_or("a shared subscription is $share/GROUP/FILTER")?;
        if group.is_empty() || rest.is_empty() || group.contains(['+', '#']) {
            return Err("a shared subscription is $share/GROUP/FILTER, with a group that has no wildcard".into());
        }
        plain = rest;
    }
    let mut levels = plain.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err("`#` stands alone and at the end of a filter, as in plant/#".into());
        }
        if level.contains('+') && level != "+" {
            return Err("`+` stands for a whole level of a filter, as in plant/+/state".into());
        }
    }
    Ok(())
}

fn check_common(text: &str, what: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    if text.len() > MAX_TOPIC {
        return Err(format!("the {what} has {} bytes, MQTT allows {MAX_TOPIC}", text.len()));
    }
    if text.contains('\0') {
        return Err(format!("the {what} holds a NUL character"));
    }
    Ok(())
}

/// Tells whether a Topic Name matches a Topic Filter; a filter that starts with a wildcard does not match `$SYS`.
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    let filter = filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/')).map_or(filter, |(_, plain)| plain);
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    let mut wanted = filter.split('/');
    loop {
        match (wanted.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(want), Some(level)) if want == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        let cases = [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", "a/b", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
            ("$share/group/a/+", "a/b", true),
        ];
        for (filter, topic, expected) in cases {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn a_bad_filter_is_named() {
        for bad in ["", "a#", "a/#/b", "a+/b", "$share/g", "$share//a", "$share/+/a", "a\0"] {
            assert!(check_filter(bad).is_err(), "{bad:?}");
        }
        for good in ["#", "+", "a/+/b/#", "/", "$share/g/#", "a//b"] {
            assert_eq!(check_filter(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_publish_topic_has_no_wildcard() {
        assert!(check_name("a/+").is_err());
        assert!(check_name("a/#").is_err());
        assert!(check_name(&"a".repeat(65_536)).is_err());
        assert_eq!(check_name("$SYS/a b"), Ok(()));
    }
}
