//! The log tells what happened to a connection, and nothing that is nobody's business.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    common::{
        mosquitto::Config,
        scripted::{Scripted, Step},
    },
    mqtap,
};

const PASSWORD: &str = "CANARY-password";
const PAYLOAD: &str = "CANARY-payload";

#[test]
fn a_connection_is_logged_without_passwords_and_payloads() {
    let broker = Config::default().user("ops", PASSWORD).start();
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    let connect = ["-u", "ops", "--password-env", "SECRET"];
    let url = &broker.url();
    for arguments in [&["pub", url, "t/x", PAYLOAD, "-r", "-q", "1"][..], &["get", url, "t/x"]] {
        let arguments = [arguments, &connect].concat();
        mqtap(&arguments).env("MQTAP_STATE_DIR", &state).env("MQTAP_LOG", "trace").env("SECRET", PASSWORD).assert().success();
    }
    let file = state.join("mqtap.log");
    let log = fs::read_to_string(&file).expect("a log");
    assert_eq!(log.matches(&format!("session{{broker={url}}}: mqtap::mqtt::session: connected")).count(), 2, "{log}");
    assert!(!log.contains("CANARY"), "{log}");
    let mode = |path| fs::metadata(path).expect("it exists").permissions().mode() & 0o7777;
    assert_eq!((mode(&file), mode(&state)), (0o600, 0o700));
}

#[tokio::test]
async fn what_a_broker_says_is_one_harmless_line() {
    // CONNACK of MQTT 5 that refuses, with a Reason String.
    let reason = b"CANARY\x1b[31m\n2026-11-20T12:00:00Z  INFO forged\xc2\x9b";
    let length = u8::try_from(reason.len()).expect("short");
    let connack = [&[0x20, length + 6, 0, 0x87, length + 3, 0x1f, 0, length][..], reason].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack), Step::Ignore]]).await;
    let dir = tempfile::tempdir().expect("a directory");
    let (state, url) = (dir.path().to_owned(), format!("mqtt://127.0.0.1:{}", broker.port));
    let get = move || mqtap(&["get", &url, "t"]).env("MQTAP_STATE_DIR", state).assert().code(4);
    tokio::task::spawn_blocking(get).await.expect("the verb ended as it should");
    let log = fs::read_to_string(dir.path().join("mqtap.log")).expect("a log");
    assert!(log.contains("CANARY") && !log.chars().any(|c| c.is_control() && c != '\n'), "{log:?}");
    assert!(!log.lines().any(|line| line.ends_with("forged") || line.starts_with("2026-11-20T12:00:00Z")), "{log}");
}

#[test]
fn a_verb_works_where_no_log_can_be_written() {
    let broker = Config::default().start();
    let publish = ["pub", &broker.url(), "t/x", "a"];
    mqtap(&publish).env("MQTAP_STATE_DIR", "/dev/null/state").assert().success().stderr("");
    let asked = mqtap(&publish).env("MQTAP_STATE_DIR", "/dev/null/state").env("MQTAP_LOG", "debug").assert().success();
    let stderr = String::from_utf8_lossy(&asked.get_output().stderr).into_owned();
    assert_eq!(stderr, "mqtap: the log /dev/null/state/mqtap.log cannot be written: not a directory\n");
}

#[test]
fn a_verb_that_does_not_connect_leaves_no_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    mqtap(&["completions", "bash"]).env("MQTAP_STATE_DIR", &state).assert().success();
    assert!(!state.exists());
}
