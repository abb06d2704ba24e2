//! Starts the screen or a verb.

use std::{process::ExitCode, sync::Arc};

use mqtap::{
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

fn main() -> ExitCode {
    let ended = match cli::parse(std::env::args_os()) {
        Ok(Cli { verb: None, screen, .. }) => cli::of_screen(&screen).and_then(|profile| {
            let begin = profile.map_or(Begin::Start, |profile| Begin::Connect(Box::new(profile)));
            show(begin, screen.look, &screen.trace)
        }),
        #[cfg(feature = "demo")]
        Ok(Cli { verb: Some(Verb::Demo(args)), .. }) if !args.headless => {
            show(Begin::Demo(cli::demo::options(&args)), args.look, &args.trace)
        }
        Ok(Cli { verb: Some(verb), .. }) => return cli::run(verb).into(),
        Err(exit) => return exit.into(),
    };
    ended.unwrap_or_else(|problem| {
        cli::report(&problem);
        problem.exit.into()
    })
}

/// Opens the screen, and returns when the user has left it.
fn show(begin: Begin, look: LookArgs, trace: &TraceArgs) -> Result<ExitCode, Problem> {
    let paths = Paths::of_process().map_err(|why| Problem::new(Exit::Other, why))?;
    let launch =
        Launch { begin, theme: look.theme, trace: trace.open()?.map(Arc::new), paths, variable: |name| std::env::var(name).ok() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new(Exit::Other, format!("cannot start: {error}")))?;
    let ended = runtime.block_on(runtime::run(launch));
    // What is left is closed connections; nothing waits for them.
    runtime.shutdown_background();
    ended.map(ExitCode::from).map_err(|why| Problem::usage(why.to_string()))
}
