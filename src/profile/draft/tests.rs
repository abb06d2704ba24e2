use std::{fs, path::PathBuf};

use super::*;
use crate::{
    mqtt::{message::Qos, options::SessionExpiry},
    profile::{Profile, Profiles, secret::PasswordSource},
};

const SAVED: &str = "\
# ours
schema = 1

[profile.plant]   # the plant
# keep this
url = \"mqtt://old\"      # host
future = \"kept\"
keep_alive = 30         # seconds
password = { env = \"OLD\" }

[profile.plant.tls]     # verified
ca_file = \"ca.pem\"
ca_only = true

[[profile.plant.subscription]]
filter = \"old/#\"        # all
no_local = true

[profile.last]
url = \"mqtt://last\"
";

fn disk(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("profiles.toml");
    fs::write(&path, text).expect("written");
    (dir, path)
}

fn draft(name: &str, changes: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::new(name);
    for (path, text) in changes {
        draft.set(path, text);
    }
    draft
}

/// Saves a new profile and reads it back.
fn saved(changes: &[(&str, &str)]) -> Profile {
    let (_dir, path) = disk("");
    let all = [&[("url", "mqtts://h")], changes].concat();
    draft("p", &all).save(&path, None, Saving::New).expect("saved");
    let profiles = Profiles::load(&path, None);
    assert_eq!(profiles.problems(), [], "{}", fs::read_to_string(&path).expect("read"));
    profiles.find("p").and_then(|entry| entry.profile.clone()).expect("usable")
}

fn messages(draft: &Draft) -> Vec<String> {
    draft.problems(Path::new("/"), None).into_iter().map(|problem| format!("{} | {}", problem.path, problem.message)).collect()
}

#[test]
fn a_change_keeps_comments_order_and_unknown_keys() {
    let (_dir, path) = disk(SAVED);
    let mut changed =
        draft("plant", &[("url", "mqtts://new"), ("keep_alive", "60s"), ("tls.ca_only", "false"), ("username", "ops")]);
    changed.subscribe(vec![Subscription::new("new/#", Qos::AtLeastOnce)]);
    changed.save(&path, None, Saving::Change).expect("saved");
    let expected = SAVED
        .replace("\"mqtt://old\"      #", "\"mqtts://new\"      #")
        .replace("keep_alive = 30  ", "keep_alive = \"60s\"  ")
        .replace("ca_only = true", "ca_only = false")
        .replace("env = \"OLD\" }\n", "env = \"OLD\" }\nusername = \"ops\"\n")
        .replace("\"old/#\"", "\"new/#\"")
        .replace("no_local = true\n", "no_local = false\nqos = 1\n");
    assert_eq!(fs::read_to_string(&path).expect("read"), expected);
}

#[test]
fn each_kind_of_value_is_written_as_the_reader_wants_it() {
    let profile = saved(&[
        ("clean_start", "false"),
        ("session_expiry", "never"),
        ("will.topic", "a"),
        ("will.qos", "2"),
        ("connect.user_properties", "[[\"team\", \"ops\"]]"),
        ("reconnect.initial", "1s"),
        ("client_id", "fixed"),
        ("tls.ca_file", "/ca.pem"),
        ("connect.maximum_packet_size", "1MiB"),
    ]);
    let template = &profile.template;
    assert_eq!((template.clean_start, template.session_expiry), (false, SessionExpiry::Never));
    assert_eq!(template.will.as_ref().map(|will| will.message.qos), Some(Qos::ExactlyOnce));
    assert_eq!(template.user_properties, [("team".into(), "ops".into())]);
    assert_eq!(template.reconnect.map(|reconnect| reconnect.initial.as_secs()), Some(1));
    assert_eq!((template.client_id.as_str(), template.max_packet_size), ("fixed", Some(1 << 20)));
    assert_eq!(template.tls.ca_file.as_deref(), Some(Path::new("/ca.pem")));
}

#[test]
fn a_password_has_one_source() {
    let command = saved(&[("password.env", "A"), ("password.command", "pass show plant")]).password;
    assert!(matches!(&command, Some(PasswordSource::Command(argv)) if *argv == ["pass", "show", "plant"]));
    let listed = saved(&[("password.command", "[\"a b\", \"c\"]")]).password;
    assert!(matches!(&listed, Some(PasswordSource::Command(argv)) if *argv == ["a b", "c"]));
    assert!(matches!(saved(&[("password.prompt", "true")]).password, Some(PasswordSource::Prompt)));
    let inline = saved(&[("password.env", "A"), ("password", "CANARY")]).password;
    assert!(matches!(&inline, Some(PasswordSource::Inline(secret)) if secret.expose() == b"CANARY"));
    assert!(saved(&[("password.env", "A"), ("password.env", "")]).password.is_none());
}

#[test]
fn a_password_in_the_file_gives_way_to_another_source() {
    let (_dir, path) = disk("[profile.p]\npassword = \"CANARY\" # key\nurl = \"mqtt://h\"\nreconnect = false # no\n");
    let changes = [("password.env", "NEW"), ("reconnect.max", "9s")];
    draft("p", &changes).save(&path, None, Saving::Change).expect("saved");
    let expected = "[profile.p]\npassword = { env = \"NEW\" } # key\nurl = \"mqtt://h\"\nreconnect = { max = \"9s\" } # no\n";
    assert_eq!(fs::read_to_string(&path).expect("read"), expected);
}

#[test]
fn a_form_may_set_the_sources_that_it_leaves_empty() {
    let sources = ["password.command", "password.file", "password.prompt", "password"];
    let mut changes = vec![("password.env", "A")];
    changes.extend(sources.iter().map(|&path| (path, "")));
    assert!(matches!(saved(&changes).password, Some(PasswordSource::Env(name)) if name == "A"));
    let (_dir, path) = disk("[profile.p]\nurl = \"mqtt://h\"\npassword = \"secret\"\n");
    draft("p", &[("password.env", ""), ("password", "")]).save(&path, None, Saving::Change).expect("saved");
    assert_eq!(fs::read_to_string(&path).expect("read"), "[profile.p]\nurl = \"mqtt://h\"\n");
}

#[test]
fn an_empty_text_removes_the_key() {
    let (_dir, path) = disk("[profile.p]\nurl = \"mqtt://h\"\nusername = \"ops\"\nreconnect = { max = \"9s\" }\n");
    let changes = [("username", ""), ("reconnect.max", ""), ("tls.ca_file", "")];
    draft("p", &changes).save(&path, None, Saving::Change).expect("saved");
    assert_eq!(fs::read_to_string(&path).expect("read"), "[profile.p]\nurl = \"mqtt://h\"\n");
}

#[test]
fn a_draft_is_checked_like_the_file() {
    let bad = draft("p", &[("url", "mqtt://h:0"), ("keep_alive", "soon"), ("will.qos", "high"), ("read_only", "maybe")]);
    let expected = [
        "profile.p.url | profile.p.url: `0` is not a port; a port is 1 to 65535",
        "profile.p.keep_alive | profile.p.keep_alive: `soon` is not a duration; write 10s, 1m30s, 500ms or a number of seconds",
        "profile.p.read_only | profile.p.read_only: expected true or false, found a string",
        "profile.p.will | profile.p.will: the key `topic` is missing",
        "profile.p.will.qos | profile.p.will.qos: expected a whole number, found a string",
    ];
    assert_eq!(messages(&bad), expected);
    assert_eq!(messages(&draft("p", &[("url", "mqtt://h")])), [""; 0]);
    assert!(messages(&draft("a b", &[("url", "mqtt://h")]))[0].contains("is not a name"));
}

#[test]
fn what_would_be_wrong_is_not_saved() {
    let (_dir, path) = disk(SAVED);
    let refusal = draft("plant", &[("keep_alive", "soon")]).save(&path, None, Saving::Change).expect_err("refused");
    assert!(matches!(&refusal, SaveError::Invalid(problems) if problems.len() == 1), "{refusal}");
    assert!(draft("new", &[]).save(&path, None, Saving::New).expect_err("no URL").to_string().contains("`url` is missing"));
    assert!(draft("a b", &[("url", "mqtt://h")]).save(&path, None, Saving::New).is_err());
    assert!(draft("n", &[("url", "mqtt://h"), ("zebra", "1")]).save(&path, None, Saving::New).is_err());
    assert!(draft("n", &[("url", "mqtt://h"), ("tls.verify", "none")]).save(&path, None, Saving::New).is_err());
    assert_eq!(fs::read_to_string(&path).expect("read"), SAVED);
}

#[test]
fn what_was_wrong_before_does_not_stand_in_the_way() {
    let (_dir, path) = disk("[profile.p]\nurl = \"mqtt://h\"\nkeep_alive = \"soon\"\n");
    draft("p", &[("username", "ops")]).save(&path, None, Saving::Change).expect("saved");
    assert!(fs::read_to_string(&path).expect("read").contains("username = \"ops\""));
}

#[test]
fn a_name_is_not_taken_twice_nor_changed_unseen() {
    let (_dir, path) = disk(SAVED);
    let again = draft("plant", &[("url", "mqtt://h")]);
    assert!(matches!(again.save(&path, None, Saving::New), Err(SaveError::Exists(name)) if name == "plant"));
    let none = draft("none", &[("url", "mqtt://h")]);
    assert!(matches!(none.save(&path, None, Saving::Change), Err(SaveError::Missing(name)) if name == "none"));
    assert_eq!(fs::read_to_string(&path).expect("read"), SAVED);
}

#[test]
fn tables_in_braces_and_dotted_keys_are_changed_too() {
    let layouts = [
        "profile = { p = { url = \"mqtt://old\" } }\n",
        "profile.p.url = \"mqtt://old\"\n",
        "[profile]\np = { url = \"mqtt://old\", subscription = [{ filter = \"x\" }] }\n",
        "[profile]\np.url = \"mqtt://old\"\n",
    ];
    for layout in layouts {
        let (_dir, path) = disk(layout);
        let mut changed =
            draft("p", &[("url", "mqtts://new"), ("tls.ca_file", "x"), ("tls.ca_only", "true"), ("password.prompt", "true")]);
        changed.subscribe(vec![Subscription::new("a", Qos::AtMostOnce), Subscription::new("b", Qos::AtLeastOnce)]);
        changed.save(&path, None, Saving::Change).expect(layout);
        let text = fs::read_to_string(&path).expect("read");
        let profiles = Profiles::load(&path, None);
        assert_eq!(profiles.problems(), [], "{text}");
        let profile = profiles.find("p").and_then(|entry| entry.profile.as_ref()).expect("usable");
        assert_eq!(profile.endpoint().to_string(), "mqtts://new:8883", "{text}");
        assert_eq!((profile.template.tls.ca_only, profile.subscriptions().len()), (true, 2), "{text}");
        draft("q", &[("url", "mqtt://q"), ("tls.server_name", "")]).save(&path, None, Saving::New).expect(layout);
        assert_eq!(Profiles::load(&path, None).entries().len(), 2);
    }
}

#[test]
fn fewer_subscriptions_leave_fewer_tables() {
    let (_dir, path) = disk(SAVED);
    let mut none = Draft::new("plant");
    none.subscribe(Vec::new());
    none.save(&path, None, Saving::Change).expect("saved");
    assert!(!fs::read_to_string(&path).expect("read").contains("subscription"));
}

#[test]
fn hostile_texts_are_written_as_texts() {
    let hostile = "a\"\n[profile.x]\nurl = \"\u{202e}\u{1b}[31m";
    let profile = saved(&[("username", hostile)]);
    assert_eq!(profile.username(), Some(hostile));
}
