//! The whole program in a pseudo-terminal: taking messages in, and the way of a key to the screen.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

use crate::{
    cpu,
    flood::Flood,
    session,
    table::{self, best},
};

/// Messages of one measurement.
const MESSAGES: u32 = 6_000_000;

/// The time of as many messages as there are topics: three million a second.
const PERIOD: Duration = Duration::from_micros(3_333);

const ROWS: NonZeroU16 = NonZeroU16::new(50).expect("not zero");
const COLUMNS: NonZeroU16 = NonZeroU16::new(200).expect("not zero");

/// Keys of one measurement.
const KEYS: u32 = 40;

/// After so long without a byte a screen is complete.
const QUIET: Duration = Duration::from_millis(250);

/// The program on a screen of 200x50; it is killed when dropped.
struct Screen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    /// Bytes and when they came.
    output: Receiver<(Instant, Vec<u8>)>,
    picture: vt100::Parser,
    _home: TempDir,
}

impl Screen {
    fn open(port: u16) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mqtap"));
        command.args(["--theme", "mqtap-dark", &format!("mqtt://127.0.0.1:{port}"), "#"]);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        for name in ["HOME", "MQTAP_CONFIG_DIR", "MQTAP_STATE_DIR", "MQTAP_DATA_DIR"] {
            command.env(name, home.path());
        }
        let child = pair.slave.spawn_command(command).expect("mqtap runs");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keyboard = pair.master.take_writer().expect("a writer");
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                    break;
                }
            }
        });
        let picture = vt100::Parser::new(ROWS, COLUMNS, 0);
        Self { child, master: pair.master, keyboard, output, picture, _home: home }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Waits until nothing is drawn any more.
    fn settle(&mut self) {
        while let Ok((_, bytes)) = self.output.recv_timeout(QUIET) {
            self.picture.process(&bytes);
        }
    }

    /// Reads from the screen how many messages were let go.
    fn lost(&self) -> f64 {
        let text = self.picture.screen().contents();
        let count = text.split_once("lost ").map_or("", |(_, rest)| rest);
        let digits = count.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(char::is_ascii_digit);
        digits.collect::<String>().parse().expect("the status bar tells it")
    }

    /// Presses a key, and returns how long it takes until the screen changes.
    fn press(&mut self, key: &str) -> Option<Duration> {
        self.settle();
        let start = Instant::now();
        self.keyboard.write_all(key.as_bytes()).ok()?;
        let (at, bytes) = self.output.recv_timeout(QUIET).ok()?;
        self.picture.process(&bytes);
        Some(at - start)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = &self.master;
    }
}

/// Measures the program.
pub(crate) fn measure() {
    if cpu::of_this_thread().is_none() {
        table::skip("ui", "there is no /proc/thread-self/schedstat");
        return;
    }
    let mut times = Vec::new();
    let mut lost: f64 = 0.0;
    let ours = best(3, || {
        let flood = Flood::start();
        let mut screen = Screen::open(flood.port);
        flood.subscribed();
        flood.send(MESSAGES / 10);
        screen.settle();
        let before = cpu::of_process(screen.pid()).expect("CPU times");
        let (count, _) = flood.send_paced(MESSAGES, PERIOD);
        screen.settle();
        let used = cpu::of_process(screen.pid()).expect("CPU times") - before;
        lost = lost.max(screen.lost());
        screen.press("o");
        times.extend((0..KEYS).filter_map(|n| screen.press(if n % 2 == 0 { "\x1b[B" } else { "\x1b[A" })));
        used as f64 / f64::from(count)
    });
    table::row("ui: message, 3 million a second, 200x50", "CPU ns", ours, Some(("reading lengths only", session::floor())));
    table::row("ui: lost of those, worst run", "messages", lost, Some(("sent", f64::from(MESSAGES))));
    times.sort_unstable();
    if let Some(median) = times.get(times.len() / 2) {
        table::row("ui: key to screen, 10,000 topics, median", "ms", median.as_secs_f64() * 1e3, None);
    }
}
