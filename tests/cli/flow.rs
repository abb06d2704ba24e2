//! What goes in and what comes out: payload sources, counts, time-outs, retained messages, properties.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    common::{
        mosquitto::Mosquitto,
        scripted::{CONNACK_V5, CONNACK_V311, Reply, Scripted, Step},
        within,
    },
    mqtap, printed,
    running::{Running, command},
};

#[test]
fn a_payload_comes_from_the_argument_a_file_or_standard_input() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), b"a\nfile\n\xff").expect("written");
    let path = file.path().to_str().expect("UTF-8");
    mqtap(&["pub", url, "t/file", "--file", path, "-r", "-q", "1"]).assert().success();
    mqtap(&["pub", url, "t/stdin", "-r", "-q", "1"]).write_stdin("from\nstdin\n").assert().success();
    mqtap(&["pub", url, "t/empty", "", "-q", "1"]).assert().success();
    mqtap(&["get", url, "t/file"]).assert().success().stdout(&b"a\nfile\n\xff"[..]);
    mqtap(&["get", url, "t/stdin"]).assert().success().stdout("from\nstdin\n");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("none");
    let path = path.to_str().expect("UTF-8");
    let assert = mqtap(&["pub", "mqtt://127.0.0.1:1", "t", "--file", path]).assert().code(2);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.starts_with("mqtap: open ") && said.contains("none: No such file"), "{said}");
    let assert = mqtap(&["get", "mqtts://127.0.0.1:1", "t", "--ca-file", path]).assert().code(2);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("CA file"), "{said}");
}

#[test]
fn a_message_is_repeated_with_its_interval() {
    let broker = Mosquitto::start();
    broker.publish("t/ready", "yes", &["--retain"]);
    let reader = Running::mqtap(&["sub", &broker.url(), "t/#", "-n", "4"]);
    assert_eq!(reader.line(), "t/ready yes");
    let began = Instant::now();
    broker.publish("t/x", "again", &["--repeat", "3", "--interval", "50ms"]);
    assert!(began.elapsed().as_millis() >= 100, "{:?}", began.elapsed());
    assert_eq!(reader.rest(), ["t/x again"; 3]);
}

#[test]
fn a_count_ends_it_and_a_time_out_says_so_with_its_code() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    broker.publish("t/a", "1", &["--retain"]);
    assert_eq!(printed(&["sub", url, "t/#", "-n", "1"]), "t/a 1\n");
    mqtap(&["sub", url, "t/#", "-W", "300ms"]).assert().code(27).stdout("t/a 1\n").stderr("");
    let short = mqtap(&["sub", url, "t/#", "-n", "3", "-W", "300ms"]).assert().code(27).stdout("t/a 1\n");
    let said = String::from_utf8_lossy(&short.get_output().stderr).into_owned();
    assert_eq!(said, "mqtap: the time ran out with 2 more messages to come\n");
    mqtap(&["get", url, "t/nothing", "-W", "300ms"]).assert().code(27).stdout("");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_version_leaves_out_of_the_will_is_said() {
    let home = tempfile::tempdir().expect("a directory");
    let refused = vec![Step::Read, Step::Send(vec![0x20, 0x03, 0x00, 0x84, 0x00])];
    let old = vec![Step::Read, Step::Send(CONNACK_V311.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![refused, old]).await;
    let profile = format!("[profile.a]\nurl = \"mqtt://127.0.0.1:{}\"\nwill = {{ topic = \"w\", delay = 5 }}\n", broker.port);
    fs::write(home.path().join("profiles.toml"), profile).expect("written");
    let publish = mqtap(&["pub", "a", "t", "x"]).env("MQTAP_CONFIG_DIR", home.path()).assert().success();
    let said = String::from_utf8_lossy(&publish.get_output().stderr).into_owned();
    assert!(said.contains("the will went without what MQTT 3.1.1 does not have: delay\n"), "{said}");
}

#[test]
fn a_message_over_our_own_limit_is_told_of_and_one_over_the_users_is_not_sent() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let large = vec![b'x'; 17 << 20];
    mqtap(&["pub", url, "t/most", "-r", "-q", "1"]).write_stdin(&large[..15 << 20]).assert().success();
    assert_eq!(mqtap(&["get", url, "t/most"]).assert().success().get_output().stdout.len(), 15 << 20);
    mqtap(&["pub", url, "t/large", "-r", "-q", "1"]).write_stdin(large).assert().success();
    for protocol in ["3.1.1", "5"] {
        let get = mqtap(&["get", url, "t/large", "-W", "2s", "-V", protocol]).assert().code(27).stdout("");
        let said = String::from_utf8_lossy(&get.get_output().stderr).into_owned();
        assert!(said.contains("a message of 17.0 MiB on t/large was passed over: the limit is 16.0 MiB"), "{protocol}: {said}");
        assert!(!said.contains("is the topic right"), "{protocol}: {said}");
    }
    let get = mqtap(&["get", url, "t/large", "-W", "500ms", "--max-packet-size", "1MiB"]).assert().code(27).stdout("");
    assert!(!String::from_utf8_lossy(&get.get_output().stderr).contains("passed over"));
    assert_eq!(
        mqtap(&["get", url, "t/large", "--max-packet-size", "32MiB"]).assert().success().get_output().stdout.len(),
        17 << 20
    );
}

#[test]
fn retained_messages_are_left_out_or_singled_out() {
    for protocol in ["3.1.1", "5"] {
        let broker = Mosquitto::start();
        let url = &broker.url();
        broker.publish("t/old", "1", &["--retain"]);
        let live = Running::mqtap(&["sub", url, "t/#", "go", "--no-retained", "-V", protocol]);
        let old = Running::mqtap(&["sub", url, "t/#", "go", "--retained-only", "-V", protocol]);
        assert_eq!(old.line(), "t/old 1");
        // Nothing tells that the live one is subscribed, so it is called until it answers.
        while live.line_within(Duration::from_millis(100)).is_none_or(|line| line != "go now") {
            broker.publish("go", "now", &[]);
        }
        broker.publish("t/new", "2", &["--retain"]);
        let next = std::iter::repeat_with(|| live.line()).find(|line| line != "go now");
        assert_eq!(next.as_deref(), Some("t/new 2"), "{protocol}");
        assert_eq!(old.rest(), [""; 0], "{protocol}");
        assert_eq!(old.end(), (Some(0), String::new()), "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_goes_over_the_filters_of_a_profile() {
    let home = tempfile::tempdir().expect("a directory");
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve]]).await;
    let profile = "url = \"mqtt://127.0.0.1:PORT\"\n[[profile.a.subscription]]\nfilter = \"t\"\nqos = 1\nretain_handling = 1\n";
    let profile = profile.replace("PORT", &broker.port.to_string());
    fs::write(home.path().join("profiles.toml"), format!("[profile.a]\n{profile}")).expect("written");
    // Identifier, filter, and the options: 0-1 QoS, 2 No Local, 3 Retain As Published, 4-5 Retain Handling.
    let plain = &[0, 0, 1, b't', 0b01_1001][..];
    let cases = [
        (&[][..], plain),
        (&["-q", "2"], &[0, 0, 1, b't', 0b01_1010]),
        (&["--no-local", "--retain-handling", "0"], &[0, 0, 1, b't', 0b00_1101]),
        (&["--subscription-identifier", "5"], &[2, 0x0b, 5, 0, 1, b't', 0b01_1001]),
        (&["--no-retained"], &[0, 0, 1, b't', 0b10_0001]),
        (&["--retained-only"], &[0, 0, 1, b't', 0b00_0000]),
        (&["--retained-only", "-q", "1"], &[0, 0, 1, b't', 0b00_0001]),
    ];
    for (n, (given, expected)) in cases.into_iter().enumerate() {
        let mut sub = command(&[&["sub", "a"], given].concat());
        let sub = Running::start(sub.env("MQTAP_CONFIG_DIR", home.path()));
        within("SUBSCRIBE", async {
            while broker.read(0x80).len() <= n {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        sub.signal(Signal::TERM);
        sub.end();
        // After the header and the packet identifier.
        assert_eq!(broker.read(0x80)[n][4..], *expected, "{given:?}");
    }
}

#[test]
fn subscription_options_of_mqtt_5_are_sent() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    broker.publish("t/old", "1", &["--retain"]);
    let never = mqtap(&["sub", url, "t/#", "--retain-handling", "2", "-W", "300ms"]).assert().code(27);
    never.stdout("");
    broker.publish("u/ready", "yes", &["--retain"]);
    let reader = Running::mqtap(&["sub", url, "u/#", "--retain-as-published", "--format", "{topic} {retain}", "-n", "2"]);
    assert_eq!(reader.line(), "u/ready 1");
    broker.publish("u/live", "2", &["--retain"]);
    assert_eq!(reader.line(), "u/live 1");
}

#[test]
fn properties_of_mqtt_5_travel_both_ways() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let properties = [
        "--retain",
        "--content-type",
        "text/plain",
        "--response-topic",
        "r/t",
        "--correlation-data",
        "c1",
        "--payload-format",
        "1",
        "--user-property",
        "k=v=w",
        "--user-property",
        "k=2",
    ];
    broker.publish("t/p", "x", &properties);
    let line = printed(&["sub", url, "t/p", "-n", "1", "--format", "json"]);
    let message: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        message["properties"],
        serde_json::json!({
            "payload_format": 1,
            "response_topic": "r/t",
            "correlation_data": "c1",
            "user_properties": [["k", "v=w"], ["k", "2"]],
            "content_type": "text/plain",
        })
    );
}

#[test]
fn a_profile_brings_its_filters() {
    let broker = Mosquitto::start();
    broker.publish("t/a", "1", &["--retain"]);
    let home = tempfile::tempdir().expect("a directory");
    let url = broker.url();
    let add = ["profiles", "add", "plant", &url, "t/#"];
    mqtap(&add).env("MQTAP_CONFIG_DIR", home.path()).assert().success();
    let sub = mqtap(&["sub", "plant", "-n", "1"]).env("MQTAP_CONFIG_DIR", home.path()).assert().success();
    sub.stdout("t/a 1\n");
}

#[test]
fn the_connection_is_mended_and_that_is_said() {
    let mut broker = Mosquitto::start();
    broker.publish("t/ready", "1", &["--retain"]);
    let reader = Running::mqtap(&["sub", &broker.url(), "t/#", "-n", "2"]);
    assert_eq!(reader.line(), "t/ready 1");
    broker.restart();
    let mut reader = reader;
    while !reader.has_ended() {
        broker.publish("t/after", "2", &[]);
    }
    assert_eq!(reader.rest(), ["t/after 2"]);
    let (code, said) = reader.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("; trying again in ") && said.ends_with("connected again\n"), "{said}");
}

#[test]
fn a_topic_alias_changes_nothing_for_who_receives() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    broker.publish("t/ready", "yes", &["--retain"]);
    let reader = Running::mqtap(&["sub", url, "t/#", "-n", "4", "--subscription-identifier", "5", "--format", "json"]);
    assert!(reader.line().contains("t/ready"));
    broker.publish("t/a", "x", &["--topic-alias", "1", "--repeat", "3"]);
    for line in reader.rest() {
        assert!(line.contains(r#""topic":"t/a""#) && line.contains(r#""subscription_ids":[5]"#), "{line}");
    }
}

#[test]
fn a_kept_session_prints_what_was_queued_until_its_filter_is_unsubscribed_from() {
    for protocol in ["3.1.1", "5"] {
        let broker = Mosquitto::start();
        let url = &broker.url();
        let expiry = if protocol == "5" { &["-x", "1h"][..] } else { &[] };
        let kept =
            [&["sub", url, "-V", protocol, "-i", "kept", "--clean-start", "no", "-q", "1", "--format", "json"], expiry].concat();
        let with = |more: &[&'static str]| [&kept[..], more].concat();
        mqtap(&with(&["t/a", "-W", "300ms"])).assert().code(27).stdout("");
        broker.publish("t/a", "queued", &[]);
        let queued = printed(&with(&["t/a", "-n", "1"]));
        assert!(queued.contains(r#""resumed":true,"size":6,"payload":"queued""#), "{queued}");
        mqtap(&with(&["-U", "t/a", "-W", "300ms"])).assert().code(27).stdout("");
        broker.publish("t/a", "missed", &[]);
        mqtap(&with(&["t/b", "-W", "300ms"])).assert().code(27).stdout("");
    }
}

#[test]
fn the_default_client_identifier_suits_mqtt_3_1() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    mqtap(&["pub", url, "t/a", "x", "-V", "3.1", "-r", "-q", "1"]).assert().success();
    mqtap(&["get", url, "t/a", "-V", "3.1"]).assert().success().stdout("x");
    let long = mqtap(&["get", url, "t/a", "-V", "3.1", "-i", "123456789012345678901234"]).assert().code(2);
    let said = String::from_utf8_lossy(&long.get_output().stderr).into_owned();
    assert!(said.contains("1 to 23 characters, this one has 24"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_confirms_qos_2_as_qos_1_is_said_to_once() {
    // The Packet Identifier follows the header and the topic, `t/x`.
    let puback: Reply = Arc::new(|publish| vec![0x40, 2, publish[7], publish[8]]);
    let script = [vec![Step::Read, Step::Send(CONNACK_V5.to_vec())], vec![Step::Answer(puback); 3], vec![Step::Serve]].concat();
    let broker = Scripted::start(vec![script]).await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let said = format!("mqtap: 127.0.0.1:{}: the broker confirmed QoS 2 as QoS 1\n", broker.port);
    let publishing = tokio::task::spawn_blocking(move || {
        mqtap(&["pub", &url, "t/x", "--lines", "-q", "2"]).write_stdin("1\n2\n3\n").assert().code(0).stderr(said);
    });
    within("the end", publishing).await.expect("as it should");
}

#[test]
fn a_shared_subscription_before_mqtt_5_is_remarked_on_and_is_no_error() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    for (version, remarks) in [("3.1.1", true), ("5", false)] {
        let sub = mqtap(&["sub", url, "$share/g/t/b", "-W", "500ms", "-V", version]).assert().code(27).stdout("");
        let said = String::from_utf8_lossy(&sub.get_output().stderr).into_owned();
        assert_eq!(said.contains("$share/g/t/b: shared subscriptions are of MQTT 5"), remarks, "{version}: {said}");
        let doctor = printed(&["doctor", url, "$share/g/t/b", "-V", version]);
        assert_eq!(doctor.contains("! SUBSCRIBE"), remarks, "{version}: {doctor}");
    }
}
