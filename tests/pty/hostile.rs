//! Topics and payloads that want to control the terminal.

use rstest::rstest;

use crate::{
    common::{
        mosquitto::Mosquitto,
        peer,
        pty::{Pty, Setup},
        scripted::{CONNACK_V5, Scripted, Step},
    },
    watching,
};

/// A title, the clipboard, a cleared screen, C1 controls, text that runs backwards, a hidden tag, a bell.
const HOSTILE: &str =
    "\x1b]0;pwned\x07\x1b]52;c;cHduZWQ=\x07\x1b[2J\x1b[999;1Hpwned\u{9b}31m\u{9d}0;pwned\u{9c}\u{202e}pwned\u{2028}\u{e0070}\x07";

/// Asserts that the terminal got nothing but what mqtap itself says to it.
fn assert_harmless(pty: &Pty) {
    let text = String::from_utf8_lossy(pty.log());
    for bad in ["\x1b]0;", "\x1b]52", "\x1b[999", "\u{202e}", "\u{2028}", "\u{e0070}", "pwned\x07"] {
        assert!(!text.contains(bad), "the terminal got {bad:?}");
    }
    let c1 = text.chars().find(|c| ('\u{80}'..='\u{9f}').contains(c));
    assert_eq!(c1, None, "the terminal got a C1 control");
    // The question for the background ends with the only bell.
    assert_eq!(text.matches('\x07').count(), text.matches("\x1b]11;?\x07").count());
}

/// Looks at the message in every way that there is.
fn look_around(pty: &mut Pty) {
    for keys in ["2", "3", "]", "]", "[", "w", "z", "z", "1", "P", "\x1b", "N", "\x1b", "?", "\x1b"] {
        let mark = pty.log().len();
        pty.send(keys);
        pty.wait_until("an answer to a key", |pty| pty.log().len() > mark);
    }
}

#[rstest]
#[case::small(80, 24)]
#[case::large(160, 45)]
fn a_hostile_payload_is_shown_and_not_obeyed(#[case] columns: u16, #[case] rows: u16) {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new().size(columns, rows), broker.port);
    peer::publish(broker.port, "zigbee/lamp", HOSTILE.as_bytes());
    peer::publish(broker.port, "zigbee/\u{202e}rtl", b"\x1b\x9b\xff\x00\x1b[31m");
    peer::publish(broker.port, "zigbee/last", HOSTILE.as_bytes());
    pty.wait_for("last");
    look_around(&mut pty);
    pty.wait_for("␛]0;pwned");
    assert_harmless(&pty);
}

#[test]
fn a_hostile_broker_does_not_reach_the_terminal_either() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let topic = HOSTILE.as_bytes();
    let length = topic.len() + 3 + 5;
    let mut publish = vec![0x30, u8::try_from(length & 0x7f).expect("small") | 0x80, u8::try_from(length >> 7).expect("small")];
    publish.extend(u16::try_from(topic.len()).expect("small").to_be_bytes());
    publish.extend(topic);
    publish.push(0);
    publish.extend(b"hello");
    // DISCONNECT with a Reason String.
    let reason = HOSTILE.as_bytes();
    let string = u8::try_from(reason.len()).expect("short");
    let mut disconnect = vec![0xe0, string + 5, 0x8b, string + 3, 0x1f, 0, string];
    disconnect.extend(reason);
    let script = vec![
        Step::Read,
        Step::Send(CONNACK_V5.to_vec()),
        Step::Read,
        Step::Send(vec![0x90, 4, 0, 1, 0, 0]),
        Step::Send(publish),
        Step::Send(disconnect),
    ];
    let broker = runtime.block_on(Scripted::start(vec![script]));
    let mut pty = Setup::new().args(&[&format!("mqtt://127.0.0.1:{}", broker.port), "#"]).start();
    pty.wait_for("offline since");
    look_around(&mut pty);
    assert_harmless(&pty);
}
