//! `mqtap profiles`: the file is written, shown and checked.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{common::mosquitto::Mosquitto, mqtap};

const FILE: &str = r#"schema = 1

[profile.local]
url = "mqtt://localhost"

[profile.plant]
url = "mqtts://ops@broker.example"
password = "CANARY"

[profile.other]
url = "mqtt://h"
password = { command = ["pass", "show", "plant"] }
"#;

fn home(file: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("profiles.toml");
    fs::write(&path, file).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    home
}

fn profiles(home: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    mqtap(&[&["profiles"], arguments].concat()).env("MQTAP_CONFIG_DIR", home).assert()
}

fn printed(home: &Path, arguments: &[&str]) -> String {
    String::from_utf8(profiles(home, arguments).success().get_output().stdout.clone()).expect("UTF-8")
}

#[test]
fn profiles_are_listed_with_where_secrets_come_from_never_what_they_are() {
    let home = home(FILE);
    assert_eq!(
        printed(home.path(), &["list"]),
        "local  mqtt://localhost:1883\nplant  mqtts://broker.example:8883\nother  mqtt://h:1883\n"
    );
    for arguments in [&["list", "--json"][..], &["show", "plant"], &["show", "plant", "--json"], &["show", "other"]] {
        let text = printed(home.path(), arguments);
        assert!(!text.contains("CANARY"), "{text}");
    }
    let listed: Value = serde_json::from_str(&printed(home.path(), &["list", "--json"])).expect("JSON");
    assert_eq!(listed[1]["password"], "in the profile file");
    assert_eq!(
        listed[0],
        json!({"name": "local", "url": "mqtt://localhost:1883", "username": null, "password": null, "usable": true})
    );
}

#[test]
fn a_profile_is_added_once_and_comments_stay() {
    let home = home(&format!("# mine\n{FILE}"));
    let add = ["add", "new", "mqtts://h", "a/#", "-k", "1m30s", "--password-env", "PW", "--ca-file", "ca.pem", "--will-topic", "w"];
    profiles(home.path(), &add).success().stdout("");
    let text = fs::read_to_string(home.path().join("profiles.toml")).expect("the file");
    assert!(text.starts_with(&format!("# mine\n{FILE}")), "{text}");
    let shown: Value = serde_json::from_str(&printed(home.path(), &["show", "new", "--json"])).expect("JSON");
    let ca_file = std::env::current_dir().expect("a directory").join("ca.pem");
    assert_eq!(
        shown["settings"],
        json!({
            "url": "mqtts://h",
            "password.env": "PW",
            "keep_alive": "1m30s",
            "tls.ca_file": ca_file.to_str(),
            "will.topic": "w",
            "subscription[0].filter": "a/#",
            "subscription[0].qos": "0",
        })
    );
    profiles(home.path(), &add).code(1);
}

#[test]
fn every_way_to_connect_is_saved() {
    let home = home("");
    let add = ["add", "new", "wss://h", "--alpn", "a", "--alpn", "b\"", "--ws-path", "/x", "--ws-header", "X-A: b", "--insecure"];
    let more = ["--cert", "/c", "--key", "/k", "--proxy", "socks5://ops@p"];
    profiles(home.path(), &[&add[..], &more].concat()).success().stdout("");
    profiles(home.path(), &["check"]).success();
    let shown: Value = serde_json::from_str(&printed(home.path(), &["show", "new", "--json"])).expect("JSON");
    assert_eq!(
        shown["settings"],
        json!({
            "url": "wss://h",
            "tls.cert_file": "/c",
            "tls.key_file": "/k",
            "tls.alpn": "[\"a\", 'b\"']",
            "tls.verify": "none",
            "websocket.path": "/x",
            "websocket.headers[0]": "X-A: in the profile file",
            "proxy.url": "socks5://ops@p:1080",
        })
    );
}

#[test]
fn a_profile_with_the_name_of_a_verb_is_saved_with_a_word_about_it() {
    let home = home(FILE);
    let assert = profiles(home.path(), &["add", "sub", "mqtt://h"]).success();
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("`mqtap sub` is the verb"), "{said}");
    profiles(home.path(), &["show", "sub"]).success();
}

#[test]
fn a_profile_is_changed_and_the_rest_stays() {
    let home = home(&format!("# mine\n{FILE}"));
    let path = home.path().join("profiles.toml");
    let edit = ["edit", "plant", "-k", "1m", "--url", "mqtts://eva@h", "--password-env", "PW", "--filter", "a/#", "--filter", "b"];
    profiles(home.path(), &edit).success().stdout("");
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.starts_with("# mine\n") && text.contains("[profile.local]") && !text.contains("CANARY"), "{text}");
    let shown: Value = serde_json::from_str(&printed(home.path(), &["show", "plant", "--json"])).expect("JSON");
    let settings = &shown["settings"];
    assert_eq!((&settings["url"], &settings["keep_alive"]), (&json!("mqtts://eva@h"), &json!("1m")));
    assert_eq!(settings["password.env"], "PW");
    profiles(home.path(), &["edit", "plant", "--unset", "keep_alive", "--password-prompt"]).success();
    let shown: Value = serde_json::from_str(&printed(home.path(), &["show", "plant", "--json"])).expect("JSON");
    assert_eq!((&shown["settings"]["keep_alive"], &shown["settings"]["password.env"]), (&Value::Null, &Value::Null));
    let before = fs::read_to_string(&path).expect("the file");
    for (arguments, said) in [
        (&["edit", "plant"][..], "nothing to change"),
        (&["edit", "nobody", "-k", "1m"], "nobody"),
        (&["edit", "plant", "--url", "nonsense"], "url"),
    ] {
        let error = profiles(home.path(), arguments).code(2);
        let error = String::from_utf8_lossy(&error.get_output().stderr).into_owned();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).expect("the file"), before);
}

#[test]
fn a_secret_does_not_go_along_with_what_takes_the_place_of_its_own() {
    let file = r#"[profile.a]
url = "wss://eva@h"
password = { env = "PW" }
[profile.a.tls]
cert_file = "old.pem"
key_file = "old.key"
key_password = { env = "KEY" }
[profile.a.connect.authentication]
method = "token"
data = { env = "TOKEN" }
[profile.a.proxy]
url = "socks5://ops@old"
password = { env = "PROXY" }
"#;
    let gone = |home: &Path, edit: &[&str], keys: &[&str]| {
        profiles(home, &[&["edit", "a"], edit].concat()).success();
        let shown: Value = serde_json::from_str(&printed(home, &["show", "a", "--json"])).expect("JSON");
        for key in keys {
            assert_eq!(shown["settings"][key], Value::Null, "{edit:?} keeps {key}");
        }
        shown["settings"].as_object().expect("settings").len()
    };
    let home = home(file);
    let all = gone(home.path(), &["-k", "1m"], &[]);
    assert_eq!(gone(home.path(), &["--proxy", "socks5://ops@new"], &["proxy.password"]), all - 1);
    assert_eq!(gone(home.path(), &["--cert", "/new.pem"], &["tls.key_file", "tls.key_password"]), all - 3);
    assert_eq!(gone(home.path(), &["--auth-method", "other"], &["connect.authentication.data"]), all - 4);
    let with_key = ["--cert", "/new.pem", "--key", "/new.key"];
    assert_eq!(gone(home.path(), &with_key, &[]), all - 3);
    gone(home.path(), &["--password-prompt"], &["password.env"]);
}

#[test]
fn a_profile_is_removed_only_with_a_yes() {
    let home = home(FILE);
    let asked = profiles(home.path(), &["remove", "plant"]).code(2);
    let said = String::from_utf8_lossy(&asked.get_output().stderr).into_owned();
    assert!(said.contains("--yes"), "{said}");
    assert!(printed(home.path(), &["list"]).contains("plant"));
    profiles(home.path(), &["remove", "plant", "--yes"]).success().stdout("");
    assert!(!printed(home.path(), &["list"]).contains("plant"));
    profiles(home.path(), &["remove", "plant", "--yes"]).code(2);
}

#[test]
fn a_check_lists_every_problem() {
    let home = home("[profile.a]\nurll = 1\n[profile.b]\nurl = \"mqtt://h\"\nkeep_alive = \"soon\"\n");
    let assert = profiles(home.path(), &["check"]).code(1);
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    for part in ["profiles.toml:2:1: unknown key `urll`", "did you mean `url`?", "profiles.toml:5:", "keep_alive"] {
        assert!(text.contains(part), "{text}");
    }
    profiles(self::home(FILE).path(), &["check"]).success();
}

#[test]
fn the_path_of_the_file_cannot_steer_the_terminal() {
    let parent = tempfile::tempdir().expect("a directory");
    let home = parent.path().join("\u{1b}[31m");
    fs::create_dir(&home).expect("a directory");
    for (file, code) in [("schema = 1\n", 0), ("nonsense = 1\n", 1)] {
        fs::write(home.join("profiles.toml"), file).expect("written");
        let checked = profiles(&home, &["check"]).code(code);
        let output = checked.get_output();
        let said = String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).expect("UTF-8");
        assert!(said.contains("␛[31m") && !said.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn a_time_that_the_file_cannot_keep_is_refused() {
    let home = home(FILE);
    let refused = profiles(home.path(), &["add", "b", "mqtt://h", "--connect-timeout", "1.0005s"]).code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("whole milliseconds"));
    profiles(home.path(), &["add", "b", "mqtt://h", "--connect-timeout", "1.5s"]).success();
    assert!(printed(home.path(), &["show", "b"]).contains("connect_timeout = 1s500ms\n"));
}

#[test]
fn an_unknown_profile_is_code_2_with_the_nearest_name() {
    let home = home(FILE);
    for arguments in [&["profiles", "show", "plnat"][..], &["sub", "plnat", "t"], &["pub", "plnat", "t", "x"]] {
        let assert = mqtap(arguments).env("MQTAP_CONFIG_DIR", home.path()).assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert_eq!(said, "mqtap: there is no profile `plnat`; did you mean `plant`?\n");
    }
}

#[test]
fn the_path_follows_the_environment() {
    let home = tempfile::tempdir().expect("a directory");
    assert_eq!(printed(home.path(), &["path"]), format!("{}/profiles.toml\n", home.path().display()));
}

#[test]
fn a_protected_profile_publishes_only_with_a_yes() {
    let broker = Mosquitto::start();
    let home = home(&format!("[profile.a]\nurl = \"{}\"\nprotect = true\nwill = {{ topic = \"w\" }}\n", broker.url()));
    let mqtap = |arguments: &[&str]| mqtap(arguments).env("MQTAP_CONFIG_DIR", home.path()).assert();
    for (arguments, question) in [
        (&["pub", "a", "t", "x", "-r", "-q", "1"][..], "publish to t on a, which is protected?"),
        (&["doctor", "a", "--will"], "have the will published to w on a, which is protected?"),
    ] {
        let refused = mqtap(arguments).code(2).stdout("");
        let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(said.starts_with(&format!("mqtap: {question}\n")) && said.contains("--yes"), "{said}");
        mqtap(&[arguments, &["--yes"]].concat()).success();
    }
    mqtap(&["get", "a", "t"]).success().stdout("x");
    mqtap(&["doctor", "a"]).success();
}

#[rstest]
#[case("n", 1)]
#[case("y", 0)]
fn a_protected_profile_asks_on_a_terminal(#[case] answer: &str, #[case] code: u32) {
    let broker = Mosquitto::start();
    let home = home(&format!("[profile.a]\nurl = \"{}\"\nprotect = true\n", broker.url()));
    let pty = native_pty_system().openpty(PtySize::default()).expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mqtap"));
    command.args(["pub", "a", "t", "x", "-r", "-q", "1"]);
    command.env("MQTAP_CONFIG_DIR", home.path());
    let mut child = pty.slave.spawn_command(command).expect("it runs");
    drop(pty.slave);
    let mut writer = pty.master.take_writer().expect("a writer");
    writer.write_all(format!("{answer}\r").as_bytes()).expect("it is typed");
    let mut received = Vec::new();
    // A terminal whose last user has gone gives an error instead of an end.
    let _ = pty.master.try_clone_reader().expect("a reader").read_to_end(&mut received);
    let said = String::from_utf8_lossy(&received).into_owned();
    assert!(said.contains("publish to t on a, which is protected? [y/N]"), "{said}");
    assert_eq!(child.wait().expect("it ends").exit_code(), code, "{said}");
    mqtap(&["get", &broker.url(), "t", "-W", "300ms"]).assert().code(if code == 0 { 0 } else { 27 });
}

#[test]
fn a_read_only_profile_publishes_nothing() {
    let home = home("[profile.a]\nurl = \"mqtt://127.0.0.1:1\"\nread_only = true\n");
    let assert = mqtap(&["pub", "a", "t", "x"]).env("MQTAP_CONFIG_DIR", home.path()).assert().code(5);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("read-only"));
}
