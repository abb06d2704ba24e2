//! `mqtap demo --headless`: the embedded broker and its simulated plant alone.

use super::{
    args::DemoArgs,
    exit::{Exit, Problem},
    output,
    until_signal::until_signal,
};
use crate::demo::{Demo, DemoOptions};

/// Returns what the demo is asked for.
#[must_use]
pub fn options(args: &DemoArgs) -> DemoOptions {
    DemoOptions { listen: args.listen, rate: args.rate, devices: args.devices }
}

/// Runs broker and plant until a signal comes.
///
/// # Errors
///
/// Returns why they could not start.
pub(super) fn run(args: &DemoArgs) -> Result<Exit, Problem> {
    let options = options(args);
    until_signal(move |stop| async move {
        let demo = Demo::start(options).await.map_err(|why| Problem::new(Exit::Other, why))?;
        let said = output::print(format!("listening on mqtt://{}\n", demo.address).as_bytes());
        // Who does not read the address may know it; that is no reason to end.
        if said.is_ok() || said.as_ref().is_err_and(|problem| problem.text.is_empty()) {
            stop.cancelled().await;
        }
        demo.stop().await;
        said.map(|()| Exit::Done)
    })
}
