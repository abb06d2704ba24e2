mod problems;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use rstest::rstest;

use super::*;
use crate::{
    mqtt::{
        message::Qos,
        options::{Protocol, Reconnect, SessionExpiry, Subscription},
    },
    profile::{EXAMPLE, client_id::Identity, keys, resolve, secret::PasswordSource},
    wire::{
        endpoint::Transport,
        tls::{TlsVersion, Verify},
    },
};

struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn with(bytes: impl AsRef<[u8]>) -> Self {
        let disk = Self { dir: tempfile::tempdir().expect("a directory") };
        fs::write(disk.path(), bytes).expect("written");
        disk.chmod(0o600);
        disk
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("profiles.toml")
    }

    fn chmod(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).expect("set");
    }

    fn load(&self) -> Profiles {
        Profiles::load(&self.path(), Some(Path::new("/home/anna")))
    }
}

fn load(text: &str) -> Profiles {
    Disk::with(text).load()
}

/// Loads what stands below `[profile.p]` and a good URL, on line 3.
fn load_keys(text: &str) -> Profiles {
    load(&format!("[profile.p]\nurl = \"mqtts://h\"\n{text}\n"))
}

fn problems(profiles: &Profiles) -> Vec<String> {
    profiles.problems().iter().map(ToString::to_string).collect()
}

fn only_problem(profiles: &Profiles) -> String {
    let problems = problems(profiles);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].clone()
}

fn options(profiles: &Profiles, name: &str) -> crate::mqtt::options::Options {
    let identity = Identity { user: "anna".into(), host: "edge".into(), random: "r".into(), pid: 7 };
    profiles.find(name).and_then(|entry| entry.profile.as_ref()).expect("usable").options(&identity)
}

#[test]
fn the_example_parses_without_a_problem() {
    let profiles = load(EXAMPLE);
    assert_eq!(problems(&profiles), [""; 0]);
    assert!(profiles.entries().iter().all(|entry| entry.profile.is_some()));
}

#[test]
fn the_example_holds_every_supported_key_and_no_other() {
    let written: BTreeSet<String> = load(EXAMPLE)
        .entries()
        .iter()
        .flat_map(|entry| &entry.settings)
        .map(|setting| setting.path.split(['[', ']']).step_by(2).collect())
        .collect();
    let mut supported = BTreeSet::new();
    keys::each(|path, key| {
        if key.is_supported() && key.inner().is_empty() {
            supported.insert(path.to_owned());
        }
    });
    // Both forms of these are shown: the table, and the value alone.
    supported.insert("reconnect".into());
    assert_eq!(written, supported);
}

#[test]
fn every_key_of_the_example_reaches_the_options() {
    let profiles = load(EXAMPLE);
    let options = options(&profiles, "plant");
    assert_eq!(options.endpoint.to_string(), "mqtts://broker.plant.example:8883");
    assert_eq!((options.protocol, options.may_downgrade), (Protocol::V5, false));
    assert_eq!(options.client_id, "mqtap-anna-edge-r");
    assert_eq!(options.username.as_deref(), Some("ops"));
    assert!(options.password.is_none());
    assert_eq!((options.connect_timeout, options.keep_alive), (Duration::from_secs(10), Duration::from_secs(30)));
    assert_eq!((options.clean_start, options.session_expiry), (true, SessionExpiry::After(3_600)));
    assert_eq!(options.reconnect, Some(Reconnect { initial: Duration::from_millis(500), max: Duration::from_mins(1) }));
    assert_eq!(options.max_packet_size, Some(16 << 20));
    assert_eq!(options.user_properties, [("team".into(), "ops".into())]);
    assert_eq!(options.tls.ca_file.as_deref(), Some(Path::new("/home/anna/plant-ca.pem")));
    assert_eq!((options.tls.ca_only, options.tls.server_name.as_deref()), (false, Some("broker.internal")));
    let fallbacks: Vec<String> = options.fallbacks.iter().map(ToString::to_string).collect();
    assert_eq!(fallbacks, ["wss://broker2.plant.example:443"]);
    assert_eq!((options.tls.verify, options.tls.min_version), (Verify::Full, TlsVersion::V12));
    assert_eq!(options.tls.alpn, ["mqtt"]);
    assert!(options.tls.cert_file.is_some_and(|file| file.ends_with("me.pem")));
    assert!(options.tls.key_file.is_some_and(|file| file.ends_with("me.key")));
    assert_eq!(options.websocket.path.as_deref(), Some("/mqtt"));
    let proxy = options.proxy.expect("a proxy");
    assert_eq!((proxy.to_string().as_str(), proxy.username.as_deref()), ("socks5://bastion:1080", Some("ops")));
    let plain = Subscription::new("$SYS/broker/clients/#", Qos::AtMostOnce);
    let numbered = Subscription { identifier: Some(1), ..Subscription::new("plant/#", Qos::AtMostOnce) };
    assert_eq!(options.subscriptions, [numbered, plain]);
    assert_eq!((options.receive_maximum, options.topic_alias_maximum), (Some(1_000), 64));
    assert!(options.request_response_information && options.request_problem_information);
    let plant = profiles.find("plant").and_then(|entry| entry.profile.as_ref()).expect("usable");
    assert_eq!((plant.read_only, plant.protect, plant.memory), (false, true, Some(256 << 20)));
    assert!(matches!(&plant.password, Some(PasswordSource::Env(name)) if name == "PLANT_PASSWORD"));
    assert_eq!(self::options(&profiles, "asks-and-gives-up").reconnect, None);
}

#[test]
fn a_will_is_read_with_all_its_properties() {
    let will = options(&load(EXAMPLE), "plant").will.expect("a will");
    let properties = will.message.properties.expect("properties");
    assert_eq!((&*will.message.topic, &*will.message.payload), ("clients/mqtap/state", &b"gone"[..]));
    assert_eq!((will.message.qos, will.message.retain, will.delay), (Qos::AtLeastOnce, true, Some(5)));
    assert_eq!((properties.message_expiry, properties.payload_format), (Some(86_400), Some(1)));
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.response_topic.as_deref(), Some("clients/mqtap/ask"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"mqtap"[..]));
    assert_eq!(properties.user_properties, [("reason".into(), "connection lost".into())]);
}

#[test]
fn authentication_is_read_with_the_place_of_its_data() {
    let profiles = load(EXAMPLE);
    let profile = |name| profiles.find(name).and_then(|entry| entry.profile.as_ref()).expect("usable");
    let method = |name| options(&profiles, name).authentication.map(|authentication| authentication.method);
    assert_eq!(method("scram").as_deref(), Some("SCRAM-SHA-256"));
    assert!(profile("scram").sources.authentication.is_none() && profile("scram").password.is_some());
    assert_eq!(method("token").as_deref(), Some("Bearer"));
    let source = profile("token").sources.authentication.as_ref();
    assert!(matches!(source, Some(PasswordSource::Env(name)) if name == "PLANT_TOKEN"), "{source:?}");
    assert!(profile("token").password.is_none());
}

#[test]
fn the_default_client_id_is_short_enough_for_3_1() {
    let profiles = load_keys("protocol = \"3.1\"");
    let options = options(&profiles, "p");
    assert_eq!((options.protocol, options.client_id.as_str()), (Protocol::V31, "mqtap-r"));
}

#[test]
fn a_url_alone_gives_the_defaults() {
    let profiles = load("profile.local.url = \"mqtt://ops@localhost:2000\"");
    let options = options(&profiles, "local");
    assert_eq!((options.endpoint.transport, options.endpoint.port), (Transport::Tcp, 2000));
    assert_eq!((options.protocol, options.may_downgrade), (Protocol::V5, true));
    assert_eq!(options.username.as_deref(), Some("ops"));
    assert_eq!(options.reconnect, Some(Reconnect::default()));
}

#[test]
fn the_user_name_of_its_own_key_wins_wherever_it_stands() {
    for text in ["username = \"key\"\nurl = \"mqtt://url@h\"", "url = \"mqtt://url@h\"\nusername = \"key\""] {
        assert_eq!(options(&load(&format!("[profile.p]\n{text}")), "p").username.as_deref(), Some("key"));
    }
}

#[test]
fn a_password_in_a_url_is_refused_unseen() {
    let profiles = load("[profile.p]\nurl = \"mqtt://ops:CANARY@h\"\n");
    let problem = only_problem(&profiles);
    assert!(problem.contains("a password in a URL") && !problem.contains("CANARY"), "{problem}");
    assert!(profiles.find("p").expect("listed").profile.is_none());
}

#[test]
fn tls_settings_without_tls_are_pointed_out() {
    let profiles = load("[profile.p]\nurl = \"mqtt://h\"\n[profile.p.tls]\nca_file = \"x\"\n");
    assert!(only_problem(&profiles).starts_with("profiles.toml:4:11: profile.p.tls: has no effect"));
}

#[test]
fn a_guard_that_cannot_be_read_is_up() {
    let profiles = load_keys("read_only = \"false\"\nprotect = 0\ntls = { ca_file = \"x\", ca_only = \"yes\" }");
    let profile = profiles.find("p").and_then(|entry| entry.profile.as_ref()).expect("usable");
    assert_eq!((profiles.problems().len(), profile.read_only, profile.protect), (3, true, true));
    assert!(options(&profiles, "p").tls.ca_only);
}

#[test]
fn a_password_whose_source_is_wrong_is_not_left_out_in_silence() {
    for text in ["password = { keyring = \"x\" }", "password = { env = 5 }", "password = 5"] {
        let profiles = load_keys(text);
        let profile = profiles.find("p").and_then(|entry| entry.profile.as_ref()).expect("usable");
        assert!(matches!(profile.password, Some(PasswordSource::Unusable(_))), "{text}");
    }
}

#[test]
fn an_inline_password_is_used_only_while_the_file_is_private() {
    let disk = Disk::with("[profile.p]\nurl = \"mqtt://h\"\npassword = \"CANARY\"\n");
    let profiles = disk.load();
    let profile = profiles.find("p").and_then(|entry| entry.profile.as_ref()).expect("usable");
    assert!(matches!(&profile.password, Some(PasswordSource::Inline(secret)) if secret.expose() == b"CANARY"));
    assert_eq!(problems(&profiles), [""; 0]);
    for mode in [0o640, 0o604, 0o620, 0o601] {
        disk.chmod(mode);
        let profiles = disk.load();
        let problem = only_problem(&profiles);
        assert!(problem.contains("3:12") && problem.contains("chmod 600") && !problem.contains("CANARY"), "{problem}");
        let profile = profiles.find("p").and_then(|entry| entry.profile.as_ref()).expect("usable");
        assert!(matches!(profile.password, Some(PasswordSource::Unusable(_))));
    }
}

/// A profile with each place for a secret, all of which are read like this.
fn every_secret(source: &str) -> String {
    format!(
        "[profile.p]\nurl = \"wss://h\"\nusername = \"u\"\npassword = {source}\ntls = {{ cert_file = \"c\", key_password = {source} }}\n\
         proxy = {{ url = \"http://u@p\", password = {source} }}\nwebsocket.headers = [[\"A\", {source}]]\n\
         [profile.q]\nurl = \"mqtts://h\"\nconnect.authentication = {{ method = \"Bearer\", data = {source} }}\n"
    )
}

#[rstest]
#[case::command("{ command = [\"touch\", \"CANARY\"] }")]
#[case::file("{ file = \"CANARY\" }")]
#[case::env("{ env = \"CANARY\" }")]
#[tokio::test]
async fn a_file_that_others_can_change_runs_no_program_and_leads_to_no_secret(#[case] source: &str) {
    let disk = Disk::with(every_secret(source));
    assert_eq!(problems(&disk.load()), [""; 0]);
    let chmod = |mode| fs::set_permissions(disk.dir.path(), fs::Permissions::from_mode(mode)).expect("set");
    let is_root = rustix::process::geteuid().is_root();
    let chown = |user| std::os::unix::fs::chown(disk.path(), Some(user), None).expect("given away");
    let ways: [(&dyn Fn(bool), &str); 3] = [
        (&|on| disk.chmod(if on { 0o666 } else { 0o600 }), "can be changed by others (mode 0666); run chmod go-w "),
        (&|on| chmod(if on { 0o777 } else { 0o700 }), "is in a directory that others can change (mode 0777); run chmod go-w "),
        // Only root can give a file away.
        (
            &|on| {
                if is_root {
                    chown(if on { 12_345 } else { 0 });
                }
            },
            if is_root { "belongs to another user; run chown " } else { "" },
        ),
    ];
    for (open, why) in ways.into_iter().filter(|(_, why)| !why.is_empty()) {
        open(true);
        let profiles = disk.load();
        open(false);
        let said = problems(&profiles);
        assert_eq!(said.len(), 5, "{said:#?}");
        assert!(said.iter().all(|line| line.contains(&format!("not used, because profiles.toml {why}"))), "{said:#?}");
        for name in ["p", "q"] {
            let profile = profiles.find(name).and_then(|entry| entry.profile.as_ref()).expect("usable");
            let refused = profile.fetch(&mut options(&profiles, name), &|_| Some("CANARY".into())).await.expect_err("no secret");
            assert!(refused.contains(why), "{refused}");
        }
        assert!(fs::read_dir(disk.dir.path()).expect("listed").count() == 1, "a program ran");
    }
}

#[test]
fn a_file_that_others_can_change_still_asks_for_secrets() {
    let disk = Disk::with(every_secret("{ prompt = true }"));
    disk.chmod(0o666);
    assert_eq!(problems(&disk.load()), [""; 0]);
}

#[test]
fn nothing_secret_is_among_what_is_shown_of_a_profile() {
    let wrong = ["\"CANARY\"", "5", "[\"CANARY\"]", "[\"a\", \"CANARY\"]", "{ a = \"CANARY\" }", "[[\"A\", \"CANARY\"]]"];
    let secrets = ["password", "tls.key_password", "proxy.password", "websocket.headers", "connect.authentication.data"];
    let mut lines: Vec<String> = Vec::new();
    for secret in secrets {
        lines.extend(wrong.map(|value| format!("{secret} = {value}")));
        lines.push(format!("{secret} = {{ command = [\"pass\", \"CANARY\"] }}"));
        for way in ["env", "command", "file", "prompt", "keyring"] {
            // A variable or a file is where a secret is, and its name may be shown.
            let wrong = wrong.iter().filter(|value| **value != "\"CANARY\"" || ["command", "prompt", "keyring"].contains(&way));
            lines.extend(wrong.filter(|value| **value != "[\"CANARY\"]").map(|value| format!("{secret} = {{ {way} = {value} }}")));
        }
    }
    for url in ["mqtt://u:CANARY@h", "ws://u:CAN/ARY@h", "wss://h/mqtt?token=CANARY", "http://u:CANARY@p"] {
        for key in ["url", "proxy.url", "websocket.path"] {
            lines.extend([format!("{key} = \"{url}\""), format!("{key} = [\"{url}\"]"), format!("{key} = {{ a = \"{url}\" }}")]);
        }
        lines.extend([format!("fallback_urls = \"{url}\""), format!("fallback_urls = [\"{url}\", [\"{url}\"]]")]);
    }
    for line in lines {
        let url = if line.starts_with("url") { "" } else { "url = \"wss://h\"\n" };
        let profiles = load(&format!("[profile.p]\n{url}{line}\n"));
        let said = problems(&profiles).join("\n");
        let shown = format!("{:?} {profiles:?} {said}", profiles.find("p").expect("listed").settings);
        assert!(!shown.contains("CAN") && !shown.contains("ARY"), "{line}: {shown}");
    }
}

#[test]
fn a_file_without_inline_passwords_may_be_read_by_all() {
    let disk = Disk::with(EXAMPLE);
    disk.chmod(0o644);
    assert_eq!(problems(&disk.load()), [""; 0]);
}

#[test]
fn a_fingerprint_is_read_in_all_its_spellings() {
    let digits = "5A".repeat(32);
    let colons = ["5a"; 32].join(":");
    for text in [digits.clone(), colons.clone(), format!("SHA256:{colons}")] {
        let profiles = load_keys(&format!("tls.verify = \"fingerprint:{text}\""));
        assert_eq!(options(&profiles, "p").tls.verify, Verify::Fingerprint([0x5a; 32]), "{text}");
    }
}

#[test]
fn other_secrets_do_not_take_the_place_of_the_password() {
    let profiles = load_keys(
        "password.env = \"PW\"\ntls.key_password = { file = \"k\" }\ntls.cert_file = \"c\"\nproxy = { url = \"http://u@p\", password = \
         \"CANARY\" }\nfallback_urls = [\"wss://a\"]\nwebsocket.headers = [[\"A\", \"CANARY\"], [\"B\", { prompt = true }]]",
    );
    assert_eq!(problems(&profiles), [""; 0]);
    let entry = profiles.find("p").expect("listed");
    let profile = entry.profile.as_ref().expect("usable");
    assert!(matches!(&profile.password, Some(PasswordSource::Env(name)) if name == "PW"));
    let settings: Vec<String> = entry.settings.iter().map(|setting| format!("{} = {}", setting.path, setting.text)).collect();
    let shown = settings.join("\n");
    assert!(!format!("{profiles:?} {shown}").contains("CANARY"), "{shown}");
    for line in ["tls.key_password = file ", "proxy.password = in the profile file", "websocket.headers[1] = B: asked for"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn nothing_that_was_read_prints_a_password() {
    let profiles = load_keys("password = \"CANARY\"");
    assert!(!format!("{profiles:?}").contains("CANARY"));
    let wrong = load("[profile.p]\nurl = \"mqtt://h\"\npassword = \"CANARY\" x\n");
    assert!(!format!("{wrong:?} {}", only_problem(&wrong)).contains("CANARY"));
}

#[test]
fn a_linked_file_is_judged_by_what_it_links_to() {
    let disk = Disk::with("[profile.p]\nurl = \"mqtt://h\"\npassword = \"secret\"\n");
    let link = disk.dir.path().join("link.toml");
    std::os::unix::fs::symlink(disk.path(), &link).expect("linked");
    assert_eq!(problems(&Profiles::load(&link, None)), [""; 0]);
    disk.chmod(0o644);
    assert!(only_problem(&Profiles::load(&link, None)).starts_with("link.toml:3:12:"));
}

#[test]
fn paths_start_at_the_file_or_at_home() {
    let disk = Disk::with(
        "[profile.p]\nurl = \"mqtts://h\"\ntls.ca_file = \"sub/ca.pem\"\npassword.file = \"~/p\"\n[profile.q]\nurl = \"mqtts://h\"\n\
         tls.ca_file = \"/abs.pem\"\n",
    );
    let profiles = disk.load();
    assert_eq!(options(&profiles, "p").tls.ca_file, Some(disk.dir.path().join("sub/ca.pem")));
    assert_eq!(options(&profiles, "q").tls.ca_file, Some(PathBuf::from("/abs.pem")));
    let profile = profiles.find("p").and_then(|entry| entry.profile.as_ref()).expect("usable");
    assert!(matches!(&profile.password, Some(PasswordSource::File(path)) if path == Path::new("/home/anna/p")));
    let homeless = Profiles::load(&disk.path(), None);
    assert_eq!(
        only_problem(&homeless),
        "profiles.toml:4:17: profile.p.password.file: there is no home directory for ~/; write the whole path"
    );
}

#[rstest]
#[case("my plant")]
#[case("")]
#[case("-x")]
#[case("a/b")]
#[case("ünit")]
#[case("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg")]
fn an_impossible_name_is_reported_and_the_others_work(#[case] name: &str) {
    let profiles = load(&format!(
        "[profile.\"{name}\"]\nurl = \"mqtt://h\"\n[profile.a_B-1.x]\nurl = \"mqtt://h\"\n[profile.\"a.b\"]\nurl = \"mqtt://h\""
    ));
    let problem = problems(&profiles)[0].clone();
    assert!(problem.starts_with("profiles.toml:1:10: ") && problem.contains("is not a name for a profile"), "{problem}");
    assert!(profiles.find("a.b").is_some_and(|entry| entry.profile.is_some()));
}

#[rstest]
#[case("", 0)]
#[case("\u{feff}[profile.p]\r\nurl = \"mqtt://h\"\r\n", 1)]
#[case("# nothing\n", 0)]
#[case("schema = 1\n[profile]\n", 0)]
fn an_empty_file_and_other_line_ends_are_fine(#[case] text: &str, #[case] entries: usize) {
    let profiles = load(text);
    assert_eq!((problems(&profiles), profiles.entries().len()), (Vec::new(), entries));
}

#[test]
fn places_are_right_after_a_byte_order_mark_and_with_carriage_returns() {
    assert!(only_problem(&load("\u{feff}shema = 1\r\n")).starts_with("profiles.toml:1:1:"));
    assert!(only_problem(&load("\u{feff}# a\r\n  shema = 1\r\n")).starts_with("profiles.toml:2:3:"));
}

#[test]
fn a_syntax_error_has_its_place() {
    let profiles = load("[profile.p]\nurl = \"mqtt://h\nqos = 1\n");
    let problem = only_problem(&profiles);
    assert!(problem.starts_with("profiles.toml:2:16: not valid TOML: ") && !problem.contains('\n'), "{problem}");
    assert!(profiles.entries().is_empty());
}

#[test]
fn a_key_written_twice_has_its_place() {
    let problem = only_problem(&load("[profile.p]\nurl = \"mqtt://h\"\nurl = \"mqtt://i\"\n"));
    assert!(problem.starts_with("profiles.toml:3:1: not valid TOML: duplicate key"), "{problem}");
}

#[test]
fn what_is_not_text_is_told_with_its_place() {
    assert_eq!(only_problem(&Disk::with(b"a = 1\nb = \"\xff\"\n").load()), "profiles.toml:2:6: is not UTF-8 text");
}

#[test]
fn a_huge_file_is_refused() {
    let disk = Disk::with("");
    fs::File::options().write(true).open(disk.path()).expect("open").set_len(100 << 20).expect("grown");
    assert_eq!(only_problem(&disk.load()), "profiles.toml: is larger than 4.0 MiB");
}

#[test]
fn what_is_no_file_is_refused_and_a_missing_one_is_empty() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(only_problem(&Profiles::load(dir.path(), None)).ends_with(": is a directory, not a file"));
    let missing = Profiles::load(&dir.path().join("none/profiles.toml"), None);
    assert_eq!((missing.problems().len(), missing.entries().len()), (0, 0));
    let circle = dir.path().join("circle.toml");
    std::os::unix::fs::symlink("circle.toml", &circle).expect("linked");
    assert!(only_problem(&Profiles::load(&circle, None)).starts_with("circle.toml: cannot be read: "));
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for deep in ["[".repeat(100_000), format!("a{}", ".a".repeat(100_000)), "{a=".repeat(100_000)] {
        assert!(only_problem(&load(&format!("x = {deep}"))).contains("not valid TOML"));
    }
}

#[test]
fn a_newer_schema_is_read_without_complaints_about_its_keys() {
    let profiles = load("schema = 2\nnew = 1\n[profile.p]\nurl = \"mqtt://h\"\nnew = 1\n");
    let problem = only_problem(&profiles);
    assert!(problem.starts_with("profiles.toml:1:10: schema: 2 is newer"), "{problem}");
    assert!(profiles.find("p").is_some_and(|entry| entry.profile.is_some()));
}

#[rstest]
#[case("schema = 0", "1:10: schema: expected the number 1")]
#[case("schema = \"1\"", "1:10: schema: expected the number 1")]
#[case("profile = 5", "1:11: profile: expected tables such as [profile.plant]")]
#[case("profile.p = 5", "1:9: profile.p: expected a table, found an integer")]
#[case("[profiles.p]", "1:2: unknown key `profiles`; did you mean [profile.NAME]?")]
#[case("url = \"mqtt://h\"", "1:1: unknown key `url`; write `url` below [profile.NAME]")]
fn the_top_of_the_file_is_checked(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(only_problem(&load(text)), format!("profiles.toml:{expected}"));
}

#[test]
fn problems_without_end_are_counted() {
    let mut text = String::from("[profile.p]\nurl = \"mqtt://h\"\n");
    for number in 0..5_000 {
        text.push_str(&format!("unknown{number} = 1\n"));
    }
    let problems = problems(&load(&text));
    assert_eq!((problems.len(), problems[100].as_str()), (101, "profiles.toml: and 4900 more problems"));
}

#[test]
fn a_long_value_makes_no_long_message() {
    let problem = only_problem(&load_keys(&format!("keep_alive = \"{}\"", "x".repeat(1_000_000))));
    assert!(problem.len() < 600, "{}", problem.len());
}

#[test]
fn settings_are_listed_as_they_are_written() {
    let profiles = load_keys("password = \"CANARY\"\nclean_start = false\nconnect.user_properties = [[\"a\", \"b\"]]");
    let settings: Vec<(&str, &str)> =
        profiles.find("p").expect("listed").settings.iter().map(|setting| (&*setting.path, &*setting.text)).collect();
    let expected =
        [("url", "mqtts://h"), ("password", "***"), ("clean_start", "false"), ("connect.user_properties", "[[\"a\", \"b\"]]")];
    assert_eq!(settings, expected);
}

#[test]
fn a_target_is_a_name_or_a_url() {
    let profiles = load(EXAMPLE);
    assert_eq!(resolve::target("plant", &profiles).expect("saved").title(), "plant");
    let ad_hoc = resolve::target("mqtt://ops@localhost", &profiles).expect("a URL");
    assert_eq!((ad_hoc.title(), ad_hoc.username()), ("mqtt://localhost:1883".into(), Some("ops")));
    let cases = [
        ("plnt", "there is no profile `plnt`; did you mean `plant`?"),
        ("10.0.0.1:1883", "there is no profile `10.0.0.1:1883`; a URL has a scheme: mqtt://10.0.0.1:1883"),
        ("mqtt://h:0", "`0` is not a port; a port is 1 to 65535"),
        (
            "zebra",
            "there is no profile `zebra`; there is local, plant, from-a-program, from-a-file, asks-and-gives-up, scram, token, \
             token-of-a-program, token-in-a-file",
        ),
    ];
    for (target, expected) in cases {
        assert_eq!(resolve::target(target, &profiles).expect_err(target), expected);
    }
}

#[test]
fn a_profile_with_a_dot_in_its_name_keeps_its_problems_to_itself() {
    let profiles = load("[profile.a]\nurl = \"mqtt://h\"\n[profile.\"a.b\"]\nurl = \"mqtt://h\"\nfilter = 1\n");
    assert!(only_problem(&profiles).ends_with("in profile.\"a.b\"; write it below [[profile.\"a.b\".subscription]]"));
    assert_eq!((profiles.problems_of("a").count(), profiles.problems_of("a.b").count()), (0, 1));
}

proptest::proptest! {
    #[test]
    fn a_damaged_file_is_reported_and_never_panics(cuts in proptest::collection::vec((0..EXAMPLE.len(), 0..40_usize, ".{0,6}"), 1..6)) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (at, len, new) in cuts {
            let start = at.min(bytes.len());
            let end = (start + len).min(bytes.len());
            bytes.splice(start..end, new.into_bytes());
        }
        let profiles = Disk::with(bytes).load();
        for problem in problems(&profiles) {
            proptest::prop_assert!(!problem.chars().any(crate::base::text::is_hostile), "{problem:?}");
        }
    }
}

#[test]
fn without_any_profile_the_way_to_one_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let none = Profiles::load(&dir.path().join("profiles.toml"), None);
    let refusal = resolve::target("plant", &none).expect_err("none");
    assert!(refusal.contains("/profiles.toml") && refusal.contains("profiles add"), "{refusal}");
    assert!(resolve::target("localhost", &none).expect_err("none").contains("mqtt://localhost"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_when_a_profile_is_missed() {
    let refusal = resolve::target("plant", &load("[profile.plant\n")).expect_err("broken");
    assert!(refusal.contains("profiles.toml:1:"), "{refusal}");
}
