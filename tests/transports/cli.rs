//! The options of connecting, as a script gives them.

use std::{fs, process::Command};

use mqtap::wire::endpoint::Transport;

use crate::{
    broker::Everywhere,
    certificates::{Authority, write},
    common::mosquitto::Config,
};

/// A broker, its authority, and a command that knows nothing of the machine it runs on.
struct Bench {
    broker: Everywhere,
    authority: Authority,
}

impl Bench {
    fn start() -> Self {
        let authority = Authority::new("Test CA");
        let broker = Everywhere::start(Config::default(), &authority, &authority.broker());
        Self { broker, authority }
    }

    fn publish(&self, target: &str, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqtap"));
        command.env_clear().env("MQTAP_CONFIG_DIR", self.authority.directory.path());
        command.args(["pub", target, "t", "x", "-q", "1"]).args(arguments);
        let mut command = assert_cmd::Command::from_std(command);
        command.timeout(crate::common::PATIENCE);
        command
    }

    fn url(&self, transport: Transport, is_two_way: bool) -> String {
        self.broker.endpoint(transport, is_two_way).to_string()
    }

    fn file(&self, name: &str) -> String {
        self.authority.directory.path().join(name).to_str().expect("text").to_owned()
    }
}

#[test]
fn every_scheme_is_reached_from_the_command_line() {
    let bench = Bench::start();
    let ca = bench.file("ca.pem");
    for transport in [Transport::Tcp, Transport::Ws, Transport::Unix] {
        bench.publish(&bench.url(transport, false), &[]).assert().success();
    }
    for transport in [Transport::Tls, Transport::Wss] {
        let url = bench.url(transport, false);
        bench.publish(&url, &["--ca-file", &ca]).assert().success();
        bench.publish(&url, &["--insecure"]).assert().success();
        bench.publish(&url, &[]).assert().code(3);
    }
}

#[test]
fn a_client_certificate_is_given_by_options() {
    let bench = Bench::start();
    let client = bench.authority.client();
    let url = bench.url(Transport::Tls, true);
    let ca = bench.file("ca.pem");
    let (certificate, key) = (client.certificate.to_str().expect("text"), client.key.to_str().expect("text"));
    bench.publish(&url, &["--ca-file", &ca, "--cert", certificate, "--key", key]).assert().success();
    let without = bench.publish(&url, &["--ca-file", &ca]).assert().code(3);
    let said = String::from_utf8_lossy(&without.get_output().stderr).into_owned();
    assert!(said.contains("the broker wants a client certificate") && said.contains("--cert"), "{said}");
}

#[test]
fn the_keys_of_tls_are_written_only_where_the_variable_asks_for_them() {
    let bench = Bench::start();
    let (ca, keys) = (bench.file("ca.pem"), bench.file("keys.log"));
    let url = bench.url(Transport::Tls, false);
    bench.publish(&url, &["--ca-file", &ca]).env("SSLKEYLOGFILE", &keys).assert().success();
    let written = fs::read_to_string(&keys).expect("the file of keys");
    assert!(written.contains("CLIENT_TRAFFIC_SECRET_0 "), "{written}");
}

#[test]
fn a_profile_holds_the_rest() {
    let bench = Bench::start();
    let dead = crate::common::mosquitto::free_port();
    let wss = bench.broker.endpoint(Transport::Wss, false);
    let profile = format!(
        "[profile.p]\nurl = \"mqtts://localhost:{dead}\"\nfallback_urls = [\"{wss}\"]\ntls.ca_file = \"ca.pem\"\n\
         [profile.p.websocket]\npath = \"/x\"\nheaders = [[\"X-Token\", {{ env = \"WS_TOKEN\" }}]]\n"
    );
    write(&bench.authority.directory.path().join("profiles.toml"), &profile);
    let assert = bench.publish("p", &[]).env("WS_TOKEN", "CANARY").assert().success();
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert_eq!(said, format!("mqtap: localhost:{dead}: connected to the fallback {wss}\n"));
    let missing = bench.publish("p", &[]).assert().code(2);
    let said = String::from_utf8_lossy(&missing.get_output().stderr).into_owned();
    assert!(said.contains("Header X-Token: ") && said.contains("WS_TOKEN"), "{said}");
}
