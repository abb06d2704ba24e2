//! What is said on standard error: one safe line, never a panic when nobody reads it.

use std::io::Write as _;

use super::exit::Problem;
use crate::base::text::safe;

/// Says something that is worth knowing and changes nothing.
pub(super) fn note(text: &str) {
    say(&format!("mqtap: {}", safe(text)));
}

/// Says why a verb ends, and what to do about it; a problem without a text is said to nobody.
pub fn report(problem: &Problem) {
    if problem.text.is_empty() {
        return;
    }
    for (i, line) in problem.text.lines().enumerate() {
        say(&format!("{}{}", if i == 0 { "mqtap: " } else { "  " }, safe(line)));
    }
    if !problem.hint.is_empty() {
        say(&format!("  hint: {}", safe(&problem.hint)));
    }
}

/// Says what the parser of the command line has to say, without its colours, as it may repeat what it was given.
pub(super) fn complain(text: &str) {
    for line in text.trim_end().lines() {
        say(safe(line).as_str());
    }
}

fn say(line: &str) {
    // Standard error may be closed; then there is nobody to tell that.
    let _ = writeln!(std::io::stderr(), "{line}");
}
