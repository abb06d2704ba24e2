//! A password is seen by nobody but the broker.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    process::Command,
};

use crate::{
    common::mosquitto::{Config, Mosquitto},
    mqtap,
    running::{Running, command},
};

const CANARY: &str = "CANARY-3f9a";

fn broker() -> Mosquitto {
    let broker = Config::default().user("ops", CANARY).start();
    let publish = ["pub", &broker.url(), "t/ready", "yes", "-r", "-q", "1", "-u", "ops", "--password-env", "MQTAP_PASSWORD"];
    mqtap(&publish).env("MQTAP_PASSWORD", CANARY).assert().success();
    broker
}

#[test]
fn a_password_is_not_in_the_list_of_processes() {
    let broker = broker();
    let mut sub = command(&["sub", &broker.url(), "t/#", "-u", "ops", "--password-env", "MQTAP_PASSWORD"]);
    let reader = Running::start(sub.env("MQTAP_PASSWORD", CANARY));
    assert_eq!(reader.line(), "t/ready yes");
    let shown = fs::read(format!("/proc/{}/cmdline", reader.pid())).expect("the command line");
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("--password-env") && !shown.contains(CANARY), "{shown}");
}

#[test]
fn a_password_comes_from_a_file_a_pipe_or_standard_input() {
    let broker = broker();
    let url = &broker.url();
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), format!("{CANARY}\n")).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let get = ["get", url, "t/ready", "-u", "ops", "--password-file"];
    mqtap(&[&get[..], &[path]].concat()).assert().success().stdout("yes");
    mqtap(&[&get[..], &["-"]].concat()).write_stdin(format!("{CANARY}\n")).assert().success().stdout("yes");
    let mut bash = Command::new("bash");
    let script = "\"$0\" get \"$1\" t/ready -u ops --password-file <(printf %s \"$SECRET\")";
    bash.args(["-c", script, env!("CARGO_BIN_EXE_mqtap"), url]).env("SECRET", CANARY);
    let reader = Running::start(&mut bash);
    assert_eq!(reader.rest(), ["yes"]);
    assert_eq!(reader.end(), (Some(0), String::new()));
}

#[test]
fn a_mounted_secret_that_all_may_read_goes_by_standard_input_as_the_message_says() {
    let broker = broker();
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), CANARY).expect("written");
    fs::set_permissions(file.path(), Permissions::from_mode(0o444)).expect("permissions");
    let path = file.path().to_str().expect("UTF-8");
    let get = ["get", &broker.url(), "t/ready", "-u", "ops", "--password-file"];
    let refused = mqtap(&[&get[..], &[path]].concat()).assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("can be read by others (mode 0444)"), "{said}");
    assert!(said.contains(&format!("--password-file - < {path}")) && !said.contains(CANARY), "{said}");
    let mut redirected = command(&[&get[..], &["-"]].concat());
    let output = redirected.stdin(File::open(path).expect("readable")).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "yes", "{output:?}");
}

#[test]
fn a_password_that_failed_is_not_repeated() {
    let broker = Config::default().user("ops", "right").start();
    let sub = ["sub", &broker.url(), "t/#", "-u", "ops", "--password-env", "MQTAP_PASSWORD"];
    assert_silent(&mqtap(&sub).env("MQTAP_PASSWORD", CANARY).assert().code(4));
}

#[test]
fn a_password_given_where_none_belongs_is_refused_unseen() {
    let url = format!("mqtt://ops:{CANARY}@localhost");
    let equals = format!("--password={CANARY}");
    let short = format!("-P{CANARY}");
    let home = tempfile::tempdir().expect("a directory");
    for arguments in [
        &["sub", &url, "t"][..],
        &["get", &url, "t"],
        &["pub", &url, "t", "x"],
        &["profiles", "add", "plant", &url],
        &["sub", "mqtt://localhost", "t", "--password", CANARY],
        &["sub", "mqtt://localhost", "t", &equals],
        &["sub", "mqtt://localhost", "t", &short],
    ] {
        assert_silent(&mqtap(arguments).env("MQTAP_CONFIG_DIR", home.path()).assert().code(2));
    }
}

fn assert_silent(assert: &assert_cmd::assert::Assert) {
    let output = assert.get_output();
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains(CANARY), "{text}");
    }
}
