//! A question that is answered with yes or no, before something is done that cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use super::{
    exit::{Exit, Problem},
    notice::note,
};

/// The most bytes of an answer to a question.
const MOST_ANSWER: u64 = 64;

/// Asks on the terminal; `refusal` is what was not done without a yes.
///
/// # Errors
///
/// Returns that the answer was not yes, or that there is nobody to ask.
pub(super) fn confirm(question: &str, refusal: &str) -> Result<(), Problem> {
    if !io::stdin().is_terminal() {
        return Err(Problem::usage(question).hint("--yes answers it where nobody can be asked"));
    }
    note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    io::stdin().lock().take(MOST_ANSWER).read_line(&mut answer).map_err(|error| Problem::new(Exit::Other, error.to_string()))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Problem::new(Exit::Other, refusal)),
    }
}
