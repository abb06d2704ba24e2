//! The report for people: aligned, safe, and at most eighty columns wide.
//!
//! ```text
//! mqtts://broker.plant.example:8883
//!
//! ✓ name       0.8 ms  192.0.2.7
//! ✓ TLS         31 ms  TLS 1.3 AES_256_GCM_SHA384
//!     subject          CN=broker.plant.example
//! ✗ SUBSCRIBE  0.4 ms  secret/#: Not authorized (0x87)
//!     to do            the broker's access rules do not allow this
//! ```

use unicode_width::UnicodeWidthStr;

use super::report::{Check, Mark};
use crate::base::{
    human,
    text::{safe, wrap},
};

/// The width of a terminal that everybody has.
const WIDTH: usize = 80;

/// Where values begin.
const VALUES: usize = 21;

/// Columns of a mark and the blank after it.
const MARK: usize = 2;

/// Columns of the name of a check.
const LABEL: usize = 10;

/// Columns before the name of a fact.
const INDENT: usize = 4;

/// Writes the name of a section, with blank lines around it.
pub(super) fn heading(name: &str, is_first: bool) -> String {
    format!("{}{}\n\n", if is_first { "" } else { "\n" }, safe(name))
}

/// Writes a check with its facts.
pub(super) fn check(check: &Check) -> String {
    let mark = match check.mark {
        Mark::Good => "✓",
        Mark::Warning => "!",
        Mark::Bad => "✗",
    };
    let took = check.took.map(human::span).unwrap_or_default();
    let blanks = (VALUES - MARK - LABEL - 2).saturating_sub(took.width());
    let head = format!("{mark} {:LABEL$}{}{took}  ", check.label, " ".repeat(blanks));
    let mut out = String::new();
    put(&mut out, &head, &check.said);
    for fact in &check.facts {
        let mut head = format!("{}{:2$}", " ".repeat(INDENT), fact.label, VALUES - INDENT);
        for item in &fact.shown {
            put(&mut out, &head, item);
            head = " ".repeat(VALUES);
        }
    }
    if !check.hint.is_empty() {
        put(&mut out, &format!("{}{:2$}", " ".repeat(INDENT), "to do", VALUES - INDENT), &check.hint);
    }
    out
}

/// Writes a value beside its head, in as many lines as it needs.
fn put(out: &mut String, head: &str, value: &str) {
    let mut head = head.to_owned();
    for line in wrap(value, WIDTH - VALUES) {
        out.push_str(format!("{head}{line}").trim_end());
        out.push('\n');
        head = " ".repeat(VALUES);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::doctor::report::Fact;

    #[test]
    fn a_check_is_aligned_and_fits_eighty_columns() {
        let names = vec!["a.example".to_owned(), "b".repeat(70)];
        let fingerprint = ["AB"; 32].join(":");
        let facts =
            [Fact::text("subject", "subject", "CN=x"), Fact::list("names", "names", names), Fact::shown("SHA-256", fingerprint)];
        let found = Check::good("tls", "TLS", "TLS 1.3").took(Some(Duration::from_millis(31))).facts(facts).warn("renew it");
        let shown = check(&found);
        let expected = "\
! TLS         31 ms  TLS 1.3
    subject          CN=x
    names            a.example
                     bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
                     bbbbbbbbbbb
    SHA-256          AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:
                     AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
    to do            renew it
";
        assert_eq!(shown, expected);
        assert!(shown.lines().all(|line| line.width() <= WIDTH));
    }

    #[test]
    fn what_a_broker_says_is_made_safe() {
        let shown = check(&Check::bad("connect", "CONNECT", "no\u{1b}[2J\nway\u{202e}", ""));
        assert_eq!(shown, "✗ CONNECT            no␛[2J␊way‹U+202E›\n");
    }
}
