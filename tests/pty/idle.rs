//! A connection on which nothing happens costs nothing.

use std::time::{Duration, Instant};

use mqtap::mqtt::{
    message::{Message, Qos},
    options::Protocol,
};

use crate::{
    common::{
        listener::{Listener, options},
        mosquitto::Config,
        process,
        pty::Setup,
    },
    plant,
};

const TOPICS: usize = 1_000;

/// How long after the last message nothing on the screen changes any more: rates have faded, notices are gone.
const FADED: Duration = Duration::from_secs(20);

/// How long nothing may happen then.
const QUIET: Duration = Duration::from_secs(5);

#[test]
fn nothing_is_written_and_no_time_is_used() {
    // With its default of 20 in flight, mosquitto 2.0 may stop to send from its queue.
    let broker = Config::default().line("max_queued_messages 0").line("max_inflight_messages 0").start();
    retain_topics(broker.port);
    let mut pty = Setup::new().size(160, 45).profiles(&plant(broker.port, "keep_alive = \"0\"")).args(&["plant"]).start();
    pty.wait_for("1,000 of 1,000 received");
    let mut last = (Instant::now(), pty.log().len());
    let start = Instant::now();
    while last.0.elapsed() < QUIET {
        pty.read(Duration::from_millis(50));
        if pty.log().len() > last.1 {
            assert!(start.elapsed() < FADED, "still something new on the screen:\n{}", pty.contents());
            last = (Instant::now(), pty.log().len());
        }
    }
    let ticks = process::ticks(pty.pid());
    let quiet = Instant::now();
    pty.wait_until("five quiet seconds", |_| quiet.elapsed() > QUIET);
    assert_eq!(pty.log().len(), last.1, "something was written");
    let used = process::ticks(pty.pid()) - ticks;
    assert!(used <= 2, "{used} ticks for nothing");
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
}

fn retain_topics(port: u16) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut listener = Listener::online(options(port, Protocol::V5, "retainer")).await;
        let mut last = None;
        for n in 0..TOPICS {
            let topic = format!("plant/hall{}/device{}", n % 10, n / 10);
            let payload = format!("{{\"n\":{n}}}").into();
            let message = Message { topic: topic.into(), payload, qos: Qos::AtLeastOnce, retain: true, ..Message::default() };
            last = Some(listener.send(message).await);
        }
        listener.settled(last.expect("some were sent")).await.expect("acknowledged");
        listener.close().await;
    });
}
