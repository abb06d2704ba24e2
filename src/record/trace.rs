//! A running trace: every packet as a line of text, written while the session goes on.
//!
//! ```text
//! 2026-11-20T12:04:31.207123Z -> SUBSCRIBE 17 bytes  Packet Identifier: 1; Topic Filter: sensors/#  QoS 1, retain handling 0
//! 2026-11-20T12:04:31.219000Z <- SUBACK 6 bytes  Packet Identifier: 1; Reason Code: granted QoS 1
//! 2026-11-20T12:04:32.207123Z <- 312 PUBLISH with QoS 0, 21,840 bytes
//! 2026-11-20T12:05:41.900001Z -- connection lost: connection reset by the other side
//! 2026-11-20T12:05:43.100020Z -- try 1
//! ```

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    path::Path,
    sync::Arc,
    thread,
};

use tokio::sync::mpsc;

use crate::{
    base::{clock::Stamp, disk, human, text},
    mqtt::{
        error::Failure,
        event::{Event, Status},
    },
    wire::{
        decode,
        packet::{Direction, Packet, Version},
        tap::Noted,
    },
};

/// A file that traces are written to, at its end.
#[derive(Debug)]
pub struct Trace {
    file: File,
}

impl Trace {
    /// Opens the file, and makes it with mode 0600 where there is none.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        disk::append(path).map(|file| Self { file })
    }

    /// Traces to standard error.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn to_stderr() -> io::Result<Self> {
        io::stderr().as_fd().try_clone_to_owned().map(|stderr| Self { file: stderr.into() })
    }

    /// Writes down what a session tells, and passes every event on to the receiver that is returned.
    ///
    /// A thread of its own writes whole lines, before the event goes on, so that the file is complete when the last event
    /// was taken. Of the next `room` events that nobody has taken the first one waits, and with it the session. `name` is
    /// written in each line unless it is empty, `now` tells the time of what has none of its own, and `failed` hears of the first error, after which nothing more is written.
    ///
    /// # Errors
    ///
    /// Returns the error of the system when there can be no other thread.
    pub fn follow(
        &self,
        name: &str,
        now: impl Fn() -> Stamp + Send + 'static,
        mut events: mpsc::Receiver<Event>,
        room: usize,
        failed: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<mpsc::Receiver<Event>> {
        let mut file = self.file.try_clone()?;
        let (sender, receiver) = mpsc::channel(room);
        let mut scribe = Scribe::new(name);
        let mut failed = Some(failed);
        thread::Builder::new().name("trace".into()).spawn(move || {
            while let Some(event) = events.blocking_recv() {
                if failed.is_some() {
                    scribe.event(&event, &now);
                    // One write for all lines, so that those of two sessions do not mix.
                    if let Err(error) = file.write_all(scribe.lines.as_bytes())
                        && let Some(failed) = failed.take()
                    {
                        failed(error);
                    }
                    scribe.lines.clear();
                }
                if sender.blocking_send(event).is_err() {
                    break;
                }
            }
        })?;
        Ok(receiver)
    }
}

/// Writes events as lines; every text is safe to show.
struct Scribe {
    name: String,
    version: Version,
    /// The time of the last line.
    latest: Stamp,
    lines: String,
    /// Why there is no connection, from its end or the failure to make one until there is one again.
    cause: Option<Arc<Failure>>,
    /// Whether the next attempt is still to be written down: only those that are made are.
    is_waiting: bool,
}

impl Scribe {
    fn new(name: &str) -> Self {
        let name = text::line(name, 60).to_string();
        Self { name, version: Version::V5, latest: Stamp::default(), lines: String::new(), cause: None, is_waiting: false }
    }

    fn event(&mut self, event: &Event, now: &impl Fn() -> Stamp) {
        match event {
            Event::Packets(noted) => self.packets(noted),
            Event::Status(status) => self.status(status, now()),
            Event::Messages(_)
            | Event::Lost(_)
            | Event::Lag(_)
            | Event::Skipped(_)
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::Settled { .. }
            | Event::Reauthenticated(_)
            | Event::RoundTrip(_) => {}
        }
    }

    fn packets(&mut self, noted: &Noted) {
        if noted.lost > 0 {
            self.line(noted.at, "!!", &format!("{} packets are missing here", human::count(noted.lost)));
        }
        for packet in &noted.packets {
            self.packet(packet);
        }
        for (quiet, direction) in noted.quiet.iter().zip([Direction::In, Direction::Out]) {
            if quiet.count > 0 {
                let (count, bytes) = (human::count(quiet.count), human::count(quiet.bytes));
                self.line(noted.at, arrow(direction), &format!("{count} PUBLISH with QoS 0, {bytes} bytes"));
            }
        }
    }

    fn packet(&mut self, packet: &Packet) {
        if let Some((version, _)) = decode::connect(packet) {
            self.version = version;
        }
        let decoded = decode::decode(packet, self.version);
        let mut said = format!("{} {} bytes", packet.kind(), human::count(packet.size as u64));
        let fields = decoded.fields.iter().map(|field| format!("{}: {}", field.name, field.value));
        let details: Vec<_> = fields.chain(decoded.fault.map(|fault| format!("! {fault}"))).collect();
        if !details.is_empty() {
            said.push_str("  ");
            said.push_str(&details.join("; "));
        }
        self.line(packet.at, arrow(packet.direction), &said);
    }

    fn status(&mut self, status: &Status, now: Stamp) {
        match status {
            Status::Online(welcome) => {
                let tls = welcome.tls.as_deref().map(|tls| format!(", {}", text::safe(tls))).unwrap_or_default();
                let peer = text::safe(&welcome.peer);
                (self.cause, self.is_waiting) = (None, false);
                // Packets that followed CONNACK at once are written already.
                self.line(welcome.at.max(self.latest), "--", &format!("connected to {peer} with MQTT {}{tls}", welcome.protocol));
            }
            Status::Waiting { cause, .. } | Status::Failed { cause } => {
                self.is_waiting = matches!(status, Status::Waiting { .. });
                self.cause = Some(Arc::clone(cause));
                self.line(now, "--", text::safe(&cause.to_string()).as_str());
            }
            Status::Connecting { attempt, .. } if self.is_waiting => {
                self.is_waiting = false;
                self.line(now, "--", &format!("try {attempt}"));
            }
            Status::Connecting { .. } => {}
            Status::Closed => {
                let cause = self.cause.take().map(|cause| format!(": {}", text::safe(&cause.to_string()))).unwrap_or_default();
                self.line(now, "--", &format!("closed{cause}"));
            }
        }
    }

    fn line(&mut self, at: Stamp, mark: &str, said: &str) {
        self.latest = at;
        let space = if self.name.is_empty() { "" } else { " " };
        self.lines.push_str(&format!("{}{space}{} {mark} {said}\n", human::utc(at), self.name));
    }
}

fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "<-",
        Direction::Out => "->",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::{dial::Stage, tap::Quiet};

    fn noted() -> Noted {
        let at = Stamp { mono: 0, wall: 1_795_176_271_207_123 };
        let packet = |direction, bytes: &'static [u8]| Packet {
            at,
            direction,
            first: bytes[0],
            size: bytes.len(),
            head: Bytes::from_static(bytes),
        };
        let subscribe = packet(Direction::Out, b"\x82\x0a\0\x01\0\0\x04a\n\x1b#\x01");
        let suback = packet(Direction::In, b"\x90\x04\0\x01\0\x87");
        Noted {
            at,
            packets: vec![subscribe, suback],
            quiet: [Quiet { count: 312, bytes: 21_840 }, Quiet::default()],
            lost: 2,
            ..Noted::default()
        }
    }

    #[tokio::test]
    async fn every_packet_is_one_safe_line_and_every_event_goes_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("trace.txt");
        let (sender, events) = mpsc::channel(8);
        let trace = Trace::open(&path).expect("opened");
        let mut passed = trace.follow("plant", Stamp::default, events, 8, |error| panic!("{error}")).expect("followed");
        sender.send(Event::Packets(noted())).await.expect("taken");
        drop(sender);
        assert!(matches!(passed.recv().await, Some(Event::Packets(packets)) if packets == noted()));
        assert!(passed.recv().await.is_none());
        let text = std::fs::read_to_string(&path).expect("a trace");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "2026-11-20T12:04:31.207123Z plant !! 2 packets are missing here",
                "2026-11-20T12:04:31.207123Z plant -> SUBSCRIBE 12 bytes  Packet Identifier: 1; \
                 Topic Filter: a␊␛#  QoS 1, retain handling 0",
                "2026-11-20T12:04:31.207123Z plant <- SUBACK 6 bytes  Packet Identifier: 1; Reason Code: 0x87 Not authorized",
                "2026-11-20T12:04:31.207123Z plant <- 312 PUBLISH with QoS 0, 21,840 bytes",
            ]
        );
    }

    #[test]
    fn the_last_line_says_why_and_only_an_attempt_that_is_made_is_a_try() {
        let now = Stamp { mono: 0, wall: 1_795_176_271_207_123 };
        let waiting = || {
            let cause = Arc::new(Failure::Closed { during: Some("CONNECT") });
            Status::Waiting { until: now, attempt: 2, cause }
        };
        let written = |statuses: Vec<Status>| {
            let mut scribe = Scribe::new("");
            for status in &statuses {
                scribe.status(status, now);
            }
            let lines = scribe.lines.lines().map(|line| line.split_once(" -- ").expect("a time").1.to_owned());
            lines.collect::<Vec<_>>()
        };
        let lost = "the broker closed the connection during CONNECT";
        let closed = &format!("closed: {lost}");
        let stage = |stage| Status::Connecting { stage, attempt: 2 };
        assert_eq!(written(vec![waiting(), Status::Closed]), [lost, closed]);
        let tried = written(vec![waiting(), stage(Stage::Name), stage(Stage::Tcp), waiting(), Status::Closed]);
        assert_eq!(tried, [lost, "try 2", lost, closed]);
        assert_eq!(written(vec![stage(Stage::Name), Status::Closed]), ["closed"]);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_once_and_stops_nothing() {
        let (sender, events) = mpsc::channel(8);
        let (failure, mut failed) = mpsc::channel(8);
        let trace = Trace::open(Path::new("/dev/full")).expect("opened");
        let mut passed =
            trace.follow("", Stamp::default, events, 8, move |_| failure.try_send(()).expect("room")).expect("followed");
        for _ in 0..3 {
            sender.send(Event::Packets(noted())).await.expect("taken");
            assert!(passed.recv().await.is_some());
        }
        assert_eq!((failed.recv().await, failed.recv().await), (Some(()), None));
    }
}
