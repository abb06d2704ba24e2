//! Where the payloads of `pub` come from: the argument, a file, standard input as a whole or line by line.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    num::NonZeroU64,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Stdin},
    time::sleep,
};

use crate::{
    base::text::safe,
    cli::{
        args::PubArgs,
        exit::{Exit, Problem},
        notice::note,
    },
    mqtt::bounds::MAX_REMAINING,
};

/// More than this no payload has, in bytes.
const MAX_PAYLOAD: u64 = MAX_REMAINING as u64;

/// Where the payloads come from.
pub(super) enum Source {
    /// One payload, so many times more, with a pause in between.
    Same { payload: Bytes, left: u64, interval: Duration, started: bool },
    /// Each line of standard input.
    Lines {
        input: BufReader<Stdin>,
        interval: Duration,
        started: bool,
        /// Whether an empty line is to be warned of, as it removes what the broker keeps.
        warns: bool,
    },
}

impl Source {
    /// Reads the payload, unless it comes line by line.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be read.
    pub(super) fn open(args: &PubArgs) -> Result<Self, Problem> {
        let interval = args.interval.unwrap_or_default();
        if args.lines {
            let input = BufReader::with_capacity(64 << 10, tokio::io::stdin());
            return Ok(Self::Lines { input, interval, started: false, warns: args.retain });
        }
        let payload = if let Some(text) = &args.payload {
            Bytes::from(text.clone())
        } else if let Some(path) = args.file.as_ref().filter(|path| path.as_os_str() != "-") {
            let name = safe(&path.to_string_lossy());
            let file = File::open(path).map_err(|error| Problem::usage(format!("open {name}: {error}")))?;
            let payload = read(file, &name.to_string())?;
            if payload.is_empty() && args.retain {
                return Err(empty(&name.to_string(), &args.topic));
            }
            payload
        } else {
            if io::stdin().is_terminal() {
                note("reading the payload from the terminal; end it with Ctrl-D");
            }
            let payload = read(io::stdin().lock(), "standard input")?;
            if payload.is_empty() {
                if args.retain {
                    return Err(empty("standard input", &args.topic));
                }
                note("standard input is empty: an empty message is published; '' as PAYLOAD says that it is meant");
            }
            payload
        };
        let left = args.repeat.map_or(1, NonZeroU64::get);
        Ok(Self::Same { payload, left, interval, started: false })
    }

    /// Tells whether there is one payload, and no more.
    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::Same { left: 0..=1, .. })
    }

    /// Returns the next payload, when its time has come; nothing after the last one.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        match self {
            Self::Same { left: 0, .. } => Ok(None),
            Self::Same { payload, left, interval, started } => {
                pause(*interval, started).await;
                *left -= 1;
                Ok(Some(payload.clone()))
            }
            Self::Lines { input, interval, started, warns } => {
                pause(*interval, started).await;
                let mut line = Vec::new();
                let read = input.take(MAX_PAYLOAD + 1).read_until(b'\n', &mut line).await;
                read.map_err(|error| Problem::new(Exit::Other, format!("read standard input: {error}")))?;
                if line.is_empty() {
                    return Ok(None);
                }
                if line.last() == Some(&b'\n') {
                    line.pop();
                } else if line.len() as u64 > MAX_PAYLOAD {
                    return Err(too_large("a line of standard input"));
                }
                if line.is_empty() && std::mem::take(warns) {
                    note("an empty line of standard input removes the retained message of the line before");
                }
                Ok(Some(Bytes::from(line)))
            }
        }
    }
}

async fn pause(interval: Duration, started: &mut bool) {
    if *started && !interval.is_zero() {
        sleep(interval).await;
    }
    *started = true;
}

fn read(source: impl io::Read, name: &str) -> Result<Bytes, Problem> {
    let mut payload = Vec::new();
    let read = source.take(MAX_PAYLOAD + 1).read_to_end(&mut payload);
    read.map_err(|error| Problem::new(Exit::Other, format!("read {name}: {error}")))?;
    if payload.len() as u64 > MAX_PAYLOAD { Err(too_large(name)) } else { Ok(Bytes::from(payload)) }
}

/// Says why an empty payload that may have been forgotten is not published: it would remove what the broker keeps.
fn empty(name: &str, topic: &str) -> Problem {
    let text = format!("{name} is empty, and an empty retained message removes the one on {topic}; nothing was published");
    Problem::usage(text).hint("'' as PAYLOAD removes it")
}

fn too_large(name: &str) -> Problem {
    Problem::new(Exit::Other, format!("{name} is larger than MQTT can carry (256 MiB)"))
}
