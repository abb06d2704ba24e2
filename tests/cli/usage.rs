//! What is typed wrongly never ends with 0, and says what is right.

use std::process::Command;

use rstest::rstest;

use crate::{common::mosquitto::Mosquitto, mqtap, printed};

/// Runs a command line that is wrong usage, and returns what it said.
fn said(arguments: &[&str]) -> String {
    let assert = mqtap(arguments).assert().code(2).stdout("");
    String::from_utf8(assert.get_output().stderr.clone()).expect("UTF-8")
}

#[rstest]
#[case::sub(&["sub", "-h", "broker", "-p", "1883", "-t", "a/#", "-v"], "mqtap sub mqtt://broker:1883 'a/#'")]
#[case::publish(&["pub", "-h", "broker", "-t", "T", "-m", "X"], "mqtap pub mqtt://broker 'T' PAYLOAD")]
#[case::screen(&["-h", "broker"], "mqtap mqtt://broker 'a/#'")]
fn a_command_line_of_mosquitto_is_refused_with_its_url(#[case] arguments: &[&str], #[case] written: &str) {
    let said = said(arguments);
    assert!(said.starts_with(&format!("mqtap: the broker is a URL here: {written}\n")), "{said}");
}

#[rstest]
#[case(&["sub"])]
#[case(&["pub"])]
#[case(&["pub", "mqtt://h"])]
#[case(&["get", "mqtt://h"])]
#[case(&["profiles"])]
#[case(&["completions"])]
#[case(&["profiles", "show"])]
fn a_missing_operand_is_wrong_usage(#[case] arguments: &[&str]) {
    said(arguments);
}

#[rstest]
#[case::counterpart(&["sub", "mqtt://h", "a", "-C", "1"], "-n N ends after N messages")]
#[case::no_tip(&["sub", "mqtt://h", "a", "-z"], "unexpected argument '-z'")]
#[case::quotes(&["pub", "mqtt://h", "t", "{on:", "true}"], "quote the payload")]
#[case::topic(&["sub", "mqtt://h:1883/a/b"], "a topic or filter is a word of its own: mqtt://h:1883 'a/b'")]
#[case::verb(&["subscribe", "mqtt://h", "a"], "the verb is `sub`")]
#[case::doctor(&["doctor", "--trac"], "Usage: mqtap doctor [OPTIONS] [TARGET] [FILTER]...")]
#[case::time(&["sub", "mqtt://h", "a", "--format", "hex", "--time", "unix"], "this format has no time")]
fn the_sentence_says_what_is_right(#[case] arguments: &[&str], #[case] part: &str) {
    let said = said(arguments);
    assert!(said.contains(part) && !said.contains("-- -"), "{said}");
}

#[rstest]
#[case::stdin(&[], "standard input is empty")]
#[case::dash(&["--file", "-"], "standard input is empty")]
#[case::file(&["--file", "/dev/null"], "/dev/null is empty")]
fn an_empty_payload_that_was_forgotten_removes_nothing(#[case] source: &[&str], #[case] part: &str) {
    let broker = Mosquitto::start();
    let url = &broker.url();
    broker.publish("cfg/line", "kept", &["--retain"]);
    let said = said(&[&["pub", url, "cfg/line", "-r"], source].concat());
    assert!(said.contains(part) && said.contains("''"), "{said}");
    assert_eq!(printed(&["get", url, "cfg/line"]), "kept");
    mqtap(&["pub", url, "cfg/line", "", "-r", "-q", "1"]).assert().success().stderr("");
    mqtap(&["get", url, "cfg/line", "-W", "300ms"]).assert().code(27);
}

#[test]
fn an_empty_standard_input_is_said_where_nothing_is_retained() {
    let broker = Mosquitto::start();
    let publish = mqtap(&["pub", &broker.url(), "t", "-q", "1"]).write_stdin("").assert().success();
    let said = String::from_utf8_lossy(&publish.get_output().stderr).into_owned();
    assert!(said.contains("an empty message is published"), "{said}");
}

#[test]
fn an_empty_line_that_removes_what_is_retained_is_warned_of_once() {
    let broker = Mosquitto::start();
    let mut publish = mqtap(&["pub", &broker.url(), "t", "--lines", "-r", "-q", "1"]);
    let publish = publish.write_stdin("1\n\n\n").assert().success();
    let said = String::from_utf8_lossy(&publish.get_output().stderr).into_owned();
    assert_eq!(said.matches("an empty line of standard input removes").count(), 1, "{said}");
}

#[test]
fn a_topic_with_a_control_character_is_warned_of() {
    let broker = Mosquitto::start();
    let publish = mqtap(&["pub", &broker.url(), "a\nb", "x"]).assert();
    let said = String::from_utf8_lossy(&publish.get_output().stderr).into_owned();
    assert!(said.contains("the topic holds control characters"), "{said}");
}

#[test]
fn a_mounted_secret_that_others_can_read_is_taken_on_standard_input() {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    let broker = crate::common::mosquitto::Config::default().user("ops", "right").start();
    let url = &broker.url();
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("secret");
    fs::write(&path, "right\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("permissions");
    let path = path.to_str().expect("UTF-8");
    let said = said(&["pub", url, "t", "x", "-u", "ops", "--password-file", path]);
    assert!(said.contains("mode 0444"), "{said}");
    assert!(said.contains("--password-file - < ") && said.contains("--password-env VARIABLE"), "{said}");
    let script = "\"$0\" pub \"$1\" t x -q 1 -u ops --password-file - < \"$2\"";
    let taken = Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_mqtap"), url, path]).status();
    assert!(taken.expect("bash must be installed").success());
}
