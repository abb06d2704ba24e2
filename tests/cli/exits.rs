//! How a verb ends: exit codes, the sentence on standard error, signals, pipes that close or get stuck.

use std::{
    fs::File,
    io::Read,
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rstest::rstest;
use rustix::process::Signal;

use crate::{
    common::{
        PATIENCE,
        mosquitto::{Config, Mosquitto},
        scripted::{CONNACK_V5, Scripted, Step},
    },
    mqtap,
    running::{Running, command},
};

/// Runs a verb that must end with a code, and returns what it said.
fn said(arguments: &[&str], code: i32) -> String {
    let assert = mqtap(arguments).assert().code(code).stdout("");
    String::from_utf8(assert.get_output().stderr.clone()).expect("UTF-8")
}

#[test]
fn a_broker_that_is_not_there_is_code_3_and_said_once() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let url = format!("mqtt://127.0.0.1:{port}");
    for arguments in [&["sub", &url, "t"][..], &["pub", &url, "t", "x"], &["get", &url, "t"]] {
        let said = said(arguments, 3);
        assert!(said.starts_with("mqtap: ") && said.contains("refused") && said.lines().count() <= 2, "{said}");
    }
}

#[test]
fn a_wrong_password_is_code_4() {
    let broker = Config::default().user("ops", "right").start();
    for protocol in ["3.1.1", "5"] {
        let arguments = ["sub", &broker.url(), "t", "-u", "ops", "--password-env", "MQTAP_PASSWORD", "-V", protocol];
        let assert = mqtap(&arguments).env("MQTAP_PASSWORD", "wrong").assert().code(4).stdout("");
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains("refused the connection"), "{said}");
        let mut get = mqtap(&["get", &broker.url(), "t", "-W", "300ms", "-u", "ops", "--password-env", "MQTAP_PASSWORD"]);
        get.env("MQTAP_PASSWORD", "right").assert().code(27);
    }
}

#[tokio::test]
async fn a_filter_that_is_refused_is_code_5() {
    let suback = |code: u8| {
        vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read, Step::Send(vec![0x90, 4, 0, 1, 0, code]), Step::Ignore]
    };
    let broker = Scripted::start(vec![suback(0x87)]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    for arguments in [vec!["sub", &url, "t/#"], vec!["get", &url, "t/#"]] {
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let said = tokio::task::spawn_blocking(move || said(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 5));
        let said = said.await.expect("the verb ended as it should");
        assert!(said.starts_with("mqtap: subscribe to t/#: Not authorized (0x87)\n  hint: "), "{said}");
    }
}

#[test]
fn a_publish_that_is_refused_is_code_5() {
    let broker = Config::default().acl("topic readwrite open/#\n").start();
    let url = &broker.url();
    let one = said(&["pub", url, "closed/x", "1", "-q", "1"], 5);
    assert!(one.starts_with("mqtap: publish to closed/x: Not authorized (0x87)\n"), "{one}");
    let assert = mqtap(&["pub", url, "closed/x", "--lines", "-q", "1"]).write_stdin("1\n2\n3\n").assert().code(5);
    let many = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let lines: Vec<&str> = many.lines().take(2).collect();
    let [first, all] =
        ["", "3 of 3 messages failed: "].map(|count| format!("mqtap: publish to closed/x: {count}Not authorized (0x87)"));
    assert_eq!(lines, [first, all]);
    mqtap(&["pub", url, "open/x", "1", "-q", "1"]).assert().success();
}

#[test]
fn a_refusal_is_said_while_more_may_come_and_again_after_a_signal() {
    let broker = Config::default().acl("topic readwrite open/#\n").start();
    let mut both = Command::new("bash");
    both.args(["-c", "exec \"$0\" pub \"$1\" closed/x --lines -q 1 2>&1", env!("CARGO_BIN_EXE_mqtap"), &broker.url()]);
    let mut publisher = Running::start(&mut both);
    publisher.write("1\n2\n");
    assert_eq!(publisher.line(), "mqtap: publish to closed/x: Not authorized (0x87)");
    publisher.signal(Signal::INT);
    assert!(publisher.line().ends_with("messages failed: Not authorized (0x87)"));
    assert_eq!(publisher.end().0, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_runs_out_without_a_connection_is_told_as_that() {
    let mute = Scripted::start(vec![vec![Step::Ignore]]).await;
    let url = format!("mqtt://127.0.0.1:{}", mute.port);
    let said = |arguments: &[&str], code| {
        let arguments = [&arguments[..1], &[&url, "t"], &arguments[1..]].concat();
        said(&arguments, code)
    };
    for verb in ["get", "sub"] {
        let impatient = said(&[verb, "-W", "300ms"], 27);
        let expected = format!("mqtap: 127.0.0.1:{}: not connected yet after 300ms (CONNECT)\n", mute.port);
        assert!(impatient.starts_with(&expected), "{impatient}");
    }
    let patient = said(&["get", "-W", "300ms", "--connect-timeout", "300ms"], 3);
    assert!(!patient.contains("is the topic right"), "{patient}");
}

#[test]
fn what_nobody_can_connect_with_is_wrong_usage() {
    let broker = Mosquitto::start();
    let url = broker.url();
    for verb in [&["sub", "t"][..], &["get", "t"], &["pub", "t", "x"], &["doctor"]] {
        let bad = ["-V", "3.1.1", "--password-env", "MQTAP_PASSWORD"];
        let arguments = [&verb[..1], &[&url], &verb[1..], &bad[..]].concat();
        let assert = mqtap(&arguments).env("MQTAP_PASSWORD", "x").assert().code(2);
        let output = assert.get_output();
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        assert!(said.contains("no password without a user name"), "{said}");
    }
}

#[rstest]
#[case::wildcard(&["pub", "mqtt://h", "a/+", "x"], "cannot hold the wildcard `+`")]
#[case::filter(&["sub", "mqtt://h", "a/#/b"], "`#` stands alone")]
#[case::no_filter(&["sub", "mqtt://h"], "nothing to subscribe to")]
#[case::format(&["sub", "mqtt://h", "a", "--format", "{tpoic}"], "the fields are time, topic")]
#[case::duration(&["sub", "mqtt://h", "a", "-W", "soon"], "is not a duration")]
#[case::qos(&["sub", "mqtt://h", "a", "-q", "3"], "possible values: 0, 1, 2")]
#[case::scheme(&["sub", "http://h", "a"], "is not a scheme")]
#[case::tls(&["sub", "mqtt://h", "a", "--ca-file", "x"], "has no TLS")]
#[case::publish_property(&["pub", "mqtt://h", "a", "x", "-V", "3.1.1", "--content-type", "t"], "--content-type needs MQTT 5")]
#[case::subscribe_option(&["sub", "mqtt://h", "a", "-V", "3.1.1", "--no-local"], "--no-local needs MQTT 5")]
#[case::connect_option(&["get", "mqtt://h", "a", "-V", "3.1.1", "-x", "1h"], "--session-expiry needs MQTT 5")]
#[case::profile(&["sub", "plnt", "a"], "there is no profile `plnt`")]
#[case::both_on_stdin(&["pub", "mqtt://h", "a", "--password-file", "-"], "both the password and the payload")]
#[case::password_variable(&["sub", "mqtt://h", "a", "--password-env", "MQTAP_PASSWORD"], "MQTAP_PASSWORD")]
#[case::verb(&["man", "publish"], "the verbs are sub, pub, get")]
fn wrong_usage_is_code_2_and_says_what_is_right(#[case] arguments: &[&str], #[case] part: &str) {
    let said = said(arguments, 2);
    assert!(said.contains(part), "{said}");
}

#[rstest]
#[case(Signal::HUP, 129)]
#[case(Signal::INT, 130)]
#[case(Signal::TERM, 143)]
fn a_signal_ends_it_with_its_code_and_without_the_will(#[case] signal: Signal, #[case] code: i32) {
    let broker = Mosquitto::start();
    let url = &broker.url();
    broker.publish("w/ready", "yes", &["--retain"]);
    let witness = Running::mqtap(&["sub", url, "w/#"]);
    assert_eq!(witness.line(), "w/ready yes");
    let will = ["sub", url, "w/ready", "--will-topic", "w/will", "--will-payload", "gone"];

    let polite = Running::mqtap(&will);
    assert_eq!(polite.line(), "w/ready yes");
    polite.signal(signal);
    let (ended, said) = polite.end();
    assert_eq!((ended, said.as_str()), (Some(code), ""));
    broker.publish("w/marker", "1", &[]);
    assert_eq!(witness.line(), "w/marker 1");

    // A client that cannot say goodbye leaves its will, so the witness would have seen it.
    let killed = Running::mqtap(&will);
    assert_eq!(killed.line(), "w/ready yes");
    killed.signal(Signal::KILL);
    assert_eq!(witness.line(), "w/will gone");
}

#[test]
fn a_hangup_that_is_ignored_on_purpose_stays_ignored() {
    let broker = Mosquitto::start();
    broker.publish("t/a", "1", &["--retain"]);
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" sub \"$1\" 't/#' -n 2", env!("CARGO_BIN_EXE_mqtap"), &broker.url()]);
    let reader = Running::start(&mut nohup);
    assert_eq!(reader.line(), "t/a 1");
    reader.signal(Signal::HUP);
    broker.publish("t/b", "2", &[]);
    assert_eq!(reader.line(), "t/b 2");
    assert_eq!(reader.end().0, Some(0));
}

#[test]
fn a_reader_that_goes_ends_it_quietly_also_when_nothing_more_comes() {
    let broker = Mosquitto::start();
    broker.publish("t/a", "1", &["--retain"]);
    let mut pipe = Command::new("bash");
    pipe.args(["-c", "set -o pipefail; \"$0\" sub \"$1\" 't/#' | head -1", env!("CARGO_BIN_EXE_mqtap"), &broker.url()]);
    let reader = Running::start(&mut pipe);
    assert_eq!(reader.rest(), ["t/a 1"]);
    assert_eq!(reader.end(), (Some(0), String::new()));
}

#[test]
fn a_full_disk_is_an_error() {
    let broker = Mosquitto::start();
    broker.publish("t/a", "1", &["--retain"]);
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let output = command(&["sub", &broker.url(), "t/#"]).stdout(full).stderr(Stdio::piped()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("mqtap: write to standard output: No space left"), "{said}");
}

#[test]
fn a_pipe_that_nobody_reads_does_not_keep_it_from_ending() {
    let broker = Mosquitto::start();
    let retain = ["pub", &broker.url(), "t/a", "-r", "-q", "1"];
    mqtap(&retain).write_stdin("x".repeat(1 << 20)).assert().success();
    let mut child = command(&["sub", &broker.url(), "t/#"]).stdout(Stdio::piped()).spawn().expect("it runs");
    // The first bytes show that it writes; the rest does not fit into the pipe, so it is stuck.
    child.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 8]).expect("the first bytes");
    let began = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).expect("it runs");
    while child.try_wait().expect("its state").is_none() {
        assert!(began.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.wait().expect("it has ended").code(), Some(143));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
