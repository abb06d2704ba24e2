//! The thread that carries frames to the terminal, so that a slow terminal holds nothing up but frames.

use std::{
    io,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use tokio::sync::mpsc;

use super::terminal::Terminal;

/// Carries one frame at a time; while it is busy no frame is made, so that the link sets the pace.
#[derive(Debug)]
pub(super) struct Writer {
    frames: SyncSender<Vec<u8>>,
    done: mpsc::Receiver<io::Result<()>>,
    busy: bool,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(terminal: Terminal) -> io::Result<Self> {
        let (frames, queue) = sync_channel::<Vec<u8>>(1);
        let (report, done) = mpsc::channel(1);
        thread::Builder::new().name("terminal-writer".into()).spawn(move || {
            while let Ok(frame) = queue.recv() {
                let result = terminal.write(&frame);
                let failed = result.is_err();
                if report.blocking_send(result).is_err() || failed {
                    break;
                }
            }
        })?;
        Ok(Self { frames, done, busy: false })
    }

    /// Tells whether a frame is on its way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Hands a frame over; the caller made sure that none is on its way.
    pub(super) fn write(&mut self, frame: Vec<u8>) {
        self.busy = self.frames.try_send(frame).is_ok();
    }

    /// Waits until the frame is written.
    ///
    /// # Errors
    ///
    /// Fails when the terminal is gone.
    pub(super) async fn written(&mut self) -> io::Result<()> {
        if !self.busy {
            return std::future::pending().await;
        }
        let result = self.done.recv().await.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()));
        self.busy = false;
        result
    }
}
