//! The live sessions of the UI, and their events.

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    app::event::ConnId,
    base::clock::Clock,
    mqtt::{command::Command, conversation::leave, error::Failure, event::Event, options::Options, session::Session},
    record::trace::Trace,
};

/// Events that a session may be ahead of the screen; above that it counts what it lets go.
const AHEAD: usize = 256;

/// The longest that leaving waits for DISCONNECT to be sent.
const FAREWELL: Duration = Duration::from_millis(1_200);

/// One session and the end of its channel.
struct Live {
    id: ConnId,
    /// What it was started with, for a test of its will.
    options: Options,
    session: Session,
    events: mpsc::Receiver<Event>,
}

/// All sessions of the program.
pub(super) struct Sessions {
    live: Vec<Live>,
    /// Those that are being ended.
    leaving: JoinSet<()>,
    /// The session that is asked first the next time, so that a busy one does not starve the others.
    turn: usize,
    /// Where packets are written down, if they are.
    trace: Option<Arc<Trace>>,
}

impl Sessions {
    pub(super) fn new(trace: Option<Arc<Trace>>) -> Self {
        Self { live: Vec::new(), turn: 0, leaving: JoinSet::new(), trace }
    }

    /// Starts a session that tells of its packets; one of the same connection is ended first.
    ///
    /// # Errors
    ///
    /// Returns the error of the system when its packets cannot be written down; `failed` hears of a later one.
    pub(super) fn start(
        &mut self,
        id: ConnId,
        name: &str,
        options: Options,
        clock: Clock,
        failed: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<()> {
        self.stop(id);
        let options = Options { packets: true, ..options };
        let (sender, mut events) = mpsc::channel(AHEAD);
        if let Some(trace) = &self.trace {
            events = trace.follow(name, move || clock.now(), events, AHEAD, failed)?;
        }
        let session = Session::start(options.clone(), clock, sender);
        self.live.push(Live { id, options, session, events });
        Ok(())
    }

    /// Tells a session something.
    ///
    /// # Errors
    ///
    /// Fails when there is no such session, or its queue is full.
    pub(super) fn command(&self, id: ConnId, command: Command) -> Result<(), Failure> {
        let live = self.live.iter().find(|live| live.id == id).ok_or(Failure::Offline)?;
        live.session.command(command)
    }

    /// Returns what a session was started with.
    pub(super) fn options(&self, id: ConnId) -> Option<&Options> {
        self.live.iter().find(|live| live.id == id).map(|live| &live.options)
    }

    /// Ends a session with DISCONNECT, in the background.
    pub(super) fn stop(&mut self, id: ConnId) {
        let Some(at) = self.live.iter().position(|live| live.id == id) else { return };
        let live = self.live.remove(at);
        while self.leaving.try_join_next().is_some() {}
        self.leaving.spawn(farewell(live));
    }

    /// Ends all sessions, and waits until DISCONNECT is sent, also by those that were ended before, or the time is up.
    pub(super) async fn stop_all(&mut self) {
        for live in self.live.drain(..) {
            self.leaving.spawn(farewell(live));
        }
        while self.leaving.join_next().await.is_some() {}
    }

    /// Waits for the next event of any session.
    pub(super) async fn next(&mut self) -> (ConnId, Event) {
        poll_fn(|context| self.poll(context)).await
    }

    /// Returns an event that is there already.
    pub(super) fn ready(&mut self) -> Option<(ConnId, Event)> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match self.poll(&mut context) {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(ConnId, Event)> {
        let count = self.live.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let Some(live) = self.live.get_mut(at) else { break };
            if let Poll::Ready(Some(event)) = live.events.poll_recv(context) {
                self.turn = at + 1;
                return Poll::Ready((live.id, event));
            }
        }
        Poll::Pending
    }
}

async fn farewell(live: Live) {
    let Live { session, events, .. } = live;
    let _ = leave(session, events, FAREWELL).await;
}
