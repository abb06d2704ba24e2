//! `mqtap completions` and `mqtap man`: made from the definition of the command line.

use clap::CommandFactory as _;

use super::{
    args::{Cli, CompletionsArgs, ManArgs},
    exit::{Exit, Problem},
    output::print,
};

/// Prints the completions for a shell.
///
/// # Errors
///
/// Returns why they could not be written.
pub(super) fn completions(args: CompletionsArgs) -> Result<Exit, Problem> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mqtap", &mut out);
    print(&out).map(|()| Exit::Done)
}

/// Prints the man page of mqtap or of one verb.
///
/// # Errors
///
/// Returns that there is no such verb, or why the page could not be written.
pub(super) fn man(args: &ManArgs) -> Result<Exit, Problem> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let page = match &args.verb {
        None => command,
        Some(name) => {
            let verbs: Vec<_> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
            let verb = command.find_subcommand(name).cloned();
            verb.ok_or_else(|| {
                Problem::usage(format!("there is no verb {name}")).hint(format!("the verbs are {}", verbs.join(", ")))
            })?
        }
    };
    let mut out = Vec::new();
    clap_mangen::Man::new(page).render(&mut out).map_err(|error| Problem::new(Exit::Other, error.to_string()))?;
    print(&out).map(|()| Exit::Done)
}
