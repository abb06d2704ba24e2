//! Options of `sub`, `pub` and `doctor` that scripts rely on: ends, limits, traces, sessions.

use std::time::{Duration, Instant};

use rstest::rstest;

use crate::{
    common::{
        mosquitto::{Config, Mosquitto},
        scripted::{CONNACK_V5, Scripted, Step},
    },
    mqtap, printed,
    running::Running,
};

fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[rstest]
#[case("3.1.1")]
#[case("5")]
fn retained_only_ends_with_0_when_all_of_it_has_come(#[case] protocol: &str) {
    let broker = Mosquitto::start();
    let url = &broker.url();
    for n in 0..50 {
        broker.publish(&format!("t/{n}"), "x", &["--retain"]);
    }
    let began = Instant::now();
    let lines = printed(&["sub", url, "t/#", "$SYS/none", "--retained-only", "-V", protocol]);
    assert_eq!(lines.lines().count(), 50);
    if protocol == "5" {
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert_eq!(printed(&["sub", url, "nothing/#", "--retained-only", "-V", protocol]), "");
    assert_eq!(printed(&["sub", url, "t/#", "--retained-only", "-q", "1", "-V", protocol]).lines().count(), 50);
}

#[test]
fn retained_only_ends_at_the_first_live_message_of_mosquitto() {
    let broker = Mosquitto::start();
    broker.publish("t/old", "1", &["--retain"]);
    let reader = Running::mqtap(&["sub", &broker.url(), "t/#", "--retained-only"]);
    assert_eq!(reader.line(), "t/old 1");
    broker.publish("t/live", "2", &[]);
    assert_eq!(reader.rest(), [""; 0]);
    assert_eq!(reader.end(), (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_sends_retained_messages_late_is_waited_for() {
    // PUBLISH with RETAIN to t, and one without.
    let (old, live) = (b"\x31\x04\0\x01t\0".to_vec(), b"\x30\x04\0\x01t\0".to_vec());
    let pong = Step::Answer(std::sync::Arc::new(|_| vec![0xd0, 0]));
    let script = vec![
        Step::Read,
        Step::Send(CONNACK_V5.to_vec()),
        Step::Read,
        Step::Send(vec![0x90, 4, 0, 1, 0, 0]),
        pong,
        Step::Send(live),
        Step::Pause(Duration::from_secs(1)),
        Step::Send(old),
        Step::Serve,
    ];
    let broker = Scripted::start(vec![script]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    assert_eq!(printed(&["sub", &url, "t", "--retained-only"]), "t \n");
}

#[test]
fn a_count_of_0_makes_the_session_and_leaves() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let kept = ["sub", url, "q/#", "-q", "1", "-i", "k", "--clean-start", "false", "-x", "1h"];
    mqtap(&[&kept[..], &["-n", "0"]].concat()).assert().success().stdout("").stderr("");
    broker.publish("q/a", "queued", &[]);
    assert_eq!(printed(&[&kept[..], &["-n", "1"]].concat()), "q/a queued\n");
    let refusing = Config::default().only_subscribe_to("open/#").start();
    mqtap(&["sub", &refusing.url(), "closed/#", "-n", "0"]).assert().code(5);
}

#[test]
fn topics_that_are_excluded_are_neither_printed_nor_counted() {
    let broker = Mosquitto::start();
    for topic in ["t/a", "t/b/x", "t/c"] {
        broker.publish(topic, "1", &["--retain"]);
    }
    let lines = printed(&["sub", &broker.url(), "t/#", "-T", "t/b/#", "--exclude", "t/+/y", "-n", "2"]);
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["t/a 1", "t/c 1"]);
}

#[test]
fn a_nul_or_nothing_stands_between_messages() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    broker.publish("t", "a\nb", &["--retain"]);
    let one = ["sub", url, "t", "-n", "1", "--format", "payload", "--separator"];
    assert_eq!(printed(&[&one[..], &["nul"]].concat()), "a\nb\0");
    assert_eq!(printed(&[&one[..], &["none"]].concat()), "a\nb");
}

#[test]
fn a_time_is_local_where_that_is_asked_for() {
    let broker = Mosquitto::start();
    broker.publish("t", "x", &["--retain"]);
    let mut sub = mqtap(&["sub", &broker.url(), "t", "-n", "1", "--time", "%:z"]);
    sub.env("TZ", "IST-5:30").assert().success().stdout("+05:30 t x\n");
}

#[test]
fn no_message_in_the_time_is_said() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let said = stderr(&mqtap(&["sub", url, "t", "-W", "300ms"]).assert().code(27).stdout(""));
    assert!(said.starts_with("mqtap: no message came in that time\n"), "{said}");
    mqtap(&["sub", url, "t", "-W", "300ms", "--quiet"]).assert().code(27).stdout("").stderr("");
    let said = stderr(&mqtap(&["sub", url, "t", "-n", "1", "-W", "300ms"]).assert().code(27));
    assert_eq!(said, "mqtap: the time ran out with 1 more message to come\n");
}

#[test]
fn a_lost_connection_ends_it_with_3_where_none_is_to_be_made_again() {
    let mut broker = Mosquitto::start();
    broker.publish("t", "x", &["--retain"]);
    let reader = Running::mqtap(&["sub", &broker.url(), "t", "--no-reconnect"]);
    assert_eq!(reader.line(), "t x");
    broker.kill();
    let (code, said) = reader.end();
    assert_eq!(code, Some(3), "{said}");
    assert!(!said.contains("trying again"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_down_is_3_without_a_reconnect() {
    let shutting_down = vec![0xe0, 1, 0x8b];
    let script = vec![
        Step::Read,
        Step::Send(CONNACK_V5.to_vec()),
        Step::Read,
        Step::Send(vec![0x90, 4, 0, 1, 0, 0]),
        Step::Pause(Duration::from_millis(100)),
        Step::Send(shutting_down),
    ];
    let broker = Scripted::start(vec![script]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let said = stderr(&mqtap(&["sub", &url, "t", "--no-reconnect"]).assert().code(3));
    assert!(said.contains("Server shutting down (0x8B)"), "{said}");
}

#[test]
fn quiet_says_nothing_of_a_connection_that_is_made_again() {
    let mut broker = Mosquitto::start();
    broker.publish("t/ready", "1", &["--retain"]);
    let mut reader = Running::mqtap(&["sub", &broker.url(), "t/#", "-n", "2", "--quiet"]);
    assert_eq!(reader.line(), "t/ready 1");
    broker.restart();
    while !reader.has_ended() {
        broker.publish("t/after", "2", &[]);
    }
    assert_eq!(reader.end(), (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_nobody_acknowledges_ends_with_27_and_a_count() {
    let mute = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore]]).await;
    let url = format!("mqtt://127.0.0.1:{}", mute.port);
    let said = stderr(&mqtap(&["pub", &url, "t", "x", "-q", "1", "-W", "300ms"]).assert().code(27));
    assert!(said.contains("within 300ms; 0 of 1 message acknowledged"), "{said}");
    let mut lines = mqtap(&["pub", &url, "t", "--lines", "-q", "1", "-W", "300ms"]);
    let said = stderr(&lines.write_stdin("1\n2\n3\n").assert().code(27));
    assert!(said.contains("; 0 of 3 messages acknowledged"), "{said}");
}

#[test]
fn a_publish_whose_broker_never_returns_ends_with_27() {
    let mut broker = Mosquitto::start();
    let url = broker.url();
    let mut publisher = Running::mqtap(&["pub", &url, "t", "--lines", "-r", "-W", "500ms"]);
    publisher.write("1\n");
    mqtap(&["get", &url, "t"]).assert().success().stdout("1");
    broker.kill();
    publisher.write("2\n3\n");
    let (code, said) = publisher.end();
    assert_eq!(code, Some(27), "{said}");
    assert!(said.contains("not connected again yet") && said.contains(" messages sent"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_ends_with_its_connection_promises_no_other_try() {
    let script = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read];
    let broker = Scripted::start(vec![script]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let publish = mqtap(&["pub", &url, "t", "x", "-q", "1"]).assert().failure();
    assert!(!stderr(&publish).contains("trying again"), "{}", stderr(&publish));
}

#[rstest]
#[case::no_expiry(&["-i", "k", "--clean-start", "false"], "unless -x")]
#[case::random(&["--clean-start", "false", "-x", "1h"], "each run has another Client Identifier")]
#[case::random_clean(&["-x", "1h"], "each run has another Client Identifier")]
#[case::random_311(&["--clean-start", "false", "-V", "3.1.1"], "each run has another Client Identifier")]
#[case::own(&["-i", "k", "--clean-start", "false", "-x", "1h"], "")]
#[case::own_311(&["-i", "k", "--clean-start", "false", "-V", "3.1.1"], "")]
#[case::will(&["-x", "1h", "--will-topic", "w", "--will-delay", "5"], "")]
#[case::none(&[], "")]
fn a_session_that_cannot_be_of_use_is_warned_of(#[case] given: &[&str], #[case] part: &str) {
    let broker = Mosquitto::start();
    let said = stderr(&mqtap(&[&["sub", &broker.url(), "t", "-n", "0"], given].concat()).assert().success());
    assert!(if part.is_empty() { said.is_empty() } else { said.contains(part) }, "{said}");
    if !given.contains(&"-i") {
        return;
    }
    let doctor = mqtap(&[&["doctor", &broker.url(), "t"], given].concat()).assert().success();
    let report = String::from_utf8_lossy(&doctor.get_output().stdout).into_owned();
    assert_eq!(report.contains("! session "), !part.is_empty(), "{report}");
}

#[test]
fn a_dash_is_standard_input_and_standard_error() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let mut publish = mqtap(&["pub", url, "t", "--file", "-", "-r", "-q", "1", "--trace", "-"]);
    let said = stderr(&publish.write_stdin(&b"a\0\xff\n"[..]).assert().success().stdout(""));
    assert!(said.contains(" -> CONNECT ") && said.contains(" <- PUBACK "), "{said}");
    mqtap(&["get", url, "t"]).assert().success().stdout(&b"a\0\xff\n"[..]);
}

#[test]
fn the_doctor_traces_its_packets() {
    let broker = Mosquitto::start();
    let said = stderr(&mqtap(&["doctor", &broker.url(), "t", "--trace", "-"]).assert().success());
    for packet in [" -> CONNECT ", " <- SUBACK ", " -> PINGREQ ", " -> DISCONNECT "] {
        assert!(said.contains(packet), "{packet}: {said}");
    }
}
