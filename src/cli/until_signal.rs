//! Runs a verb that talks to a broker: the runtime, the signals, the end.

use std::{thread, time::Duration};

use rustix::process::Signal;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    exit::{Exit, Problem},
    notice::report,
};
use crate::base::signals::Ending;

/// How long a verb may take to say goodbye after a signal.
const GOODBYE: Duration = Duration::from_millis(1_500);

/// Runs `verb` to its end or to a signal; the token tells it that it is time to end.
///
/// ```text
/// main thread     waits for the end or a signal
/// verb's thread   reads events, writes to standard output, and may block there
/// worker thread   the session: the socket is served even while a pipe is stuck
/// ```
///
/// # Errors
///
/// Returns the problem of the verb.
pub(super) fn until_signal<F>(verb: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Result<Exit, Problem>
where
    F: Future<Output = Result<Exit, Problem>>,
{
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|error| start(&error))?;
    let mut signals = {
        let _inside = runtime.enter();
        Ending::listen().map_err(|error| start(&error))?
    };
    run(runtime, verb, async move || signals.next().await)
}

/// Runs `verb` in this runtime; `signal` waits for the next signal.
fn run<F>(
    runtime: Runtime,
    verb: impl FnOnce(CancellationToken) -> F + Send + 'static,
    signal: impl AsyncFnMut() -> Signal,
) -> Result<Exit, Problem>
where
    F: Future<Output = Result<Exit, Problem>>,
{
    let stop = CancellationToken::new();
    let (sender, done) = oneshot::channel();
    let verb_thread = {
        let (handle, stop) = (runtime.handle().clone(), stop.clone());
        thread::Builder::new()
            .name("verb".into())
            .spawn(move || {
                // Nobody listens any more when a signal came first.
                let _ = sender.send(handle.block_on(async { verb(stop).await }));
            })
            .map_err(|error| start(&error))?
    };
    let result = runtime.block_on(end(done, signal, &stop));
    // To the end of the process, which is near: a verb that still waits in it would panic if it went.
    std::mem::forget(runtime);
    match result {
        Some(result) => result,
        // The thread has panicked and has said so.
        None => match verb_thread.join() {
            Ok(()) => Err(Problem::new(Exit::Other, "the verb ended without a result")),
            Err(panic) => std::panic::resume_unwind(panic),
        },
    }
}

/// Waits for the result, or for a signal and then a little for a goodbye; a second signal ends it at once.
async fn end(
    mut done: oneshot::Receiver<Result<Exit, Problem>>,
    mut signal: impl AsyncFnMut() -> Signal,
    stop: &CancellationToken,
) -> Option<Result<Exit, Problem>> {
    let first = tokio::select! {
        biased;
        result = &mut done => return result.ok(),
        first = signal() => first,
    };
    stop.cancel();
    // Of a terminal that hangs up the system tells the session and the job, which is one signal and not two.
    let second = async { while signal().await == Signal::HUP {} };
    tokio::select! {
        ended = timeout(GOODBYE, done) => {
            // What went wrong before is worth knowing, whatever ended it.
            if let Ok(Ok(Err(problem))) = ended {
                report(&problem);
            }
        }
        () = second => {}
    }
    Some(Ok(Exit::Signal(first)))
}

fn start(error: &std::io::Error) -> Problem {
    Problem::new(Exit::Other, format!("cannot start: {error}"))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Instant};

    use super::*;

    #[test]
    fn a_verb_that_does_not_heed_a_signal_is_left_behind_without_a_panic() {
        let (sender, ticks) = channel();
        let verb = |_| async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if sender.send(Instant::now()).is_err() {
                    return Ok(Exit::Done);
                }
            }
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        // Two signals: the second one does not wait for a goodbye.
        let ended = run(runtime, verb, async || Signal::TERM);
        assert_eq!(ended, Ok(Exit::Signal(Signal::TERM)));
        let left = Instant::now();
        let deadline = left + Duration::from_secs(10);
        let ticks_on = std::iter::from_fn(|| ticks.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
        assert_eq!(ticks_on.filter(|tick| *tick > left).take(20).count(), 20, "the verb's thread is gone");
    }
}
