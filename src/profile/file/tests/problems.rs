//! What is wrong in a profiles file, each with its place and its sentence.

use super::*;

#[rstest]
// Types.
#[case("keep_alive = true", "3:14: profile.p.keep_alive: expected a duration such as \"10s\", found a boolean")]
#[case("username = 5", "3:12: profile.p.username: expected a text in quotes, found an integer")]
#[case("clean_start = \"yes\"", "3:15: profile.p.clean_start: expected true or false, found a string")]
#[case("tls = 1", "3:7: profile.p.tls: expected a table, found an integer")]
#[case("will.qos = 1.5\nwill.topic = \"a\"", "3:12: profile.p.will.qos: expected a whole number, found a float")]
#[case("memory = []", "3:10: profile.p.memory: expected a size such as \"16MiB\", found an array")]
#[case(
    "reconnect = 5",
    "3:13: profile.p.reconnect: expected a table such as { initial = \"500ms\", max = \"60s\" }, or false, found an integer"
)]
#[case("subscription = [\"#\"]", "3:17: profile.p.subscription[0]: expected any number of tables, found a string")]
#[case(
    "[profile.p.subscription]\nfilter = \"#\"",
    "3:1: profile.p.subscription: expected any number of tables, found a table; write [[profile.p.subscription]]"
)]
#[case(
    "connect.user_properties = [[\"a\"]]",
    "3:27: profile.p.connect.user_properties: expected a list of pairs such as [[\"team\", \"ops\"]], found an array"
)]
// Values.
#[case(
    "keep_alive = \"10x\"",
    "3:14: profile.p.keep_alive: `10x` is not a duration; write 10s, 1m30s, 500ms or a number of seconds"
)]
#[case("keep_alive = \"1500ms\"", "3:14: profile.p.keep_alive: must be whole seconds, at most 65535")]
#[case("keep_alive = -1", "3:14: profile.p.keep_alive: is not a possible number of seconds")]
#[case("keep_alive = 65536", "3:14: profile.p.keep_alive: must be whole seconds, at most 65535")]
#[case("connect_timeout = 0", "3:19: profile.p.connect_timeout: must be longer than nothing")]
#[case(
    "session_expiry = \"forever\"",
    "3:18: profile.p.session_expiry: `forever` is not a duration; write 10s, 1m30s, 500ms or a number of seconds"
)]
#[case("session_expiry = 4294967295", "3:18: profile.p.session_expiry: must be whole seconds below 4294967295, or \"never\"")]
#[case("protocol = \"4\"", "3:12: profile.p.protocol: `4` is not a version of MQTT; write \"5\", \"3.1.1\" or \"3.1\"")]
#[case(
    "client_id = \"{usr}\"",
    "3:13: profile.p.client_id: nothing is known by {usr}; write {user}, {host}, {random} or {pid}; did you mean {user}?"
)]
#[case("memory = \"1kB\"", "3:10: profile.p.memory: must be at least 1MiB")]
#[case(
    "connect.maximum_packet_size = 0",
    "3:31: profile.p.connect.maximum_packet_size: must be 1 to 268435460 bytes, the largest packet of MQTT"
)]
#[case(
    "connect.maximum_packet_size = \"1GiB\"",
    "3:31: profile.p.connect.maximum_packet_size: must be 1 to 268435460 bytes, the largest packet of MQTT"
)]
#[case("will = { topic = \"a/#\" }", "3:18: profile.p.will.topic: a topic to publish to cannot hold the wildcard `#`")]
#[case("will = { topic = \"a\", qos = 3 }", "3:29: profile.p.will.qos: is 0, 1 or 2, not 3")]
#[case("will = { topic = \"a\", payload_format = 2 }", "3:40: profile.p.will.payload_format: is 0 (any bytes) or 1 (UTF-8 text)")]
#[case("will = { payload = \"a\" }", "3:8: profile.p.will: the key `topic` is missing")]
#[case("tls.server_name = \"mqtts://h\"", "3:19: profile.p.tls.server_name: is a host's name, without scheme and port")]
#[case(
    "subscription = [{ filter = \"a/#/b\" }]",
    "3:28: profile.p.subscription[0].filter: `#` stands alone and at the end of a filter, as in plant/#"
)]
#[case("[[profile.p.subscription]]\nqos = 0", "3:1: profile.p.subscription[0]: the key `filter` is missing")]
#[case("subscription = [{ filter = \"a\", retain_handling = 3 }]", "3:51: profile.p.subscription[0].retain_handling: is 0, 1 or 2")]
#[case(
    "subscription = [{ filter = \"$share/g/a\", no_local = true }]",
    "3:53: profile.p.subscription[0].no_local: MQTT forbids it for a shared subscription"
)]
#[case(
    "reconnect = { initial = \"9s\", max = \"1s\" }",
    "3:25: profile.p.reconnect: max is shorter than initial; the defaults are used"
)]
#[case("password = { env = \"$A=\" }", "3:20: profile.p.password.env: is the name of an environment variable, without $ and =")]
#[case("password = { command = [] }", "3:24: profile.p.password.command: names no program")]
#[case("password = { prompt = false }", "3:23: profile.p.password.prompt: is true, or left out")]
#[case("password = { env = \"A\", prompt = true }", "3:12: profile.p.password: give one of env, command, file or prompt")]
#[case("connect.authentication = {}", "3:26: profile.p.connect.authentication: the key `method` is missing")]
#[case("connect.authentication = { method = \"\" }", "3:37: profile.p.connect.authentication.method: is empty")]
#[case(
    "connect.authentication = { method = \"SCRAM-SHA-1\" }",
    "3:37: profile.p.connect.authentication: SCRAM-SHA-1 needs a user name and a password"
)]
#[case(
    "protocol = \"3.1.1\"\nconnect.authentication = { method = \"x\" }",
    "4:37: profile.p.connect.authentication: authentication with x needs MQTT 5, and this connection speaks 3.1.1"
)]
#[case(
    "username = \"u\"\nconnect.authentication = { method = \"SCRAM-SHA-256\" }",
    "4:37: profile.p.connect.authentication: SCRAM-SHA-256 needs a user name and a password"
)]
#[case(
    "username = \"u\"\npassword = { env = \"A\" }\nconnect.authentication = { method = \"SCRAM-SHA-256\", data = { env = \"B\" } }",
    "5:37: profile.p.connect.authentication: SCRAM-SHA-256 takes a user name and a password, no data"
)]
#[case(
    "username = \"u\"\npassword.prompt = true\nconnect.authentication = { method = \"SCRAM-SHA-256-PLUS\" }",
    "5:37: profile.p.connect.authentication: SCRAM-SHA-256-PLUS is not supported; SCRAM-SHA-1, SCRAM-SHA-256 and SCRAM-SHA-512 are"
)]
#[case(
    "protocol = \"3.1.1\"\npassword = { env = \"A\" }",
    "4:20: profile.p.password: MQTT 3 takes no password without a user name"
)]
#[case(
    "connect.authentication = { method = \"x\", data = {} }",
    "3:49: profile.p.connect.authentication.data: give one of env, command, file or prompt"
)]
#[case("connect.receive_maximum = 0", "3:27: profile.p.connect.receive_maximum: is 1 to 65535")]
#[case("connect.topic_alias_maximum = 65536", "3:31: profile.p.connect.topic_alias_maximum: is 0 to 65535")]
#[case("subscription = [{ filter = \"a\", identifier = 0 }]", "3:46: profile.p.subscription[0].identifier: is 1 to 268435455")]
#[case(
    "protocol = \"3.1\"\nclient_id = \"123456789012345678901234\"",
    "4:13: profile.p.client_id: MQTT 3.1 wants a client identifier of 1 to 23 characters, this one has 24"
)]
#[case("password = {}", "3:12: profile.p.password: give one of env, command, file or prompt")]
#[case(
    "password = 12345",
    "3:12: profile.p.password: expected a table such as { env = \"PLANT_PASSWORD\" }, or a text in quotes, found an integer"
)]
#[case(
    "fallback_urls = [\"mqtts://a\", \"h\"]",
    "3:17: profile.p.fallback_urls: number 2: a broker's URL starts with mqtt:// or mqtts://"
)]
#[case("fallback_urls = [\"mqtts://u@a\"]", "3:17: profile.p.fallback_urls: number 1: a user name belongs to the key username")]
#[case("tls.alpn = [\"\"]", "3:12: profile.p.tls.alpn: the name of a protocol has 1 to 255 bytes")]
#[case(
    "fallback_urls = [\"ws://localhost\"]\nwebsocket.path = \"/ü\"",
    "4:18: profile.p.websocket.path: the path of a URL holds visible ASCII only; write the rest as %20 and so on"
)]
#[case(
    "fallback_urls = [\"wss://a\"]\nwebsocket.headers = [[\"Upgrade\", \"x\"]]",
    "4:22: profile.p.websocket.headers[0]: the header upgrade belongs to the handshake itself"
)]
#[case(
    "fallback_urls = [\"wss://a\"]\nwebsocket.headers = [[\"A\"]]",
    "4:22: profile.p.websocket.headers[0]: expected a list of pairs such as [[\"Authorization\", { env = \"WS_TOKEN\" }]], found an array"
)]
#[case(
    "tls.cert_file = \"a\"\ntls.key_password = {}",
    "4:20: profile.p.tls.key_password: give one of env, command, file or prompt"
)]
// What only several keys show.
#[case(
    "fallback_urls = [\"mqtt://far.example\"]",
    "3:17: profile.p.fallback_urls: what is not encrypted is not used, because the url is: who blocks that would see all in the clear"
)]
#[case("websocket.path = \"/a\"", "3:18: profile.p.websocket: has no effect, because no url is ws:// or wss://")]
#[case(
    "fallback_urls = [\"wss://a/b\"]\nwebsocket.path = \"/a\"",
    "4:18: profile.p.websocket.path: has no effect, because the url has a path"
)]
#[case(
    "proxy = { url = \"http://p\", password = { env = \"A\" } }",
    "3:40: profile.p.proxy.password: has no effect, because proxy.url names no user"
)]
#[case("tls.key_file = \"a\"", "3:16: profile.p.tls.key_file: has no effect, because there is no cert_file")]
#[case("tls.ca_file = \"a\"\ntls.verify = \"none\"", "3:15: profile.p.tls.ca_file: has no effect, because verify is not \"full\"")]
#[case(
    "client_id = \"\"\nclean_start = false",
    "4:15: profile.p.clean_start: has no effect, because a session is kept under a client_id, which is empty"
)]
#[case(
    "protocol = \"3.1.1\"\nsession_expiry = \"1h\"",
    "4:1: profile.p.session_expiry: has no effect, because protocol is \"3.1.1\""
)]
#[case("tls.ca_only = true", "3:15: profile.p.tls.ca_only: no broker is trusted, because there is no ca_file")]
// Names.
#[case("keepalive = 5", "3:1: unknown key `keepalive` in profile.p; did you mean `keep_alive`?")]
#[case("subscribe = \"a\"", "3:1: unknown key `subscribe` in profile.p; did you mean `subscription`?")]
#[case("[[profile.p.subscriptions]]", "3:13: unknown key `subscriptions` in profile.p; did you mean `subscription`?")]
#[case("host = \"h\"", "3:1: unknown key `host` in profile.p; did you mean `url`?")]
#[case("port = 1883", "3:1: unknown key `port` in profile.p; did you mean `url`?")]
#[case("  zebra = 5", "3:3: unknown key `zebra` in profile.p")]
#[case("ca_file = \"x\"", "3:1: unknown key `ca_file` in profile.p; write it below [profile.p.tls]")]
#[case("filter = \"x\"", "3:1: unknown key `filter` in profile.p; write it below [[profile.p.subscription]]")]
#[case("tls.username = \"x\"", "3:5: unknown key `username` in profile.p.tls; write it below [profile.p]")]
#[case("password = { cmd = [\"a\"] }", "3:14: unknown key `cmd` in profile.p.password")]
#[case("\"ä\\u001b[31m\" = 5", "3:1: unknown key `ä␛[31m` in profile.p")]
// What is to come.
#[case("[[profile.p.decode]]\nfilter = \"a\"", "3:13: profile.p.decode: not supported by this version yet")]
#[case("password = { keyring = \"x\" }", "3:14: profile.p.password.keyring: not supported by this version yet")]
fn a_problem_says_where_what_and_what_instead(#[case] text: &str, #[case] expected: &str) {
    let profiles = load_keys(text);
    assert_eq!(only_problem(&profiles), format!("profiles.toml:{expected}"));
    assert!(profiles.find("p").expect("listed").profile.is_some(), "the rest is usable");
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let profiles = load("shema = 1\n[profile.a]\nurl = 1\nqos = 1\n\n[profile.b]\nurl = \"mqtt://h\"\n[profile.c]\n");
    let expected = [
        "profiles.toml:1:1: unknown key `shema`; did you mean `schema`?",
        "profiles.toml:3:7: profile.a.url: expected a text in quotes, found an integer",
        "profiles.toml:4:1: unknown key `qos` in profile.a; write it below [profile.a.will] or [[profile.a.subscription]]",
        "profiles.toml:8:10: profile.c: the key `url` is missing",
    ];
    assert_eq!(problems(&profiles), expected);
    let usable: Vec<bool> = profiles.entries().iter().map(|entry| entry.profile.is_some()).collect();
    assert_eq!(usable, [false, true, false]);
    assert_eq!(profiles.problems_of("a").count(), 2);
    assert_eq!(profiles.problems_of("b").count(), 0);
}

#[rstest]
#[case("url = \"mqtt://h:0\"", "2:7: profile.p.url: `0` is not a port; a port is 1 to 65535")]
#[case(
    "url = \"socks5://h\"",
    "2:7: profile.p.url: `socks5` is not a scheme of a broker's URL; use one of mqtt:// mqtts:// ws:// wss:// quic:// unix://"
)]
#[case(
    "url = \"mqtt://h\"\nproxy.url = \"x\"",
    "3:13: profile.p.proxy.url: the URL of a proxy starts with socks5:// or http://; the profile is not used, because connecting would \
     go past the proxy"
)]
#[case("url = \"mqtt://h\"\nproxy = \"socks5://p\"", "3:9: profile.p.proxy: expected a table, found a string")]
#[case("url = \"mqtt://h\"\n[profile.p.proxy]", "3:1: profile.p.proxy: the key `url` is missing")]
#[case(
    "url = \"quic://h\"\nproxy.url = \"socks5://p\"",
    "3:13: profile.p.proxy: carries TCP only; the profile is not used, because quic:// or unix:// would go past the proxy"
)]
#[case(
    "url = \"mqtts://h\"\ntls.min_version = 1.3",
    "3:19: profile.p.tls.min_version: expected a text in quotes, found a float; the profile is not used, because an older TLS might be \
     spoken"
)]
#[case(
    "url = \"mqtts://h\"\ntls.verify = \"fingerprint:AB\"",
    "3:14: profile.p.tls.verify: a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits, with or without colons; the \
     profile is not used, because the broker would be verified in another way"
)]
fn a_profile_that_cannot_be_used_is_listed_with_its_problem(#[case] text: &str, #[case] expected: &str) {
    let profiles = load(&format!("[profile.p]\n{text}\n"));
    assert_eq!(only_problem(&profiles), format!("profiles.toml:{expected}"));
    assert!(profiles.find("p").expect("listed").profile.is_none());
    assert!(resolve::target("p", &profiles).expect_err("unusable").contains(expected));
}

/// Asserts that the cost of reading a text grows as its size.
fn assert_linear(text: impl Fn(usize) -> String) {
    let cost = |count| {
        let disk = Disk::with(text(count));
        let once = || {
            let started = std::time::Instant::now();
            assert!(disk.load().problems().len() <= 101);
            started.elapsed()
        };
        (0..2).map(|_| once()).min().unwrap_or_default()
    };
    let (small, large) = (cost(250), cost(2_000));
    assert!(large < small * 24 + Duration::from_millis(20), "{large:?}, and {small:?} for an eighth of {}", text(2));
}

#[test]
fn the_cost_of_a_file_grows_as_its_size() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>();
    let profile = "[profile.p]\nurl = \"ws://h\"\n";
    assert_linear(|count| format!("{profile}{}", many(count, &|n| format!("key_{n} = 1\n")).concat()));
    assert_linear(|count| many(count, &|n| format!("key_{n} = 1\n")).concat());
    assert_linear(|count| {
        format!("{profile}subscription = [{}]", many(count, &|n| format!("{{ filter = \"a/{n}\" }}")).join(", "))
    });
    assert_linear(|count| format!("{profile}websocket.headers = [{}]", many(count, &|n| format!("[\"A{n}\", \"b\"]")).join(", ")));
    assert_linear(|count| many(count, &|n| format!("[profile.p{n}]\nurl = \"mqtt://h\"\n")).concat());
}
