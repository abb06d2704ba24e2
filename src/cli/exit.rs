//! How a verb ends: the exit codes of CLI.md, and the sentence that goes with a bad one.

use std::{fmt, process::ExitCode};

use rustix::process::Signal;

use crate::{base::signals::exit_code, mqtt::error::Failure};

/// An exit code; its number is a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// Something else went wrong.
    Other,
    /// The command line, or what it names, makes no sense.
    Usage,
    /// The broker could not be reached.
    Unreachable,
    /// The broker refused the connection.
    Refused,
    /// A subscription or a publish was refused.
    Denied,
    /// The time ran out.
    TimedOut,
    /// A signal ended it.
    Signal(Signal),
}

impl Exit {
    /// Returns the number for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Denied => 5,
            Self::TimedOut => 27,
            Self::Signal(signal) => exit_code(signal),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Wire(error) if error.is_about_settings() => Self::Usage,
            Failure::Wire(_)
            | Failure::Silent { .. }
            | Failure::Closed { .. }
            | Failure::Idle { .. }
            | Failure::Protocol(_)
            | Failure::Violation(_)
            | Failure::Offline
            | Failure::Unconfirmed => Self::Unreachable,
            Failure::Unanswered { cause } => Self::from(&**cause),
            Failure::OldConnack { .. }
            | Failure::Refused { .. }
            | Failure::Disconnected { .. }
            | Failure::Redirected { .. }
            | Failure::Authentication(_) => Self::Refused,
            Failure::Repeated { cause, .. } => Self::from(&**cause),
            Failure::Denied { .. } | Failure::Invalid(_) => Self::Denied,
        }
    }
}

/// Why a verb could not do what it was asked, with the exit code that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, a sentence fragment.
    pub text: String,
    /// What to do about it; empty where nothing sensible can be said.
    pub hint: String,
}

impl Problem {
    /// Makes a problem without a hint.
    #[must_use]
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), hint: String::new() }
    }

    /// Makes a problem of the command line.
    #[must_use]
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// Makes a problem of a failure, said of `what`: a broker, a filter, a topic.
    #[must_use]
    pub fn of(what: &str, failure: &Failure) -> Self {
        let text = match failure {
            // The byte stream's errors name the address themselves.
            Failure::Wire(error) => error.to_string(),
            Failure::Unanswered { cause } => Self::of(what, cause).text,
            other => format!("{what}: {other}"),
        };
        let hint = match failure {
            Failure::Redirected { servers, .. } => {
                let server = servers.first().map(|server| format!(": give {server} in place of the target")).unwrap_or_default();
                format!("{}{server}", failure.hint())
            }
            other => other.hint().to_owned(),
        };
        Self { exit: failure.into(), text, hint }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mqtt::reason::Reason, wire::endpoint::Url};

    #[test]
    fn the_codes_are_those_of_the_contract() {
        let exits = [Exit::Done, Exit::Other, Exit::Usage, Exit::Unreachable, Exit::Refused, Exit::Denied, Exit::TimedOut];
        assert_eq!(exits.map(Exit::code), [0, 1, 2, 3, 4, 5, 27]);
        assert_eq!([Signal::HUP, Signal::INT, Signal::TERM].map(|signal| Exit::Signal(signal).code()), [129, 130, 143]);
    }

    #[test]
    fn a_redirection_says_how_to_follow_it() {
        let servers = vec![Url::parse("mqtts://h2").expect("valid").endpoint];
        let problem = Problem::of("h:1883", &Failure::Redirected { reason: Reason(0x9c), text: String::new(), servers });
        assert_eq!(problem.exit, Exit::Refused);
        assert!(problem.text.contains("mqtts://h2:8883"), "{problem}");
        assert!(problem.hint.ends_with(": give mqtts://h2:8883 in place of the target"), "{problem}");
    }

    #[test]
    fn a_refusal_says_who_why_and_what_to_do() {
        let failure = Failure::Refused { reason: Reason(0x86), text: String::new() };
        let problem = Problem::of("localhost:1883", &failure);
        assert_eq!(problem.exit, Exit::Refused);
        assert_eq!(
            problem.to_string(),
            "localhost:1883: the broker refused the connection: Bad User Name or Password (0x86)\n  \
             hint: check the user name and the password"
        );
    }
}
