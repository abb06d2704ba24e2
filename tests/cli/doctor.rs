//! What the doctor says of brokers that are well, that are not, and of this machine.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rstest::rstest;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    common::{
        mosquitto::{Config, Mosquitto},
        scripted::{CONNACK_V5, CONNACK_V311, Scripted, Step},
        within,
    },
    has_read, mqtap,
    running::Running,
};

/// Runs the doctor to its end and returns what it printed.
fn doctor(arguments: &[&str], code: i32) -> String {
    let arguments = [&["doctor"], arguments].concat();
    let assert = mqtap(&arguments).env("MQTAP_PASSWORD", "CANARY").assert().code(code).stderr("");
    String::from_utf8(assert.get_output().stdout.clone()).expect("UTF-8")
}

/// The same as JSON.
fn examined(arguments: &[&str], code: i32) -> Value {
    let said = doctor(&[arguments, &["--json"]].concat(), code);
    assert_eq!(said.lines().count(), 1, "{said}");
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&report["exit"], &report["ok"]), (&code.into(), &(code == 0).into()), "{report}");
    report
}

/// Returns the checks of the first section, each as its name and how it came out.
fn checks(report: &Value) -> Vec<(&str, &str)> {
    let checks = report["sections"][0]["checks"].as_array().expect("checks");
    checks.iter().map(|check| (text(&check["check"]), text(&check["status"]))).collect()
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["sections"][0]["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name}: {report}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A port on which nobody listens.
fn dead_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[test]
fn a_broker_that_is_well_passes_every_stage() {
    let broker = Mosquitto::start();
    let report = examined(&[&broker.url(), "plant/#", "a/+/b", "-i", "me"], 0);
    let expected = ["name", "tcp", "connect", "subscribe", "subscribe", "ping", "disconnect"].map(|name| (name, "ok")).to_vec();
    assert_eq!(checks(&report), expected);
    for name in ["name", "tcp", "connect", "subscribe", "ping", "disconnect"] {
        assert!(check(&report, name)["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{name}: {report}");
    }
    let facts = &check(&report, "connect")["facts"];
    assert_eq!((&facts["protocol"], &facts["client_id"], &facts["receive_maximum"]), (&"5".into(), &"me".into(), &20.into()));
    assert_eq!((&facts["maximum_qos"], &facts["topic_alias_maximum"]), (&2.into(), &10.into()));
    assert_eq!(check(&report, "name")["facts"]["addresses"][0], "127.0.0.1");
    assert_eq!(check(&report, "subscribe")["facts"]["filter"], "plant/#");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_whose_stages_were_measured_is_the_one_that_is_examined() {
    let script = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![script]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let examining = tokio::task::spawn_blocking(move || examined(&[&url], 0));
    let report = within("the doctor", examining).await.expect("no panic");
    assert_eq!(checks(&report), ["name", "tcp", "connect", "ping", "disconnect"].map(|name| (name, "ok")));
    assert_eq!((broker.accepted(), broker.read(0x10).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_closes_on_mqtt_5_is_examined_in_3_1_1_and_that_is_said() {
    let accepted = vec![Step::Read, Step::Send(CONNACK_V311.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![vec![Step::Read], accepted]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let examining = tokio::task::spawn_blocking(move || examined(&[&url], 0));
    let report = within("the doctor", examining).await.expect("no panic");
    let connect = check(&report, "connect");
    assert_eq!((text(&connect["status"]), text(&connect["facts"]["protocol"])), ("warning", "3.1.1"));
    assert!(text(&connect["hint"]).starts_with("the broker closed the connection on MQTT 5: -V 3.1.1"), "{connect}");
    assert_eq!(broker.accepted(), 2);
}

#[test]
fn the_report_is_aligned_and_at_most_eighty_columns_wide() {
    let broker = Mosquitto::start();
    let said = doctor(&[&broker.url(), &format!("plant/{}", "long/".repeat(30)), "-q", "1"], 0);
    assert!(said.starts_with(&format!("{}\n\n✓ name ", broker.url())), "{said}");
    assert!(said.contains("\n✓ CONNECT ") && said.contains("accepted, MQTT 5\n    client id        "), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(said.contains("-doctor"), "it has a client identifier of its own: {said}");
}

#[rstest]
#[case("3.1")]
#[case("3.1.1")]
fn an_old_version_tells_no_limits(#[case] version: &str) {
    let broker = Mosquitto::start();
    let report = examined(&[&broker.url(), "t", "-V", version], 0);
    let facts = &check(&report, "connect")["facts"];
    assert_eq!((&facts["protocol"], &facts["maximum_qos"]), (&version.into(), &Value::Null));
}

#[test]
fn a_port_where_nobody_listens_is_code_3() {
    let report = examined(&[&format!("mqtt://127.0.0.1:{}", dead_port())], 3);
    assert_eq!(checks(&report), [("name", "ok"), ("tcp", "failed")]);
    let tcp = check(&report, "tcp");
    assert!(text(&tcp["said"]).ends_with("connection refused") && text(&tcp["hint"]).contains("is the broker running"), "{tcp}");
}

#[test]
fn a_name_without_an_address_is_code_3() {
    let said = doctor(&["mqtt://no-such-host.invalid"], 3);
    assert!(said.contains("\n✗ name               cannot find no-such-host.invalid: "), "{said}");
    assert!(said.contains("\n    to do            check the spelling"), "{said}");
}

#[test]
fn a_wrong_password_is_code_4() {
    let broker = Config::default().user("ops", "right").start();
    let report = examined(&[&broker.url(), "-u", "ops", "--password-env", "MQTAP_PASSWORD"], 4);
    assert_eq!(checks(&report), [("name", "ok"), ("tcp", "ok"), ("connect", "failed")]);
    let connect = check(&report, "connect");
    assert!(text(&connect["said"]).contains("Not authorized"), "{connect}");
    assert_eq!((&connect["facts"]["username"], &connect["facts"]["password"]), (&"ops".into(), &true.into()));
    assert!(!report.to_string().contains("CANARY"), "{report}");
}

#[test]
fn a_filter_that_is_refused_is_code_5_and_the_others_are_asked_all_the_same() {
    let broker = Config::default().only_subscribe_to("open/#").start();
    let report = examined(&[&broker.url(), "closed/#", "open/#"], 5);
    let expected = [
        ("name", "ok"),
        ("tcp", "ok"),
        ("connect", "ok"),
        ("subscribe", "failed"),
        ("subscribe", "ok"),
        ("ping", "ok"),
        ("disconnect", "ok"),
    ];
    assert_eq!(checks(&report), expected);
    assert!(text(&check(&report, "subscribe")["said"]).starts_with("closed/#: Not authorized (0x87)"), "{report}");
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_code_27() {
    let silent = Scripted::start(vec![vec![Step::Ignore]]).await;
    let mute = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore];
    let mute = Scripted::start(vec![mute]).await;
    let url = |port: u16| format!("mqtt://127.0.0.1:{port}");
    let (silent_url, mute_url) = (url(silent.port), url(mute.port));
    let checked = tokio::task::spawn_blocking(move || {
        let report = examined(&[&silent_url, "--connect-timeout", "300ms"], 27);
        assert_eq!(check(&report, "connect")["status"], "failed");
        let report = examined(&[&mute_url, "--connect-timeout", "300ms"], 27);
        assert_eq!(
            (check(&report, "connect")["status"].clone(), check(&report, "ping")["status"].clone()),
            ("ok".into(), "failed".into())
        );
    });
    checked.await.expect("as it should");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_with_disconnect_and_without_a_will() {
    let deaf = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore];
    let broker = Scripted::start(vec![deaf]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let doctor = Running::mqtap(&["doctor", &url, "t", "-i", "me", "--will-topic", "w"]);
    within("SUBSCRIBE", has_read(&broker, 0x80)).await;
    doctor.signal(Signal::TERM);
    assert_eq!(doctor.end(), (Some(143), String::new()));
    within("DISCONNECT", has_read(&broker, 0xe0)).await;
    // The flags follow the header, the name of the protocol and its version.
    assert_eq!(broker.read(0x10)[0][9] & 0x04, 0, "CONNECT has a will");
}

/// A certificate authority, and a broker's certificate signed by it, as files that everybody may read.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn make(not_after: (i32, u8, u8)) -> Self {
        let dir = tempfile::Builder::new().prefix("mqtap-tls-").tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let params = |name: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let mut params = CertificateParams::new(names).expect("valid names");
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = params("Test CA", &[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).expect("a certificate").pem();
        let key = KeyPair::generate().expect("a key");
        let mut broker = params("test broker", &["localhost"]);
        broker.not_before = date_time_ymd(2020, 1, 1);
        broker.not_after = date_time_ymd(not_after.0, not_after.1, not_after.2);
        let issuer = Issuer::new(authority, authority_key);
        let certificate = broker.signed_by(&key, &issuer).expect("a certificate").pem();
        for (name, content) in [("ca.pem", &authority_pem), ("broker.pem", &certificate), ("broker.key", &key.serialize_pem())] {
            let file = dir.path().join(name);
            fs::write(&file, content).expect("the file is written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("permissions");
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn broker(&self) -> Mosquitto {
        let line = |key: &str, file: &str| format!("{key} {}", self.path(file).display());
        Config::default().line(&line("certfile", "broker.pem")).line(&line("keyfile", "broker.key")).start()
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_good_certificate_is_shown_with_all_that_it_says() {
    let certificates = Certificates::make((2090, 1, 1));
    let (broker, ca) = (certificates.broker(), certificates.path("ca.pem"));
    let url = format!("mqtts://localhost:{}", broker.port);
    let report = examined(&[&url, "--ca-file", shown(&ca)], 0);
    let tls = check(&report, "tls");
    assert!(tls["status"] == "ok" && text(&tls["said"]).starts_with("TLS 1.3 "), "{tls}");
    let certificate = &tls["facts"]["certificates"][0];
    assert_eq!((&certificate["subject"], &certificate["issuer"]), (&"CN=test broker".into(), &"CN=Test CA".into()));
    assert_eq!((&certificate["names"][0], &certificate["not_after"]), (&"localhost".into(), &"2090-01-01T00:00:00Z".into()));
    assert!(certificate["days_left"].as_i64().is_some_and(|days| days > 10_000), "{certificate}");
    assert_eq!(text(&certificate["sha256"]).len(), 32 * 3 - 1);
    let said = doctor(&[&url, "--ca-file", shown(&ca)], 0);
    assert!(said.contains("\n    valid            2020-01-01 to 2090-01-01, "), "{said}");
}

#[test]
fn an_expired_certificate_is_code_3_and_shown_too() {
    let certificates = Certificates::make((2021, 10, 1));
    let (broker, ca) = (certificates.broker(), certificates.path("ca.pem"));
    let report = examined(&[&format!("mqtts://localhost:{}", broker.port), "--ca-file", shown(&ca)], 3);
    assert_eq!(checks(&report), [("name", "ok"), ("tcp", "ok"), ("tls", "failed")]);
    let tls = check(&report, "tls");
    assert!(text(&tls["said"]).ends_with("certificate expired 2021-10-01"), "{tls}");
    assert!(text(&tls["hint"]).contains("new certificate"), "{tls}");
    assert!(tls["facts"]["certificates"][0]["days_left"].as_i64().is_some_and(|days| days < 0), "{tls}");
    assert!(text(&check(&report, "tcp")["said"]).ends_with(&format!(":{}", broker.port)), "{report}");
}

#[test]
fn a_will_that_arrives_is_told_with_all_that_came() {
    let broker = Mosquitto::start();
    let will = ["--will", "--will-topic", "state/me", "--will-payload", "gone", "--will-qos", "1", "--will-retain", "-i", "me"];
    let report = examined(&[&[&*broker.url()], &will[..]].concat(), 0);
    let tested = check(&report, "will");
    assert_eq!((&tested["status"], &tested["facts"]["payload"]), (&"ok".into(), &"gone".into()), "{tested}");
    assert_eq!((&tested["facts"]["qos"], &tested["facts"]["retain"]), (&1.into(), &true.into()), "{tested}");
    assert_eq!(tested["facts"]["client_id"], "me-will-test");
    // It is there for everybody, as that of a client that died.
    let kept = mqtap(&["get", &broker.url(), "state/me"]).assert().success().get_output().stdout.clone();
    assert_eq!(kept, b"gone");
}

#[test]
fn a_will_test_that_cannot_be_made_is_wrong_usage() {
    let broker = Mosquitto::start();
    let assert = mqtap(&["doctor", &broker.url(), "--will"]).assert().code(2).stdout("");
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("no will to test") && said.contains("--will-topic"), "{said}");
    mqtap(&["doctor", "--will"]).assert().code(2);
}

/// Runs the doctor for this machine with the files of a directory.
fn of_machine(config: &Path, arguments: &[&str], code: i32) -> String {
    let arguments = [&["doctor"], arguments].concat();
    let mut command = mqtap(&arguments);
    command.env("MQTAP_CONFIG_DIR", config).env("MQTAP_STATE_DIR", config.join("state")).env("TERM", "xterm-256color");
    command.env_remove("TMUX").env_remove("COLORTERM").env_remove("NO_COLOR").env("SSH_TTY", "/dev/pts/1").env("LANG", "C.UTF-8");
    command.env_remove("LC_ALL").env_remove("LC_CTYPE");
    let assert = command.assert().code(code);
    String::from_utf8(assert.get_output().stdout.clone()).expect("UTF-8")
}

#[test]
fn without_a_target_it_tells_of_this_machine() {
    let config = tempfile::tempdir().expect("a directory");
    let said = of_machine(config.path(), &[], 0);
    for part in [
        "✓ terminal           xterm-256color\n    colours          256\n    over SSH         yes\n",
        "✓ clipboard          OSC 52",
        "TLS roots",
        "\nFiles\n",
        "\nIn the files\n",
        "✓ profiles           0 saved",
        "✓ keys               the built-in ones",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let report: Value = serde_json::from_str(&of_machine(config.path(), &["--json"], 0)).expect("JSON");
    let sections: Vec<&str> = report["sections"].as_array().expect("sections").iter().map(|it| text(&it["section"])).collect();
    assert_eq!(sections, [concat!("mqtap ", env!("CARGO_PKG_VERSION")), "Files", "In the files"]);
    assert!(check(&report, "authorities")["facts"]["usable"].is_u64(), "{report}");
}

#[test]
fn files_that_are_open_or_broken_are_named() {
    let config = tempfile::tempdir().expect("a directory");
    fs::write(config.path().join("profiles.toml"), "[profile.a]\nurl = \"mqtt://h\"\n[profile.b]\nurll = 1\n").expect("written");
    fs::set_permissions(config.path().join("profiles.toml"), fs::Permissions::from_mode(0o644)).expect("permissions");
    fs::write(config.path().join("keys.toml"), "[global]\nq = \"qiut\"\n").expect("written");
    let said = of_machine(config.path(), &[], 1);
    assert!(said.contains("! profiles ") && said.contains("chmod 600"), "{said}");
    assert!(said.contains("✗ profiles           2 saved, 1 of them can be used\n"), "{said}");
    assert!(said.contains("urll") && said.contains("line 2: [global] `qiut` is not an action"), "{said}");
}
