//! The demo broker and its plant, read by clients that are not ours.
#![cfg(feature = "demo")]

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use mqtap::demo::{Demo, DemoOptions};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// Runs a client of mosquitto to its end; its own `-W` is the deadline.
async fn mosquitto(tool: &str, broker: SocketAddr, arguments: &[&str]) -> Output {
    let port = broker.port().to_string();
    let mut command = Command::new(tool);
    command.args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port]).args(arguments).kill_on_drop(true);
    command.output().await.unwrap_or_else(|error| panic!("{tool} must be installed: {error}"))
}

async fn lines(tool: &str, demo: &Demo, arguments: &[&str]) -> Vec<String> {
    let output = mosquitto(tool, demo.local(), arguments).await;
    assert!(output.status.success(), "{tool} {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

async fn start(options: DemoOptions) -> Demo {
    Demo::start(options).await.expect("a demo on a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_subscriber_sees_what_is_retained_at_once() {
    let demo = start(DemoOptions::default()).await;
    let port = demo.local().port().to_string();
    let mut command = Command::new("mosquitto_sub");
    command.args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port]);
    command.args(["-t", "plant/#", "--retained-only", "-C", "11", "-W", "10", "-F", "%t"]);
    let mut subscriber = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("mosquitto_sub must be installed");
    let mut output = BufReader::new(subscriber.stdout.take().expect("piped")).lines();
    let mut topics: Vec<String> = output.next_line().await.expect("readable").into_iter().collect();
    // How long the subscriber takes to start is its own matter.
    let started = Instant::now();
    while let Some(topic) = output.next_line().await.expect("readable") {
        topics.push(topic);
    }
    let took = started.elapsed();
    topics.sort();
    assert_eq!(
        topics,
        [
            "plant/gate/camera1/image",
            "plant/gateway/report",
            "plant/hall1/climate/humidity",
            "plant/hall1/climate/temperature",
            "plant/hall1/press3/config",
            "plant/hall1/press3/state",
            "plant/hall1/press4/config",
            "plant/hall1/press4/state",
            "plant/hall2/agv7/status",
            "plant/hall2/agv8/status",
            "plant/hall3/chiller/state",
        ]
    );
    assert!(took < Duration::from_secs(1), "{took:?}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plant_talks_to_any_client() {
    let demo = start(DemoOptions::default()).await;
    let messages = lines("mosquitto_sub", &demo, &["-t", "#", "-C", "60", "-W", "20", "-F", "%t %x"]).await;
    assert!(messages.iter().any(|line| line.starts_with("plant/hall1/oven/zone1/temperature ")), "{messages:?}");
    let picture = messages.iter().find(|line| line.starts_with("plant/gate/camera1/image "));
    assert!(picture.is_some_and(|line| line.contains(" 89504e470d0a1a0a")), "{picture:?}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_reach_the_subscriber() {
    let demo = start(DemoOptions::default()).await;
    let telemetry = ["-t", "plant/hall1/press3/telemetry", "-q", "1", "-C", "1", "-W", "10", "-F", "%q %F %C %P"];
    let shown = lines("mosquitto_sub", &demo, &telemetry).await.join("\n");
    // The embedded broker adds a property that names the publisher, after those of the message.
    assert!(shown.starts_with("1 1 application/json line:A firmware:4.2.1"), "{shown}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_come_exactly_once_with_an_expiry() {
    let demo = start(DemoOptions { rate: Some(600), ..DemoOptions::default() }).await;
    let alarm = ["-t", "plant/+/+/alarm", "-q", "2", "-C", "1", "-W", "10", "-F", "%q %E"];
    assert_eq!(lines("mosquitto_sub", &demo, &alarm).await, ["2 300"]);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vehicle_dies_by_its_will_and_comes_back() {
    // Ten times the natural rate makes its life a tenth as long.
    let demo = start(DemoOptions { rate: Some(300), ..DemoOptions::default() }).await;
    let status = ["-t", "plant/hall2/agv7/status", "-q", "1", "-C", "3", "-W", "20", "-F", "%r %p"];
    assert_eq!(lines("mosquitto_sub", &demo, &status).await, ["1 online", "0 offline", "0 online"]);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_vehicle_is_retained_as_offline() {
    let demo = start(DemoOptions { rate: Some(300), ..DemoOptions::default() }).await;
    let retained = ["-t", "plant/hall2/agv7/status", "--retained-only", "-C", "1", "-W", "5", "-F", "%p"];
    let deadline = Instant::now() + Duration::from_secs(20);
    // It comes back after a while, and dies again.
    while lines("mosquitto_sub", &demo, &retained).await != ["offline"] {
        assert!(Instant::now() < deadline, "it is never offline");
    }
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_answers_a_request() {
    let demo = start(DemoOptions::default()).await;
    let request = ["-t", "plant/service/recipe/get", "-e", "test/reply", "-m", r#"{"recipe":"R-22"}"#, "-W", "10"];
    let request = [&request[..], &["-D", "publish", "correlation-data", "q-42", "-F", "%t %D %C %p"]].concat();
    let answer = lines("mosquitto_rr", &demo, &request).await.join("\n");
    assert!(answer.starts_with("test/reply q-42 application/json {"), "{answer}");
    assert!(answer.contains("cover plate"), "{answer}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_what_was_asked_for() {
    let demo = start(DemoOptions { rate: Some(600), ..DemoOptions::default() }).await;
    let started = Instant::now();
    let messages = lines("mosquitto_sub", &demo, &["-t", "plant/#", "-R", "-C", "1800", "-W", "20", "-F", "%t"]).await;
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(messages.len(), 1800);
    assert!((2.0..6.0).contains(&seconds), "1,800 messages took {seconds:.1} s, not about 3");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_devices_fill_more_topics() {
    let demo = start(DemoOptions { devices: Some(300), ..DemoOptions::default() }).await;
    let topics = lines("mosquitto_sub", &demo, &["-t", "plant/hall9/+/temperature", "-C", "30", "-W", "10", "-F", "%t"]).await;
    assert_eq!(topics.len(), 30);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_takes_less_than_a_second_and_frees_the_port() {
    let demo = start(DemoOptions { rate: Some(1_000), ..DemoOptions::default() }).await;
    let address = demo.address;
    let started = Instant::now();
    demo.stop().await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let again = start(DemoOptions { listen: Some(address), ..DemoOptions::default() }).await;
    assert_eq!(again.address, address);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_demo_frees_the_port() {
    let demo = start(DemoOptions::default()).await;
    let address = demo.address;
    drop(demo);
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpListener::bind(address).is_err() {
        assert!(Instant::now() < deadline, "{address} is still taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_stays_does_not_hold_up_the_end() {
    let demo = start(DemoOptions::default()).await;
    let port = demo.local().port().to_string();
    let mut stays = Command::new("mosquitto_sub");
    stays.args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port, "-t", "plant/#", "-W", "20", "-F", "%t"]);
    let mut stays = stays.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("mosquitto_sub must be installed");
    let mut output = BufReader::new(stays.stdout.take().expect("piped")).lines();
    assert!(output.next_line().await.expect("readable").is_some(), "the subscriber is served");
    let started = Instant::now();
    demo.stop().await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    stays.kill().await.expect("it runs until it is ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("bound");
    let error = Demo::start(DemoOptions { listen: Some(address), ..DemoOptions::default() }).await.expect_err("taken");
    assert!(error.starts_with(&format!("start the demo broker on {address}: ")), "{error}");
}
