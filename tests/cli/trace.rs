//! `--trace FILE`: every control packet as a line.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    common::{
        mosquitto::{Config, Mosquitto},
        scripted::{Scripted, Step},
    },
    mqtap,
};

const CANARY: &str = "CANARY-77c1";

/// Returns the lines of a trace without their times.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a trace");
    assert!(!text.chars().any(|c| c != '\n' && mqtap::base::text::is_hostile(c)), "{text}");
    let after_time = |line: &str| {
        let (time, rest) = line.split_once(' ').expect("a time");
        assert!(time.len() == 27 && time.ends_with('Z'), "{line}");
        rest.to_owned()
    };
    text.lines().map(after_time).collect()
}

#[test]
fn a_publish_is_traced_from_connect_to_disconnect_without_its_password() {
    let broker = Config::default().user("ops", CANARY).start();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace");
    let file = path.to_str().expect("UTF-8");
    let url = &broker.url();
    let publish = ["pub", url, "t/x", "-q", "2", "-u", "ops", "--password-env", "MQTAP_PASSWORD", "-i", "me", "--trace", file];
    mqtap(&publish).env("MQTAP_PASSWORD", CANARY).write_stdin("a\u{1b}[2Jb").assert().success();
    assert_eq!(fs::metadata(&path).expect("it exists").permissions().mode() & 0o7777, 0o600);
    let lines = lines(&path);
    let starts = [
        "-> CONNECT ",
        "<- CONNACK ",
        "-- connected to 127.0.0.1:",
        "-> PUBLISH ",
        "<- PUBREC ",
        "-> PUBREL ",
        "<- PUBCOMP ",
        "-> DISCONNECT ",
        "-- closed",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{lines:#?}");
    }
    assert!(lines[0].contains("Client Identifier: me; User Name: ops; Password: ***"), "{lines:#?}");
    assert!(lines[3].contains("Topic Name: t/x") && lines[3].contains("a␛[2Jb"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains(CANARY)));
}

#[tokio::test]
async fn a_broker_that_closes_leaves_the_reason_in_the_last_line_and_no_try_that_never_comes() {
    let broker = Scripted::start(vec![vec![Step::Read]]).await;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace");
    let file = path.to_str().expect("UTF-8").to_owned();
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let sub = move || mqtap(&["sub", &url, "t", "-V", "3.1.1", "--trace", &file]).assert().code(3);
    tokio::task::spawn_blocking(sub).await.expect("it runs");
    let lines = lines(&path);
    assert_eq!(lines.last().map(String::as_str), Some("-- closed: the broker closed the connection during CONNECT"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("try ")), "{lines:#?}");
}

#[test]
fn traces_are_appended_and_qos_0_is_counted() {
    let broker = Mosquitto::start();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace");
    let file = path.to_str().expect("UTF-8");
    let url = &broker.url();
    mqtap(&["pub", url, "t/x", "kept", "-r", "--trace", file]).assert().success();
    mqtap(&["get", url, "t/x", "--trace", file]).assert().success().stdout("kept");
    let lines = lines(&path);
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("-> CONNECT "), count("<- SUBACK 6 bytes")), (2, 1), "{lines:#?}");
    assert_eq!((count("-> 1 PUBLISH with QoS 0, "), count("<- 1 PUBLISH with QoS 0, ")), (1, 1), "{lines:#?}");
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error_before_anything_is_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("none/trace");
    let trace = ["sub", "mqtt://127.0.0.1:1", "t", "--trace", path.to_str().expect("UTF-8")];
    let assert = mqtap(&trace).assert().code(1);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("/none/trace: No such file"), "{said}");
}

#[test]
fn a_full_disk_ends_the_trace_and_not_the_verb() {
    let broker = Mosquitto::start();
    let publish = ["pub", &broker.url(), "t/x", "y", "-q", "1", "--trace", "/dev/full"];
    let assert = mqtap(&publish).assert().success();
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert_eq!(said.matches("the trace ends").count(), 1, "{said}");
}
