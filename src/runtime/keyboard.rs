//! The thread that reads the terminal, and the one that notices when the terminal is gone.

use std::{
    io,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// Events that may wait for the loop; above that the terminal keeps what is typed.
const AHEAD: usize = 256;

/// How long giving the terminal away waits until nobody reads from it any more.
const HANDOVER: Duration = Duration::from_millis(100);

/// Reads events as long as it lives; dropping it leaves what is typed to somebody else.
///
/// It has its own thread because a read waits for the rest of an escape sequence that was cut short, and does not return at
/// all when the terminal is gone.
#[derive(Debug)]
pub(super) struct Keyboard {
    events: mpsc::Receiver<io::Result<Event>>,
    stopped: Receiver<()>,
}

impl Keyboard {
    /// Starts to read, inside a tokio runtime.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, events) = mpsc::channel(AHEAD);
        let (alive, stopped) = sync_channel(0);
        let runtime = Handle::current();
        thread::Builder::new().name("keyboard".into()).spawn(move || {
            runtime.block_on(read(sender));
            drop(alive);
        })?;
        Ok(Self { events, stopped })
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// Fails when the terminal can no longer be read.
    pub(super) async fn next(&mut self) -> io::Result<Event> {
        self.events.recv().await.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Returns an event that is there already.
    pub(super) fn ready(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.events.close();
        let _ = self.stopped.recv_timeout(HANDOVER);
    }
}

async fn read(sender: mpsc::Sender<io::Result<Event>>) {
    let mut stream = EventStream::new();
    loop {
        let event = tokio::select! {
            biased;
            () = sender.closed() => return,
            event = stream.next() => event.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into())),
        };
        // What woke the reader before this one may be left over.
        if event.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        let failed = event.is_err();
        if sender.send(event).await.is_err() || failed {
            return;
        }
    }
}

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
