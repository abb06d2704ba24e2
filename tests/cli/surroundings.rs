//! What the machine puts around a verb: files that are pipes or belong to others, limits that are low.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rstest::rstest;
use tempfile::TempDir;

use crate::{common::mosquitto::Mosquitto, mqtap};

/// A home whose profiles file is this one, readable by its user alone.
fn home(profiles: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("profiles.toml");
    fs::write(&path, profiles).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    home
}

fn pipe(path: PathBuf) -> String {
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path.into_os_string().into_string().expect("UTF-8")
}

/// Runs mqtap with these arguments after `limit`, a command of the shell, and returns its exit code and what it said.
fn limited(limit: &str, arguments: &[&str], home: &Path) -> (Option<i32>, String) {
    let script = format!("{limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_mqtap")]).args(arguments);
    command.env("MQTAP_CONFIG_DIR", home).env("MQTAP_STATE_DIR", home.join("state")).env("RUST_BACKTRACE", "1");
    let output = assert_cmd::Command::from_std(command).timeout(Duration::from_secs(20)).output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn too_few_files_are_named_as_the_cause() {
    let home = tempfile::tempdir().expect("a directory");
    let broker = Mosquitto::start();
    let url = broker.url();
    let mut worked = 0;
    for limit in 4..32 {
        let (code, said) = limited(&format!("ulimit -n {limit}"), &["pub", &url, "t", "x", "-q", "1"], home.path());
        if code == Some(0) {
            worked += 1;
            continue;
        }
        assert!(said.contains("too many open files") && said.contains("ulimit -n"), "{limit}: {said}");
        assert!(code == Some(1) || code == Some(3), "{limit}: {code:?}");
        assert!(!said.contains("panicked"), "{limit}: {said}");
    }
    assert!(worked > 8, "only {worked} limits were enough");
}
