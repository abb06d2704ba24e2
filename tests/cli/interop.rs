//! The same messages through us and through other clients, each way, whole and in order.

use std::process::Command;

use rstest::rstest;

use crate::{common::mosquitto::Config, mqtap, running::Running};

const COUNT: usize = 1_000;

/// Prints `TOPIC PAYLOAD` for each message on a filter.
const PAHO_SUB: &str = r#"
import sys
import paho.mqtt.client as mqtt
port, qos = int(sys.argv[1]), int(sys.argv[2])
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_connect = lambda client, *_: client.subscribe("t/#", qos)
client.on_message = lambda _client, _data, m: print(m.topic, m.payload.decode(), flush=True)
client.connect("127.0.0.1", port)
client.loop_forever()
"#;

/// Publishes each line of standard input.
const PAHO_PUB: &str = r#"
import sys
import paho.mqtt.client as mqtt
port, qos = int(sys.argv[1]), int(sys.argv[2])
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.max_queued_messages_set(0)
client.connect("127.0.0.1", port)
client.loop_start()
sent = [client.publish("t/x", line.rstrip("\n"), qos) for line in sys.stdin]
for one in sent:
    one.wait_for_publish(20)
client.disconnect()
client.loop_stop()
"#;

fn payloads() -> Vec<String> {
    (0..COUNT).map(|n| format!("payload {n} größe")).collect()
}

fn python(script: &str, port: u16, qos: u8) -> Command {
    // `tests/run` says where a Python with the package is.
    let program = std::env::var_os("MQTAP_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&program).args(["-c", "import paho.mqtt.enums"]).status().expect("python3 must be installed");
    assert!(found.success(), "the Python package paho-mqtt (2 or later) must be installed; tests/run does that");
    let mut command = Command::new(&program);
    command.args(["-c", script, &port.to_string(), &qos.to_string()]);
    command
}

fn mosquitto(tool: &str, port: u16, protocol: &str, qos: u8, more: &[&str]) -> Command {
    let version = match protocol {
        "3.1" => "mqttv31",
        "3.1.1" => "mqttv311",
        _ => "mqttv5",
    };
    let mut command = Command::new(tool);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", version, "-q", &qos.to_string()]).args(more);
    command
}

/// Debian's clients fail at QoS 2 of MQTT 5 with more than 20 messages in flight.
fn needs_paho(protocol: &str, qos: u8) -> bool {
    protocol == "5" && qos == 2
}

#[rstest]
fn what_others_publish_is_printed_whole_and_in_order(#[values("3.1", "3.1.1", "5")] protocol: &str, #[values(0, 1, 2)] qos: u8) {
    let broker = Config::default().line("max_queued_messages 0").start();
    broker.publish("t/ready", "yes", &["--retain"]);
    let count = (COUNT + 1).to_string();
    let url = broker.url();
    let reader = Running::mqtap(&["sub", &url, "t/#", "-V", protocol, "-q", &qos.to_string(), "-n", &count]);
    assert_eq!(reader.line(), "t/ready yes");

    let mut writer = Running::start(&mut if needs_paho(protocol, qos) {
        python(PAHO_PUB, broker.port, qos)
    } else {
        mosquitto("mosquitto_pub", broker.port, protocol, qos, &["-t", "t/x", "-l"])
    });
    writer.feed(&(payloads().join("\n") + "\n"));
    let expected: Vec<String> = payloads().iter().map(|payload| format!("t/x {payload}")).collect();
    assert!(reader.rest() == expected, "not the same messages");
    assert_eq!(reader.end(), (Some(0), String::new()));
    assert_eq!(writer.end(), (Some(0), String::new()));
}

#[rstest]
fn what_is_published_arrives_elsewhere_whole_and_in_order(
    #[values("3.1", "3.1.1", "5")] protocol: &str,
    #[values(0, 1, 2)] qos: u8,
) {
    let broker = Config::default().line("max_queued_messages 0").start();
    broker.publish("t/ready", "yes", &["--retain"]);
    let reader = Running::start(&mut if needs_paho(protocol, qos) {
        python(PAHO_SUB, broker.port, qos)
    } else {
        mosquitto("mosquitto_sub", broker.port, protocol, qos, &["-t", "t/#", "-v"])
    });
    assert_eq!(reader.line(), "t/ready yes");

    let lines = payloads().join("\n");
    let arguments = ["pub", &broker.url(), "t/x", "--lines", "-V", protocol, "-q", &qos.to_string()];
    mqtap(&arguments).write_stdin(lines).assert().success().stdout("").stderr("");
    let expected: Vec<String> = payloads().iter().map(|payload| format!("t/x {payload}")).collect();
    assert!(reader.lines(COUNT) == expected, "not the same messages");
}
