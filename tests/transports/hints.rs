//! What the doctor and the verbs say to those whom a certificate, a proxy or a web server keeps from the broker.

use std::{fs, process::Command};

use crate::{
    certificates::{self, Authority},
    common::mosquitto::Config,
};

/// Runs a verb that has to fail with this code, and returns all that it printed.
fn said(code: i32, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtap"));
    let nowhere = tempfile::tempdir().expect("a directory");
    command.env_clear().env("MQTAP_CONFIG_DIR", nowhere.path()).args(arguments);
    let mut command = assert_cmd::Command::from_std(command);
    let assert = command.timeout(crate::common::PATIENCE).assert().code(code);
    let output = assert.get_output();
    let printed = [&output.stdout[..], &output.stderr].concat();
    // The doctor breaks long lines.
    String::from_utf8_lossy(&printed).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_doctor_shows_how_many_certificates_came() {
    let root = Authority::new("Test Root");
    let intermediate = root.intermediate("Test Intermediate");
    let identity = intermediate.sign("broker", &certificates::broker());
    let start = |certificate: &str| {
        let file = intermediate.directory.path().join("chain.pem");
        certificates::write(&file, certificate);
        Config::default().line(&format!("certfile {}\nkeyfile {}", file.display(), identity.key.display())).start()
    };
    let own = fs::read_to_string(&identity.certificate).expect("a certificate");
    let ca = root.file.to_str().expect("text");
    let broker = start(&own);
    let url = format!("mqtts://localhost:{}", broker.port);
    let doctor = said(3, &["doctor", &url, "--ca-file", ca]);
    assert!(doctor.contains("sent 1 certificate, the broker's own"), "{doctor}");
    let verb = said(3, &["sub", &url, "t", "--ca-file", ca]);
    for said in [doctor, verb] {
        assert!(said.contains("the broker sent its own certificate only"), "{said}");
    }
    let whole = start(&(own + &fs::read_to_string(&intermediate.file).expect("a certificate")));
    let doctor = said(0, &["doctor", &format!("mqtts://localhost:{}", whole.port), "--ca-file", ca]);
    assert!(doctor.contains("sent 2 certificates"), "{doctor}");
}

#[test]
fn wss_on_a_websocket_port_without_tls_says_to_use_ws() {
    let broker = Config::default().listener("protocol websockets").start();
    let url = format!("wss://127.0.0.1:{}/mqtt", broker.further[0]);
    for arguments in [&["sub", &url, "t"][..], &["doctor", &url]] {
        let said = said(3, arguments);
        assert!(said.contains("this port does not speak TLS"), "{said}");
        assert!(said.contains("use ws:// for a WebSocket without TLS") && !said.contains("mqtt://"), "{said}");
    }
}
