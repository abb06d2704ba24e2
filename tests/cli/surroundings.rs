//! What the machine puts around a verb: files that are pipes or belong to others, limits that are low.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt as _},
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
fn a_profiles_file_that_others_can_change_runs_no_program() {
    let home = tempfile::tempdir().expect("a directory");
    let (file, ran) = (home.path().join("profiles.toml"), home.path().join("RAN"));
    let touch = format!("{{ command = [\"touch\", \"{}\"] }}", ran.display());
    let text = format!(
        "[profile.password]\nurl = \"mqtt://127.0.0.1:1\"\nusername = \"u\"\npassword = {touch}\n\
         [profile.proxy]\nurl = \"mqtt://127.0.0.1:1\"\nproxy = {{ url = \"socks5://u@127.0.0.1:1\", password = {touch} }}\n\
         [profile.header]\nurl = \"ws://127.0.0.1:1\"\nwebsocket.headers = [[\"A\", {touch}]]\n\
         [profile.key]\nurl = \"mqtts://127.0.0.1:1\"\ntls = {{ cert_file = \"c\", key_file = \"k\", key_password = {touch} }}\n"
    );
    fs::write(&file, text).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions");
    for name in ["password", "proxy", "header", "key"] {
        let assert = mqtap(&["sub", name, "x"]).env("MQTAP_CONFIG_DIR", home.path()).assert().failure();
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains("can be changed by others (mode 0666); run chmod go-w "), "{name}: {said}");
        assert!(!ran.exists(), "{name}: the program ran");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("permissions");
    mqtap(&["sub", "password", "x"]).env("MQTAP_CONFIG_DIR", home.path()).assert().failure();
    assert!(ran.exists(), "what only its user can change is trusted");
}

#[test]
fn what_is_secret_in_a_url_is_neither_listed_nor_logged() {
    let home = home(
        "[profile.a]\nurl = \"mqtt://u:CANARY@h\"\n[profile.b]\nurl = \"ws://127.0.0.1:1/mqtt?token=CANARY\"\n\
         [profile.b.proxy]\nurl = \"http://u:CANARY@h\"\n[profile.c]\nurl = \"ws://127.0.0.1:1/mqtt?token=CANARY\"\n\
         fallback_urls = [\"ws://127.0.0.1:1/mqtt?token=CANARY\"]\nreconnect = false\npassword = {command = \"CANARY\"}\n",
    );
    let state = home.path().join("state");
    let mut told = String::new();
    for arguments in [
        &["profiles", "show", "a"][..],
        &["profiles", "show", "a", "--json"],
        &["profiles", "show", "b"],
        &["profiles", "show", "c"],
        &["profiles", "list"],
        &["profiles", "list", "--json"],
        &["profiles", "check"],
        &["sub", "c", "t"],
        &["sub", "ws://127.0.0.1:1/mqtt?token=CANARY", "t"],
        &["doctor", "ws://127.0.0.1:1/mqtt?token=CANARY"],
        &["doctor", "c", "--json"],
    ] {
        let mut mqtap = mqtap(arguments);
        let output = mqtap.env("MQTAP_CONFIG_DIR", home.path()).env("MQTAP_STATE_DIR", &state).env("MQTAP_LOG", "trace").output();
        let output = output.expect("it ends");
        told.push_str(&format!(
            "{arguments:?}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    told = told.replace("?token=CANARY\"", "as given");
    told.push_str(&fs::read_to_string(state.join("mqtap.log")).expect("a log"));
    assert!(!told.contains("CANARY"), "{told}");
    for part in ["url = mqtt://u:***@h", "proxy.url = http://u:***@h", "ws://127.0.0.1:1/mqtt?token=***", "password.command = ***"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn no_character_of_a_host_reaches_the_terminal_that_must_not() {
    let home = home("[profile.a]\nurl = \"mqtt://good.example\u{202e}\u{2066}x\u{200b}\u{e0041}\"\n");
    let text = |arguments: &[&str]| {
        let output = mqtap(arguments).env("MQTAP_CONFIG_DIR", home.path()).output().expect("it ends");
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat()
    };
    let hidden = |c: char| matches!(c, '\u{200b}' | '\u{202e}' | '\u{2066}' | '\u{e0041}');
    for arguments in
        [&["profiles", "list"][..], &["profiles", "list", "--json"], &["profiles", "show", "a"], &["profiles", "check"]]
    {
        let said = text(arguments);
        assert!(!said.contains(hidden), "{arguments:?}: {said:?}");
    }
    assert!(text(&["profiles", "check"]).contains("a character that cannot be seen"));
}

#[rstest]
#[case::held_by_nobody("profiles.lock", &["profiles", "add", "x", "mqtt://h"], "is a pipe that nobody reads")]
#[case::a_trace("trace", &["sub", "mqtt://127.0.0.1:1", "t", "--trace", "trace"], "is a pipe that nobody reads")]
#[case::the_profiles("profiles.toml", &["profiles", "check"], "is not a regular file")]
#[case::a_certificate("ca.pem", &["sub", "mqtts://127.0.0.1:1", "t", "--ca-file", "ca.pem"], "is not a regular file")]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for(#[case] name: &str, #[case] arguments: &[&str], #[case] why: &str) {
    let home = tempfile::tempdir().expect("a directory");
    pipe(home.path().join(name));
    let output =
        mqtap(arguments).env("MQTAP_CONFIG_DIR", home.path()).current_dir(home.path()).timeout(Duration::from_secs(3)).output();
    let output = output.expect("it ends");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_log_that_is_a_pipe_holds_nothing_up() {
    let home = tempfile::tempdir().expect("a directory");
    fs::create_dir(home.path().join("state")).expect("made");
    pipe(home.path().join("state/mqtap.log"));
    let broker = Mosquitto::start();
    let arguments = ["pub", &broker.url(), "t", "x", "-q", "1"];
    mqtap(&arguments).env("MQTAP_STATE_DIR", home.path().join("state")).assert().success();
}

#[test]
fn a_certificate_store_without_an_end_is_not_read_to_it() {
    for endless in ["/dev/zero", "pipe"] {
        let home = tempfile::tempdir().expect("a directory");
        let path = if endless == "pipe" { pipe(home.path().join("pipe")) } else { endless.to_owned() };
        let arguments = ["sub", "mqtts://127.0.0.1:1", "t"];
        let output = mqtap(&arguments).env("SSL_CERT_FILE", path).timeout(Duration::from_secs(5)).output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) || output.status.code() == Some(3), "{endless}: {said}");
    }
}

#[test]
fn a_write_beyond_the_size_that_a_file_may_have_is_a_sentence() {
    let home = tempfile::tempdir().expect("a directory");
    let (code, said) = limited("ulimit -f 0", &["profiles", "add", "x", "mqtt://h"], home.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot save ") && said.contains("file too large"), "{said}");
    let broker = Mosquitto::start();
    let (code, said) = limited("ulimit -f 0", &["pub", &broker.url(), "t", "x", "-q", "1"], home.path());
    assert_eq!(code, Some(0), "a log that cannot be written keeps nothing from being sent: {said}");
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

#[cfg(target_os = "linux")]
#[test]
fn no_dump_of_the_memory_is_written_and_what_is_started_may_write_one() {
    let told = tempfile::NamedTempFile::new().expect("a file");
    let command = format!("ulimit -c > '{0}'; kill -s ILL $PPID; echo x", told.path().display());
    let home = home(&format!(
        "[profile.a]\nurl = \"mqtt://127.0.0.1:1\"\nusername = \"u\"\npassword = {{ command = [\"sh\", \"-c\", \"{command}\"] }}\n"
    ));
    let mut sh = Command::new("sh");
    // Where a dump would be written, unless the machine has it written elsewhere.
    sh.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; ulimit -c; exec \"$0\" sub a t", env!("CARGO_BIN_EXE_mqtap")]);
    let output = sh
        .current_dir(home.path())
        .env("MQTAP_CONFIG_DIR", home.path())
        .env("MQTAP_STATE_DIR", home.path())
        .output()
        .expect("it ends");
    assert_eq!(output.status.signal(), Some(4), "{output:?}");
    assert!(!output.status.core_dumped(), "the memory was written to a file");
    let allowed = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(fs::read_to_string(told.path()).expect("written"), allowed, "what is started may write as much as before");
}
