//! What is said of a command line that other MQTT tools would take: the broker is a URL, and some options have other names.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{base::text, cli::exit::Problem, wire::endpoint::Url};

/// Which verbs a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    Sub,
    Pub,
}

/// Options of other tools, the verbs that lack them, and what to write in their place.
const ROWS: &[(&[&str], Of, &str)] = &[
    (&["-p", "--port"], Of::All, "the port stands in the broker's URL: mqtt://HOST:PORT"),
    (&["--host", "-L", "--url"], Of::All, "the broker's URL is a word of its own: mqtt://HOST:PORT, or mqtts://HOST:PORT with TLS"),
    (&["-t", "--topic"], Of::Pub, "the topic is the word behind the broker: mqtap pub mqtt://HOST TOPIC PAYLOAD"),
    (&["-t", "--topic"], Of::All, "a topic or a filter is a word behind the broker: mqtap sub mqtt://HOST 'a/#'"),
    (&["-m", "--message"], Of::All, "the payload is the word behind the topic: mqtap pub mqtt://HOST TOPIC PAYLOAD"),
    (&["-C"], Of::Sub, "-n N ends after N messages"),
    (&["-F"], Of::Sub, "--format takes text, json, payload, hex or a template such as '{topic} {payload}'"),
    (&["-v", "--verbose"], Of::Sub, "the topic is printed without it; --format payload leaves the topic out"),
    (&["-N"], Of::Sub, "--separator none prints no line feed behind a message"),
    (&["-R"], Of::Sub, "--no-retained leaves retained messages out"),
    (&["-E"], Of::Sub, "-n 0 ends when the subscriptions are granted"),
    (&["--filter-out"], Of::Sub, "-T FILTER leaves topics out"),
    (&["--remove-retained"], Of::All, "mqtap pub mqtt://HOST TOPIC '' -r removes a retained message"),
    (&["-l", "--stdin-line"], Of::Pub, "--lines publishes each line of standard input"),
    (&["-f"], Of::Pub, "--file FILE takes the payload from a file"),
    (&["-s", "--stdin-file"], Of::Pub, "without PAYLOAD, the payload is all of standard input"),
    (&["-n", "--null-message"], Of::Pub, "'' as PAYLOAD is the empty one"),
    (&["--repeat-delay"], Of::Pub, "--interval TIME is the time between two messages"),
    (
        &["-P", "--pw", "--password"],
        Of::All,
        "--password-env VARIABLE or --password-file FILE: a password in an option shows in ps",
    ),
    (
        &["-c", "--disable-clean-session", "--no-clean"],
        Of::All,
        "--clean-start false -x 1h keeps the session for an hour; -i names the client that it belongs to",
    ),
    (&["-d", "--debug", "-v", "--verbose"], Of::All, "--trace - writes every packet to standard error"),
    (&["-I", "--id-prefix"], Of::All, "-i 'PREFIX-{random}' differs from run to run"),
    (&["--id", "--identifier"], Of::All, "-i ID is the Client Identifier"),
    (&["-D", "--property"], Of::All, "each property has an option of its own, such as --content-type or --user-property"),
    (&["--cafile", "--capath"], Of::All, "--ca-file FILE trusts the authorities of a PEM file"),
    (&["--tls-version"], Of::All, "tls.min_version in a profile"),
    (&["--keepalive"], Of::All, "-k TIME is Keep Alive"),
    (&["--mqtt-version", "--protocol-version"], Of::All, "-V 3.1|3.1.1|5 is the version of MQTT"),
];

/// What a verb may be called elsewhere.
const SYNONYMS: &[(&str, &str)] = &[
    ("subscribe", "sub"),
    ("publish", "pub"),
    ("read", "get"),
    ("fetch", "get"),
    ("check", "doctor"),
    ("profile", "profiles"),
    ("completion", "completions"),
];

/// Returns what is to be said in place of the parser's own words, where those would lead astray or end with 0.
pub(in crate::cli) fn problem(error: &clap::Error, arguments: &[OsString]) -> Option<Problem> {
    let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    let line = Line { words: words.iter().map(AsRef::as_ref).take_while(|word| *word != "--").collect() };
    match error.kind() {
        _ if line.is_of_files() => None,
        // With --help the help was asked for, whatever else there is.
        ErrorKind::DisplayHelp if !line.words.contains(&"--help") => line.misused_help(),
        ErrorKind::UnknownArgument => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(unknown)) => line.unknown(unknown),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the verb that a word is meant for.
pub(in crate::cli) fn verb_meant<'a>(word: &str, verbs: &[&'a str]) -> Option<&'a str> {
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == word).map(|(_, verb)| *verb);
    synonym.or_else(|| verbs.iter().copied().find(|verb| word.len() > 2 && strsim::osa_distance(word, verb) == 1))
}

/// The words of a command line behind the program's name, up to `--`.
struct Line<'a> {
    words: Vec<&'a str>,
}

impl Line<'_> {
    fn verb(&self) -> Option<&str> {
        self.words.first().copied().filter(|word| matches!(*word, "sub" | "pub" | "get" | "doctor"))
    }

    /// Returns `true` for a verb that does not connect, or not to what it is given.
    fn is_of_files(&self) -> bool {
        self.words.first().is_some_and(|word| matches!(*word, "profiles" | "completions" | "man" | "demo" | "help"))
    }

    /// Returns what is wrong with a `-h` that does not stand at the end: elsewhere it takes a host.
    fn misused_help(&self) -> Option<Problem> {
        let is_help = |word: &&str| {
            word.strip_prefix('-').is_some_and(|flags| {
                let before = flags.split('h').next().unwrap_or_default();
                flags.contains('h') && before.bytes().all(|byte| byte.is_ascii_alphabetic())
            })
        };
        let at = self.words.iter().position(is_help)?;
        let follows = self.words.get(at + 1);
        if self.words[at].ends_with('h') && follows.is_none() {
            return None;
        }
        if let Some(verb) = follows.filter(|_| at == 0)
            && !verb.starts_with('-')
            && (Self { words: vec![verb] }).verb().is_some()
        {
            return Some(Problem::usage("-h takes no value").hint(format!("mqtap {verb} -h is the help of {verb}")));
        }
        Some(self.url_wanted().unwrap_or_else(|| {
            Problem::usage("-h prints the help and stands at the end").hint("leave out what follows it, or leave it out")
        }))
    }

    fn unknown(&self, unknown: &str) -> Option<Problem> {
        let verb = self.verb();
        if !unknown.starts_with('-') {
            let (text, hint) = match verb? {
                "pub" => ("a payload is one word, and more follows it", "quote the payload, such as '{\"on\": true}'"),
                "get" => ("a topic is one word, and more follows it", "quote the topic; `sub` takes several filters"),
                _ => return None,
            };
            return Some(Problem::usage(text).hint(hint));
        }
        let is_of = |of: Of| match of {
            Of::All => true,
            Of::Sub => verb == Some("sub"),
            Of::Pub => verb == Some("pub"),
        };
        let row = ROWS.iter().find(|(names, of, _)| names.contains(&unknown) && is_of(*of));
        let names_broker = ["-p", "--port", "--host", "-t", "--topic"].contains(&unknown);
        if names_broker || self.value(&["-h", "--host"]).is_some() {
            let wanted = self.url_wanted();
            if wanted.is_some() {
                return wanted;
            }
        }
        let verb = verb.map_or("there is".to_owned(), |verb| format!("{verb} has"));
        row.map(|(_, _, hint)| Problem::usage(format!("{verb} no option {unknown}")).hint(*hint))
    }

    /// Says how the broker and what follows are written here; `None` if a URL is there already.
    fn url_wanted(&self) -> Option<Problem> {
        if self.words.iter().any(|word| Url::is_url(word)) {
            return None;
        }
        // Whatever is not plainly a host may hold a password.
        let is_host =
            |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':'));
        let host = self.value(&["-h", "--host"]).map_or("localhost", |host| Some(host).filter(is_host).unwrap_or("HOST"));
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = self.value(&["-p", "--port"]);
        let has_tls =
            port == Some("8883") || self.words.iter().any(|word| matches!(*word, "--cafile" | "--capath" | "--tls-use-os-certs"));
        let port = port.and_then(|port| port.parse::<u16>().ok()).map(|port| format!(":{port}")).unwrap_or_default();
        let topic = self.value(&["-t", "--topic"]).map(|topic| format!("'{}'", topic.replace('\'', r"'\''")));
        let behind = match self.verb() {
            Some("pub") => format!("{} PAYLOAD", topic.as_deref().unwrap_or("TOPIC")),
            Some("get") => topic.unwrap_or("TOPIC".into()),
            Some(_) | None => topic.unwrap_or("'a/#'".into()),
        };
        let verb = self.verb().map(|verb| format!(" {verb}")).unwrap_or_default();
        let scheme = if has_tls { "mqtts" } else { "mqtt" };
        let written = format!("mqtap{verb} {scheme}://{host}{port} {}", text::line(&behind, 200));
        Some(Problem::usage(format!("the broker is a URL here: {written}")).hint("-h alone is the help"))
    }

    /// Returns the value of an option: the next word, or what is attached to it.
    fn value(&self, names: &[&str]) -> Option<&str> {
        self.words.iter().enumerate().find_map(|(at, word)| {
            let name = names.iter().find(|name| word.starts_with(**name))?;
            let attached = &word[name.len()..];
            match attached.strip_prefix('=') {
                Some(value) => Some(value),
                None if attached.is_empty() => self.words.get(at + 1).copied().filter(|word| !word.starts_with('-')),
                None if name.starts_with("--") => None,
                None => Some(attached),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use rstest::rstest;

    use super::*;
    use crate::cli::args::Cli;

    fn said(line: &str) -> Option<String> {
        let arguments: Vec<OsString> = std::iter::once("mqtap").chain(line.split_whitespace()).map(Into::into).collect();
        let error = Cli::try_parse_from(&arguments).expect_err(line);
        problem(&error, &arguments).map(|problem| problem.to_string())
    }

    #[rstest]
    #[case::host("sub -h broker -p 1884 -t a/# -v", "mqtap sub mqtt://broker:1884 'a/#'")]
    #[case::attached("sub -hbroker -ta/#", "mqtap sub mqtt://broker 'a/#'")]
    #[case::long("sub --host=broker --topic a", "mqtap sub mqtt://broker 'a'")]
    #[case::publish("pub -h ::1 -t T -m X", "mqtap pub mqtt://[::1] 'T' PAYLOAD")]
    #[case::order("pub -t T -m X -h broker -r", "mqtap pub mqtt://broker 'T' PAYLOAD")]
    #[case::tls("sub -p 8883 -t a", "mqtap sub mqtts://localhost:8883 'a'")]
    #[case::no_host("sub -t a", "mqtap sub mqtt://localhost 'a'")]
    #[case::screen("-h broker", "mqtap mqtt://broker 'a/#'")]
    #[case::doctor("doctor -h broker", "mqtap doctor mqtt://broker 'a/#'")]
    #[case::get("get -h broker -t T", "mqtap get mqtt://broker 'T'")]
    fn the_broker_is_written_as_a_url(#[case] line: &str, #[case] written: &str) {
        assert!(said(line).expect(line).starts_with(&format!("the broker is a URL here: {written}\n")), "{:?}", said(line));
    }

    #[test]
    fn what_may_hold_a_password_is_not_repeated() {
        for line in [
            "sub -h mqtt://ops:CANARY@h -t a",
            "sub -h ops:CANARY@h -t a",
            "sub -P CANARY -h h",
            "pub -u u -P CANARY -t a -m CANARY",
        ] {
            let said = said(line).unwrap_or_default();
            assert!(!said.is_empty() && !said.contains("CANARY"), "{line}: {said}");
        }
    }

    #[rstest]
    #[case("sub mqtt://h -t a", "sub has no option -t\n  hint: a topic or a filter is a word behind the broker")]
    #[case("pub mqtt://h -t a", "pub has no option -t\n  hint: the topic is the word behind the broker")]
    #[case("pub mqtt://h t -m x", "the payload is the word behind the topic")]
    #[case("sub mqtt://h a -C 1", "-n N ends")]
    #[case("sub mqtt://h a -F %p", "--format takes")]
    #[case("sub mqtt://h a -P x", "--password-env")]
    #[case("sub mqtt://h a -c", "--clean-start false -x 1h")]
    #[case("sub mqtt://h a -d", "--trace -")]
    #[case("sub mqtt://h a -v", "--format payload")]
    #[case("get mqtt://h a -v", "--trace -")]
    #[case("pub mqtt://h a -n", "'' as PAYLOAD")]
    #[case("pub mqtt://h t {on: true}", "quote the payload")]
    #[case("-t a mqtt://h", "there is no option -t")]
    #[case("sub mqtt://h a -h -n 1", "stands at the end")]
    #[case("-h sub", "mqtap sub -h is the help")]
    fn an_option_of_another_tool_names_its_counterpart(#[case] line: &str, #[case] part: &str) {
        let said = said(line).expect(line);
        assert!(said.contains(part), "{said}");
    }

    #[test]
    fn a_verb_without_a_broker_is_left_to_the_parser() {
        assert_eq!((said("demo -p 1883"), said("profiles list -t a"), said("man -x")), (None, None, None));
    }

    #[test]
    fn help_that_was_asked_for_is_given() {
        for line in ["-h", "sub -h", "sub mqtt://h a -h", "pub mqtt://h a -rh", "sub --help", "sub --help a", "sub a --help -h"] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn a_verb_is_known_by_its_longer_name_and_with_a_slip() {
        let verbs = ["sub", "pub", "doctor"];
        assert_eq!(verb_meant("subscribe", &verbs), Some("sub"));
        assert_eq!(verb_meant("docter", &verbs), Some("doctor"));
        assert_eq!((verb_meant("plant", &verbs), verb_meant("s", &verbs)), (None, None));
    }
}
