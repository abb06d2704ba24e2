//! What is wrong from the outside: said on the screen, or on stderr where there can be no screen.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rstest::rstest;
use socket2::{Domain, Socket, Type};

use crate::{
    common::{
        mosquitto::{Config, Mosquitto},
        peer::{self, Subscriber},
        pty::{Pty, Setup},
    },
    plant, watching,
};

#[test]
fn a_broker_that_is_killed_and_started_again_is_found_without_a_key() {
    let mut broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    peer::publish(broker.port, "before", b"the first");
    pty.wait_for("the first");
    broker.kill();
    pty.wait_for("offline since");
    pty.wait_for(" in 1 s");
    broker.restart();
    pty.wait_for("online since");
    let mut subscriber = Subscriber::start(broker.port);
    peer::publish(broker.port, "after", b"the second");
    subscriber.wait_for("after the second");
    pty.wait_for("the second");
    assert!(pty.shows("the first"), "what was received before is gone");
}

#[test]
fn a_broker_that_is_not_there_is_named_with_the_cause() {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port();
    let mut pty = Setup::new().args(&[&format!("mqtt://127.0.0.1:{port}"), "#"]).start();
    pty.wait_for("refused");
    pty.wait_for(&format!("127.0.0.1:{port}"));
    pty.wait_for("tries at once");
}

#[test]
fn a_wrong_password_is_said_and_not_tried_again() {
    let broker = Config::default().user("ops", "right").line("log_type all").start();
    let lines = "username = \"ops\"\npassword = \"wrong\"\nprotocol = \"3.1.1\"";
    let mut pty = Setup::new().profiles(&plant(broker.port, lines)).args(&["plant"]).start();
    pty.wait_for("ot authorized");
    pty.wait_for("Log in to plant");
    let seen = Instant::now();
    // The first try after a failure that passes would come within half a second.
    pty.wait_until("a second to pass", |_| seen.elapsed() > Duration::from_secs(1));
    assert_eq!(broker.log_text().matches("New client connected").count(), 0);
    assert_eq!(broker.log_text().matches("Sending CONNACK to").count(), 1, "{}", broker.log_text());
    // On the screen the word is said of the password; in the log it would be the password.
    pty.send("right\r");
    pty.wait_for("online since");
    let shown = pty.contents();
    assert!(!shown.contains("right"), "the password is on the screen: {shown}");
}

#[rstest]
#[case::dumb(Setup::new().env("TERM", "dumb"), "TERM is `dumb`")]
#[case::unset(Setup::new().without("TERM"), "TERM is not set")]
#[case::output(Setup::shell("\"$MQTAP\" >/dev/null"), "the output is not a terminal")]
#[case::input(Setup::shell("\"$MQTAP\" </dev/null"), "the input is not a terminal")]
fn without_a_terminal_it_names_the_verb_that_needs_none(#[case] setup: Setup, #[case] why: &str) {
    let mut pty = setup.size(200, 24).start();
    assert_eq!(pty.ends(Duration::from_secs(2)), 2);
    assert!(pty.shows(why) && pty.shows("`mqtap sub"), "{}", pty.contents());
    pty.assert_restored();
    assert!(!pty.log().contains(&0x1b), "escape sequences for no terminal");
}

#[test]
fn an_unknown_theme_is_refused_with_those_there_are() {
    let mut pty = Setup::new().size(300, 24).args(&["--theme", "nope"]).start();
    assert_eq!(pty.ends(Duration::from_secs(2)), 2);
    assert!(pty.shows("no theme `nope`") && pty.shows("mqtap-light"), "{}", pty.contents());
    pty.assert_restored();
}

#[test]
fn the_first_frame_waits_for_no_connection() {
    let (listener, _waiting) = full_listener();
    let port = listener.local_addr().expect("an address").as_socket().expect("of IP").port();
    let mut pty = Setup::new().args(&[&format!("mqtt://127.0.0.1:{port}"), "#"]).start();
    pty.wait_for("connecting: TCP");
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

/// Returns a listener whose queue is full, so that a connection to it never comes about.
fn full_listener() -> (Socket, Vec<TcpStream>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(0).expect("it listens");
    let address = listener.local_addr().expect("an address").as_socket().expect("of IP");
    let mut waiting = Vec::new();
    while let Ok(connection) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(connection);
    }
    (listener, waiting)
}

#[test]
fn a_key_that_is_pressed_before_the_first_frame_counts() {
    let mut pty = Setup::new().start();
    pty.send("?");
    pty.wait_for("Keys ━");
}

#[rstest]
#[case::bell("\x07")]
#[case::string_terminator("\x1b\\")]
fn a_light_background_brings_the_light_theme_and_presses_no_key(#[case] end: &str) {
    let mut pty = Setup::new().start();
    pty.wait_until("the question", |pty| pty.wrote_since(0, b"\x1b]11;?"));
    pty.send(&format!("\x1b]11;rgb:fdfd/f6f6/e3e3{end}"));
    pty.send("T");
    pty.wait_for("› mqtap-light");
}

#[test]
fn a_cut_escape_sequence_holds_nothing_up() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    pty.send("\x1b[");
    peer::publish(broker.port, "after/the/cut", b"still drawn");
    pty.wait_for("still drawn");
    pty.signal(rustix::process::Signal::TERM);
    assert_eq!(pty.ends(Duration::from_secs(2)), 143);
    pty.assert_restored();
}

#[test]
fn the_last_copy_reaches_the_clipboard_in_the_middle_of_a_flood() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    peer::publish(broker.port, "a/topic", b"x");
    pty.wait_for("▼ a");
    let port = broker.port;
    let flood = thread::spawn(move || peer::publish_lines(port, "flood", &"a line of the flood\n".repeat(20_000)));
    pty.send("2yt");
    pty.wait_until("OSC 52", |pty: &mut Pty| pty.wrote_since(0, b"\x1b]52;c;"));
    flood.join().expect("published");
}
