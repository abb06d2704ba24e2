//! What is printed: JSON that loses nothing, terminals that receive nothing hostile, help, man page, completions.

use std::{
    io::{Read, Write as _},
    process::Command,
};

use clap::CommandFactory as _;
use mqtap::cli::args::Cli;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rstest::rstest;

use crate::{common::mosquitto::Mosquitto, mqtap, printed};

const HOSTILE: &str = "\u{1b}]0;pwned\u{7} \u{9b}31m \u{202e}abc\u{2028}\u{7f}\r\n\t\"\\ größe 😀";

#[test]
fn json_gives_the_text_back_and_holds_nothing_hostile() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    mqtap(&["pub", url, "t/x", "-r", "-q", "1"]).write_stdin(HOSTILE).assert().success();
    let line = printed(&["sub", url, "t/#", "-n", "1", "--format", "json"]);
    let object = line.strip_suffix('\n').expect("a line");
    assert!(!object.chars().any(mqtap::base::text::is_hostile), "{object:?}");
    let message: serde_json::Value = serde_json::from_str(object).expect("JSON");
    assert_eq!(message["payload"], HOSTILE);
    let keys: Vec<_> = message.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["time", "topic", "qos", "retain", "dup", "size", "payload"]);
}

#[test]
fn a_pipe_receives_the_exact_bytes() {
    let broker = Mosquitto::start();
    let url = &broker.url();
    let bytes = b"\x1b[31m\xff\0\n";
    mqtap(&["pub", url, "t/x", "-r", "-q", "1"]).write_stdin(&bytes[..]).assert().success();
    mqtap(&["get", url, "t/x"]).assert().success().stdout(&bytes[..]);
    let with_feed = [&bytes[..], b"\n"].concat();
    mqtap(&["sub", url, "t/x", "-n", "1", "--format", "payload"]).assert().success().stdout(with_feed);
}

/// Runs a verb in a terminal of its own, and returns every byte that the terminal received.
fn in_terminal(arguments: &[&str]) -> Vec<u8> {
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 200, pixel_width: 0, pixel_height: 0 }).expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mqtap"));
    command.args(arguments);
    let mut child = pty.slave.spawn_command(command).expect("it runs");
    drop(pty.slave);
    let mut received = Vec::new();
    // A terminal whose last user has gone gives an error instead of an end.
    let _ = pty.master.try_clone_reader().expect("a reader").read_to_end(&mut received);
    assert!(child.wait().expect("it ends").success());
    received
}

#[rstest]
#[case::text(&["sub", "-n", "1"])]
#[case::payload(&["sub", "-n", "1", "--format", "payload"])]
#[case::template(&["sub", "-n", "1", "--format", "{topic}{payload}{content_type}"])]
#[case::json(&["sub", "-n", "1", "--format", "json"])]
#[case::get(&["get"])]
fn a_terminal_receives_nothing_hostile_unless_asked_for(#[case] verb: &[&str]) {
    let broker = Mosquitto::start();
    let url = broker.url();
    let publish = ["pub", &url, "t/\u{202e}x", "-r", "-q", "1", "--content-type", "\u{202e}31m"];
    mqtap(&publish).write_stdin(HOSTILE).assert().success();
    let arguments = [&verb[..1], &[&url, "t/\u{202e}x"], &verb[1..]].concat();

    let received = String::from_utf8(in_terminal(&arguments)).expect("UTF-8");
    let line = received.strip_suffix("\r\n").expect("one line");
    assert!(!line.chars().any(mqtap::base::text::is_hostile), "{received:?}");
    assert!(line.contains("größe 😀"), "{received:?}");
    if verb.last() != Some(&"json") {
        let raw = in_terminal(&[&arguments[..], &["--raw"]].concat());
        assert!(raw.windows(4).any(|bytes| bytes == b"\x1b]0;"), "{raw:?}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    mqtap(&["--help"]).assert().success().stderr("");
    assert_eq!(printed(&["--version"]), format!("mqtap {}\n", env!("CARGO_PKG_VERSION")));
}

#[rstest]
fn completions_are_code_that_the_shell_reads(#[values("bash", "zsh", "fish", "elvish", "powershell")] shell: &str) {
    let code = printed(&["completions", shell]);
    for word in ["profiles", "retain-handling", "password-env"] {
        assert!(code.contains(word), "{shell}: {word}");
    }
    if shell == "bash" {
        let mut check = Command::new("bash");
        let mut check = check.arg("-n").stdin(std::process::Stdio::piped()).spawn().expect("bash must be installed");
        check.stdin.take().expect("a pipe").write_all(code.as_bytes()).expect("bash reads");
        assert!(check.wait().expect("bash ends").success());
    }
}

#[test]
fn there_is_a_man_page_for_each_verb() {
    assert!(printed(&["man"]).contains(".TH mqtap 1"));
    for verb in Cli::command().get_subcommands().map(clap::Command::get_name) {
        assert!(printed(&["man", verb]).contains(&format!("mqtap\\-{verb}")), "{verb}");
    }
}

#[cfg(feature = "demo")]
#[test]
fn the_demo_runs_alone_until_a_signal() {
    let demo = crate::running::Running::mqtap(&["demo", "--headless"]);
    let line = demo.line();
    let url = line.strip_prefix("listening on ").expect("the address");
    assert!(!printed(&["sub", url, "#", "-n", "5", "--format", "{topic}"]).is_empty());
    demo.signal(rustix::process::Signal::TERM);
    assert_eq!(demo.end(), (Some(143), String::new()));
}
