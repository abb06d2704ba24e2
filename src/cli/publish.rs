//! `mqtap pub`: publishes, and waits until the broker has taken everything.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    num::NonZeroU64,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Stdin},
    sync::{Semaphore, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    args::{PubArgs, PublishPropertyArgs},
    exit::{Exit, Problem},
    link::{Link, News},
    notice::note,
    target::{self, Target},
    until_signal::until_signal,
};
use crate::{
    base::{human, text::safe},
    mqtt::{
        command::{Command, Token},
        error::Failure,
        event::Event,
        message::{Message, Properties},
        session::Session,
    },
};

/// The most messages that may wait for their acknowledgement; then the next waits.
const WINDOW: u32 = 1_000;

/// The largest payload that MQTT can carry, in bytes.
const MAX_PAYLOAD: u64 = 268_435_455;

/// Runs the verb.
///
/// # Errors
///
/// Returns why it could not begin, or why not everything was taken.
pub(super) fn run(args: &PubArgs) -> Result<Exit, Problem> {
    let from_stdin = args.payload.is_none() && args.file.is_none();
    if from_stdin && args.connect.reads_stdin() {
        return Err(Problem::usage("standard input cannot hold both the password and the payload"));
    }
    let Target { options, read_only } = target::resolve(&args.target, &args.connect, args.properties.needs_v5())?;
    if read_only {
        return Err(Problem::new(Exit::Denied, format!("the profile {} is read-only", args.target)));
    }
    let source = Source::open(args)?;
    let message = message(args);
    let trace = args.trace.open()?;
    until_signal(move |stop| async move {
        let mut link = Link::open(options, trace.as_ref())?;
        let ended = publish(&mut link, source, message, &stop).await;
        link.close().await;
        ended
    })
}

/// Makes the message of the arguments, without its payload.
fn message(args: &PubArgs) -> Message {
    let properties = args.properties.to_properties();
    Message {
        topic: args.topic.as_str().into(),
        qos: args.qos,
        retain: args.retain,
        properties: (!properties.is_empty()).then(|| Box::new(properties)),
        ..Message::default()
    }
}

impl PublishPropertyArgs {
    /// Returns the first option given that only MQTT 5 can carry.
    fn needs_v5(&self) -> Option<&'static str> {
        let given = [
            (self.content_type.is_some(), "--content-type"),
            (self.response_topic.is_some(), "--response-topic"),
            (self.correlation_data.is_some(), "--correlation-data"),
            (self.message_expiry.is_some(), "--message-expiry"),
            (self.payload_format.is_some(), "--payload-format"),
            (self.topic_alias.is_some(), "--topic-alias"),
            (!self.user_properties.is_empty(), "--user-property"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    fn to_properties(&self) -> Properties {
        Properties {
            payload_format: self.payload_format,
            message_expiry: self.message_expiry,
            topic_alias: self.topic_alias,
            response_topic: self.response_topic.clone(),
            correlation_data: self.correlation_data.clone().map(Bytes::from),
            user_properties: self.user_properties.clone(),
            content_type: self.content_type.clone(),
            ..Properties::default()
        }
    }
}

/// Where the payloads come from.
enum Source {
    /// One payload, so many times more, with a pause in between.
    Same { payload: Bytes, left: u64, interval: Duration, started: bool },
    /// Each line of standard input.
    Lines { input: BufReader<Stdin>, interval: Duration, started: bool },
}

impl Source {
    /// Reads the payload, unless it comes line by line.
    fn open(args: &PubArgs) -> Result<Self, Problem> {
        let interval = args.interval.unwrap_or_default();
        if args.lines {
            return Ok(Self::Lines { input: BufReader::with_capacity(64 << 10, tokio::io::stdin()), interval, started: false });
        }
        let payload = if let Some(text) = &args.payload {
            Bytes::from(text.clone())
        } else if let Some(path) = &args.file {
            let name = safe(&path.to_string_lossy());
            let file = File::open(path).map_err(|error| Problem::new(Exit::Other, format!("open {name}: {error}")))?;
            read(file, &name.to_string())?
        } else {
            if io::stdin().is_terminal() {
                note("reading the payload from the terminal; end it with Ctrl-D");
            }
            read(io::stdin().lock(), "standard input")?
        };
        let left = args.repeat.map_or(1, NonZeroU64::get);
        Ok(Self::Same { payload, left, interval, started: false })
    }

    /// Returns the next payload, when its time has come.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        match self {
            Self::Same { left: 0, .. } => Ok(None),
            Self::Same { payload, left, interval, started } => {
                pause(*interval, started).await;
                *left -= 1;
                Ok(Some(payload.clone()))
            }
            Self::Lines { input, interval, started } => {
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

fn too_large(name: &str) -> Problem {
    Problem::new(Exit::Other, format!("{name} is larger than MQTT can carry (256 MiB)"))
}

/// Publishes everything and returns when all of it has come to its end, good or bad.
async fn publish(link: &mut Link, source: Source, message: Message, stop: &CancellationToken) -> Result<Exit, Problem> {
    let topic = message.topic.clone();
    let window = Semaphore::new(WINDOW as usize);
    let mut tally = Tally::default();
    let online = link.news.online();
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        broken = settle(&mut link.news, &window, &mut tally) => broken,
        fed = feed(&link.session, online, source, message, &window) => fed,
    };
    tally.verdict(&topic).and(ended).map(|()| Exit::Done)
}

/// Hands on every message while there is a connection, and ends when the last one is settled.
async fn feed(
    session: &Session,
    mut online: watch::Receiver<bool>,
    mut source: Source,
    message: Message,
    window: &Semaphore,
) -> Result<(), Problem> {
    let mut token = 0;
    while let Some(payload) = source.next().await? {
        window.acquire().await.expect("the semaphore is never closed").forget();
        // Without a sender the link is being closed, and this future with it.
        let _ = online.wait_for(|up| *up).await;
        let command = Command::Publish { token: Token(token), message: Message { payload, ..message.clone() } };
        session.send(command).await.map_err(|failure| Problem::of(&message.topic, &failure))?;
        token += 1;
    }
    let _all = window.acquire_many(WINDOW).await.expect("the semaphore is never closed");
    Ok(())
}

/// Counts what has come to its end, and makes room for as many; ends only when the connection is given up.
async fn settle(news: &mut News, window: &Semaphore, tally: &mut Tally) -> Result<(), Problem> {
    loop {
        if let Event::Settled { token: _, outcome } = news.next().await? {
            tally.count(outcome.err());
            window.add_permits(1);
        }
    }
}

/// What became of the messages.
#[derive(Debug, Default)]
struct Tally {
    settled: u64,
    failed: u64,
    first: Option<Failure>,
}

impl Tally {
    fn count(&mut self, failure: Option<Failure>) {
        self.settled += 1;
        if let Some(failure) = failure {
            self.failed += 1;
            self.first.get_or_insert(failure);
        }
    }

    fn verdict(self, topic: &str) -> Result<(), Problem> {
        let Some(failure) = self.first else { return Ok(()) };
        let what = if self.settled == 1 {
            format!("publish to {topic}")
        } else {
            format!("publish to {topic}: {} of {} messages failed", human::count(self.failed), human::count(self.settled))
        };
        Err(Problem::of(&what, &failure))
    }
}
