//! The template of a Client Identifier: `mqtap-{user}-{host}-{random}`.

use std::ffi::OsString;

use super::problem;

/// The most characters of the user's name and of the host's name, so that the identifier stays below 64.
const MAX_USER: usize = 16;
const MAX_HOST: usize = 24;

/// The words that may stand in braces.
const WORDS: [&str; 4] = ["user", "host", "random", "pid"];

/// What the words of a template stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// The name of this machine, up to the first dot.
    pub host: String,
    /// Letters and digits that differ from run to run.
    pub random: String,
    /// The number of this process.
    pub pid: u32,
}

impl Identity {
    /// Asks the system for all but the random number, which makes two clients of one user differ.
    #[must_use]
    pub fn of_process(environment: &dyn Fn(&str) -> Option<OsString>, random: u64) -> Self {
        let variable = |name| environment(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty());
        let user =
            variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| rustix::process::geteuid().as_raw().to_string());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { user, host, random: base36(random), pid: std::process::id() }
    }
}

/// Checks the braces of a template.
///
/// # Errors
///
/// Returns a sentence that names the word that nothing stands for.
pub(super) fn check(template: &str) -> Result<(), String> {
    for part in template.split('{').skip(1) {
        let Some((word, _)) = part.split_once('}') else { continue };
        if !WORDS.contains(&word) {
            let hint = problem::nearest(word, WORDS).map_or(String::new(), |near| format!("; did you mean {{{near}}}?"));
            return Err(format!(
                "nothing is known by {{{}}}; write {{user}}, {{host}}, {{random}} or {{pid}}{hint}",
                problem::shown(word)
            ));
        }
    }
    Ok(())
}

/// Fills a template in; what is unknown or not closed stays as it is.
#[must_use]
pub fn expand(template: &str, identity: &Identity) -> String {
    let host = identity.host.split('.').next().unwrap_or_default();
    template
        .replace("{user}", &plain(&identity.user, MAX_USER))
        .replace("{host}", &plain(host, MAX_HOST))
        .replace("{random}", &plain(&identity.random, MAX_USER))
        .replace("{pid}", &identity.pid.to_string())
}

/// Keeps what every broker takes; a brace cannot get in, so that nothing is filled in twice.
fn plain(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).take(most).collect()
}

/// Writes the low bits of a number as eight letters and digits.
fn base36(mut number: u64) -> String {
    (0..8)
        .map(|_| {
            let digit = u32::try_from(number % 36).unwrap_or(0);
            number /= 36;
            char::from_digit(digit, 36).unwrap_or('0')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { user: "anna".into(), host: "edge-7.plant.example".into(), random: "k3x9".into(), pid: 42 }
    }

    #[test]
    fn the_words_are_filled_in() {
        assert_eq!(expand(super::super::DEFAULT_CLIENT_ID, &identity()), "mqtap-anna-edge-7-k3x9");
        assert_eq!(expand("{pid}/{unknown}/{user", &identity()), "42/{unknown}/{user");
        assert_eq!(expand("", &identity()), "");
    }

    #[test]
    fn the_default_stays_below_64_characters_and_is_plain() {
        let odd = Identity { user: "Ä{pid} ".repeat(40), host: "h".repeat(300), random: base36(u64::MAX), pid: u32::MAX };
        let id = expand(super::super::DEFAULT_CLIENT_ID, &odd);
        assert!(id.len() < 64 && id.is_ascii() && !id.contains(['{', ' ']), "{id}");
        assert!(id.ends_with(&odd.random), "{id}");
    }

    #[test]
    fn an_unknown_word_is_named() {
        let refusal = check("x-{usr}").expect_err("unknown");
        assert!(refusal.contains("{usr}") && refusal.contains("did you mean {user}?"), "{refusal}");
        assert_eq!(check("a{user}{host}{random}{pid}{"), Ok(()));
    }

    #[test]
    fn a_process_without_a_user_name_is_its_number() {
        let none = Identity::of_process(&|_| None, 1);
        assert_eq!(none.user, rustix::process::geteuid().as_raw().to_string());
        assert_eq!(none.random, "10000000");
        assert!(!none.host.is_empty());
        assert_eq!(Identity::of_process(&|name| (name == "LOGNAME").then(|| "eva".into()), 1).user, "eva");
    }
}
