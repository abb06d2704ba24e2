//! Starts the screen or a verb.

use std::{io::IsTerminal as _, process::ExitCode, sync::Arc};

use mqtap::{
    base::{limits, log},
    cli::{
        self,
        args::{Cli, LookArgs, TraceArgs, Verb},
        exit::{Exit, Problem},
    },
    config::paths::Paths,
    runtime::{self, Begin, Launch},
};

/// The screen's own work is little; sessions and the demo get a second thread.
const THREADS: usize = 2;

/// The variable that says how much is logged.
const LOG_LEVEL: &str = "MQTAP_LOG";

/// The variable that lets a debug build be dumped and looked into.
const DUMPABLE: &str = "MQTAP_DUMPABLE";

fn main() -> ExitCode {
    limits::outlive_full_files();
    // The tests look at what only the owner of a process may see of it.
    if !cfg!(debug_assertions) || variable(DUMPABLE).is_none() {
        limits::forbid_dumps();
    }
    let ended = match cli::parse(std::env::args_os()) {
        Ok(Cli { verb: None, screen, .. }) => cli::of_screen(&screen).and_then(|profile| {
            let begin = profile.map_or(Begin::Start, |profile| Begin::Connect(Box::new(profile)));
            show(begin, screen.look, &screen.trace)
        }),
        #[cfg(feature = "demo")]
        Ok(Cli { verb: Some(Verb::Demo(args)), .. }) if !args.headless => {
            show(Begin::Demo(cli::demo::options(&args)), args.look, &args.trace)
        }
        Ok(Cli { verb: Some(verb), .. }) => return run(verb),
        Err(exit) => return exit.into(),
    };
    ended.unwrap_or_else(|problem| {
        cli::report(&problem);
        problem.exit.into()
    })
}

/// Runs a verb; where it cannot write the log, only who asked for one hears of it.
fn run(verb: Verb) -> ExitCode {
    if connects(&verb)
        && let Err(problem) = check_limits()
    {
        cli::report(&problem);
        return problem.exit.into();
    }
    let log = connects(&verb).then(Paths::of_process).map(|paths| log::start(&paths?.log(), variable(LOG_LEVEL).as_deref()));
    if let Some(Err(why)) = &log
        && variable(LOG_LEVEL).is_some()
    {
        cli::report(&Problem::new(Exit::Other, why));
    }
    cli::run(verb).into()
}

/// Tells whether a verb does what a log is about.
fn connects(verb: &Verb) -> bool {
    match verb {
        Verb::Sub(_) | Verb::Pub(_) | Verb::Get(_) | Verb::Doctor(_) => true,
        #[cfg(feature = "demo")]
        Verb::Demo(_) => true,
        Verb::Profiles(_) | Verb::Completions(_) | Verb::Man(_) => false,
    }
}

/// Checks that there are files and threads enough to connect.
fn check_limits() -> Result<(), Problem> {
    limits::check().map_err(|(why, hint)| Problem::new(Exit::Other, format!("cannot start: {why}")).hint(hint))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Opens the screen, and returns when the user has left it.
fn show(begin: Begin, look: LookArgs, trace: &TraceArgs) -> Result<ExitCode, Problem> {
    check_limits()?;
    let paths = Paths::of_process().map_err(|why| Problem::new(Exit::Other, why))?;
    // Held to the end, so that the last lines are written.
    let log = log::start(&paths.log(), variable(LOG_LEVEL).as_deref());
    if trace.is_stderr() && std::io::stderr().is_terminal() {
        return Err(Problem::usage("the terminal belongs to the screen").hint("--trace FILE, or 2> FILE with --trace -"));
    }
    let trace = trace.open()?.map(Arc::new);
    let launch = Launch { begin, theme: look.theme, trace, paths, no_log: log.as_ref().err().cloned(), variable };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new(Exit::Other, format!("cannot start: {error}")))?;
    let ended = runtime.block_on(runtime::run(launch));
    // What is left is closed connections; nothing waits for them.
    runtime.shutdown_background();
    ended.map(ExitCode::from).map_err(|why| Problem::usage(why.to_string()))
}
