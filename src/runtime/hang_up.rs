//! The thread that notices when the terminal is gone, also while somebody else reads from it.

use std::{io, thread};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use tokio::sync::oneshot;

/// Waits until the terminal hangs up, which not every signal and no read tells.
#[derive(Debug)]
pub(super) struct HangUp {
    noticed: oneshot::Receiver<()>,
}

impl HangUp {
    /// Starts to watch.
    pub(super) fn watch() -> io::Result<Self> {
        let (notice, noticed) = oneshot::channel();
        thread::Builder::new().name("hang-up".into()).spawn(move || {
            let terminal = rustix::stdio::stdin();
            loop {
                // Nothing is asked for, so only a hang-up or an error ends the wait.
                match poll(&mut [PollFd::new(&terminal, PollFlags::empty())], None) {
                    Ok(0) | Err(Errno::INTR) => {}
                    Ok(_) => break,
                    Err(_) => return,
                }
            }
            let _ = notice.send(());
        })?;
        Ok(Self { noticed })
    }

    /// Waits until the terminal is gone.
    pub(super) async fn happened(&mut self) {
        if self.noticed.is_terminated() || (&mut self.noticed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
