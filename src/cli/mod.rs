//! The verbs: what mqtap does without its screen.

pub mod args;
mod ask;
mod confirm;
#[cfg(feature = "demo")]
pub mod demo;
mod doctor;
pub mod exit;
pub mod format;
mod generate;
mod get;
mod kept;
mod link;
mod notice;
mod output;
mod profiles;
mod publish;
mod replaced;
mod sub;
mod target;
mod until_signal;

use std::ffi::OsString;

use clap::{Parser as _, error::ContextKind};

use self::{
    args::{Cli, Verb},
    exit::{Exit, Problem},
};
pub use self::{notice::report, target::of_screen};

/// Reads the command line.
///
/// # Errors
///
/// Returns the exit code when there is nothing to run: help or version was asked for and printed, or the usage was wrong
/// and that was said.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    Cli::try_parse_from(&arguments).map_err(|mut error| {
        if let Some(problem) = args::elsewhere::problem(&error, &arguments) {
            report(&problem);
            return problem.exit;
        }
        if error.use_stderr() {
            // "To pass '-x' as a value, use '-- -x'" is what nobody means but who publishes it.
            if arguments.get(1).is_none_or(|verb| verb != "pub") {
                error.remove(ContextKind::Suggested);
            }
            notice::complain(&error.render().to_string());
            return Exit::Usage;
        }
        // A reader that has gone, as in `mqtap --help | head -1`, has read enough.
        let _ = error.print();
        Exit::Done
    })
}

/// Runs a verb to its end, and says on standard error what went wrong.
#[must_use]
pub fn run(verb: Verb) -> Exit {
    let ended = match verb {
        Verb::Sub(args) => sub::run(*args),
        Verb::Pub(args) => publish::run(&args),
        Verb::Get(args) => get::run(*args),
        Verb::Doctor(args) => doctor::run(*args),
        #[cfg(feature = "demo")]
        Verb::Demo(args) => demo::run(&args),
        Verb::Profiles(verb) => profiles::run(&verb),
        Verb::Completions(args) => generate::completions(args),
        Verb::Man(args) => generate::man(&args),
    };
    ended.unwrap_or_else(|problem: Problem| {
        report(&problem);
        problem.exit
    })
}
