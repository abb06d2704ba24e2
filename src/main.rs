//! Starts the screen or a verb.

use std::process::ExitCode;

use mqtap::cli::{
    self,
    args::Cli,
    exit::{Exit, Problem},
};

fn main() -> ExitCode {
    let exit = match cli::parse(std::env::args_os()) {
        Ok(Cli { verb: None, .. }) => run_tui(),
        #[cfg(feature = "demo")]
        Ok(Cli { verb: Some(cli::args::Verb::Demo(args)), .. }) if !args.headless => run_tui(),
        Ok(Cli { verb: Some(verb), .. }) => cli::run(verb),
        Err(exit) => exit,
    };
    exit.into()
}

fn run_tui() -> Exit {
    let problem = Problem::new(Exit::Other, "the screen is not built yet").hint("mqtap sub prints messages; see mqtap --help");
    cli::report(&problem);
    problem.exit
}
