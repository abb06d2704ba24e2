//! The whole program in a pseudo-terminal: taking messages in, and the way of a key to the screen.

use std::{
    io::{Read, Write},
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
const MESSAGES: u32 = 2_000_000;

/// Keys of one measurement.
const KEYS: u32 = 40;

/// After so long without a byte a screen is complete.
const QUIET: Duration = Duration::from_millis(250);

/// The program on a screen of 200x50; it is killed when dropped.
struct Screen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    /// When bytes came.
    output: Receiver<Instant>,
    _home: TempDir,
}

impl Screen {
    fn open(port: u16) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let size = PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 };
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
            while let Ok(1..) = reader.read(&mut buffer) {
                if sender.send(Instant::now()).is_err() {
                    break;
                }
            }
        });
        Self { child, master: pair.master, keyboard, output, _home: home }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Waits until nothing is drawn any more.
    fn settle(&self) {
        while self.output.recv_timeout(QUIET).is_ok() {}
    }

    /// Presses a key, and returns how long it takes until the screen changes.
    fn press(&mut self, key: &str) -> Option<Duration> {
        self.settle();
        let start = Instant::now();
        self.keyboard.write_all(key.as_bytes()).ok()?;
        self.output.recv_timeout(QUIET).ok().map(|at| at - start)
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
    let mut fastest = 0.0_f64;
    let ours = best(3, || {
        let flood = Flood::start();
        let mut screen = Screen::open(flood.port);
        flood.subscribed();
        flood.send(MESSAGES / 10);
        screen.settle();
        let before = cpu::of_process(screen.pid()).expect("CPU times");
        let start = Instant::now();
        let (count, _) = flood.send(MESSAGES);
        let took = start.elapsed();
        screen.settle();
        let used = cpu::of_process(screen.pid()).expect("CPU times") - before;
        fastest = fastest.max(f64::from(count) / took.as_secs_f64());
        screen.press("o");
        times.extend((0..KEYS).filter_map(|n| screen.press(if n % 2 == 0 { "\x1b[B" } else { "\x1b[A" })));
        used as f64 / f64::from(count)
    });
    table::row("ui: message taken in, 10,000 topics, 200x50", "CPU ns", ours, Some(("reading lengths only", session::floor())));
    table::row("ui: messages a second", "thousands", fastest / 1e3, None);
    times.sort_unstable();
    if let Some(median) = times.get(times.len() / 2) {
        table::row("ui: key to screen, 10,000 topics, median", "ms", median.as_secs_f64() * 1e3, None);
    }
}
