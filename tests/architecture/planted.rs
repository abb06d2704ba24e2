//! Plants a violation of each kind, and sees that it is found.

use super::{Source, check};

/// Checks a file with this code after a good first line.
fn findings(file: &str, code: &str) -> Vec<String> {
    let text = format!("//! A file.\n\n{code}\n");
    check(&[Source { file: file.to_owned(), text }]).iter().map(ToString::to_string).collect()
}

/// The file, its code, and what the one finding says of it.
const PLANTED: &[(&str, &str, &str)] = &[
    // The order of the rooms.
    ("src/base/a.rs", "use crate::mqtt::topic;", "`base` imports `crate::mqtt::topic`"),
    ("src/wire/a.rs", "use super::super::mqtt::options::Options;", "`wire` imports `crate::mqtt::options::Options`"),
    ("src/store/tree/mod.rs", "use super::super::payload;", "`store` imports `crate::payload`"),
    ("src/payload/a.rs", "fn f() -> crate::store::Store { todo() }", "`payload` imports `crate::store::Store`"),
    ("src/theme/a.rs", "use crate::{base::text, ui::{self, layout}};", "`theme` imports `crate::ui`"),
    ("src/mqtt/a.rs", "fn f() { let _ = crate::app::App::new(); }", "`mqtt` imports `crate::app::App::new`"),
    ("src/ui/a.rs", "use crate as all;\nfn f() { all::runtime::run(); }", "`ui` imports `crate::runtime::run`"),
    ("src/keymap/a.rs", "fn f() { debug_assert!(x == crate::app::START, \"text\"); }", "`keymap` imports `crate::app::START`"),
    ("src/base/a.rs", "macro_rules! m { () => { $crate::wire::dial() } }", "`base` imports `crate::wire::dial`"),
    ("src/mqtt/a.rs", "#[cfg(test)]\nmod tests { use crate::store::Store; }", "`mqtt` imports `crate::store::Store`"),
    ("src/cli/a.rs", "use crate::ui::render;", "`cli` imports `crate::ui::render`"),
    ("src/demo/a.rs", "use crate::cli::args::DemoArgs;", "`demo` imports `crate::cli::args::DemoArgs`"),
    ("src/attic/mod.rs", "", "`attic` is no room of the house"),
    // Names that belong to a few rooms.
    ("src/store/a.rs", "fn f(packet: rumqttc_v5::Packet) {}", "`rumqttc_v5::Packet` is only for wire, mqtt"),
    ("src/mqtt/a.rs", "use rustls::ClientConfig;", "`rustls::ClientConfig` is only for wire"),
    ("src/profile/a.rs", "use mqtt5::Broker;", "`mqtt5::Broker` is only for demo"),
    ("src/ui/a.rs", "fn f() { crossterm::terminal::size(); }", "`crossterm::terminal::size` is only for runtime"),
    ("src/app/a.rs", "use ratatui::style::Style;", "`ratatui::style::Style` is only for theme, ui, runtime"),
    ("src/profile/a.rs", "use crate::config::paths::Paths;", "is only for config, runtime, cli"),
    ("src/mqtt/a.rs", "use tracing_subscriber::fmt;", "`tracing_subscriber::fmt` is only for base"),
    // Names that a room never uses.
    ("src/wire/a.rs", "use rumqttc_v5::{EventLoop, Packet};", "`wire` never names `rumqttc_v5::EventLoop`"),
    (
        "src/mqtt/a.rs",
        "async fn f() { tokio::net::TcpStream::connect(\"h\").await; }",
        "`mqtt` never names `tokio::net::TcpStream::connect`",
    ),
    ("src/store/a.rs", "#[derive(Debug)]\nstruct A(tokio::sync::Notify);", "`store` never names `tokio::sync::Notify`"),
    ("src/payload/a.rs", "use crate::mqtt::session::Session;", "`payload` never names `crate::mqtt::session::Session`"),
    ("src/app/a.rs", "use std::{fs, io};", "`app` never names `std::fs`"),
    ("src/app/a.rs", "use std as s;\nfn f() { s::fs::read(\"a\"); }", "`app` never names `std::fs::read`"),
    ("src/ui/a.rs", "use std::fs::*;", "`ui` never names `std::fs::*`"),
    ("src/ui/a.rs", "async fn f() { tokio::select! { () = g() => {} } }", "`ui` never names `tokio::select`"),
    ("src/runtime/a.rs", "use std::sync::{Arc, Mutex};", "`runtime` never names `std::sync::Mutex`"),
    // What looks like code of tests and is not.
    (
        "src/app/a.rs",
        "#[cfg(any(test, feature = \"demo\"))]\nfn f() { std::fs::read(\"a\"); }",
        "`app` never names `std::fs::read`",
    ),
    ("src/app/a.rs", "#[cfg(feature = \"latest\")]\nfn f() { std::fs::read(\"a\"); }", "`app` never names `std::fs::read`"),
    ("src/app/a.rs", "#[cfg(all(unix, not(test)))]\nfn f() { std::fs::read(\"a\"); }", "`app` never names `std::fs::read`"),
    // State.
    ("src/ui/a.rs", "use crate::app::App;\nfn f(app: &mut App) {}", "`ui` changes no state, and takes `&mut crate::app::App`"),
    ("src/app/a.rs", "thread_local! { static A: u8 = 1; }", "`thread_local!`"),
    // The time.
    ("src/app/a.rs", "use std::time::Instant;\nfn f() { Instant::now(); }", "`std::time::Instant::now` asks what time it is"),
    ("src/store/a.rs", "use std::time;\nfn f() { time::SystemTime::now(); }", "`std::time::SystemTime::now` asks what time it is"),
    ("src/app/a.rs", "use std::time::*;\nfn f() { g(Instant::now); }", "`Instant::now` asks what time it is"),
    ("src/ui/a.rs", "fn f(clock: &Clock) { clock.now(); }", "`.now()` asks what time it is"),
    ("src/app/a.rs", "fn f() { format!(\"{:?}\", self.since.elapsed()); }", "`.elapsed()` asks what time it is"),
    ("src/profile/a.rs", "use crate::base::clock::Clock;\nfn f() { Clock::start(); }", "`crate::base::clock::Clock::start` asks"),
    ("src/mqtt/session.rs", "fn f() { std::time::SystemTime::now(); }", "`std::time::SystemTime::now` asks what time it is"),
    // Files.
    ("src/mqtt/a.rs", "#[allow(dead_code)]\nfn f() {}", "`allow(dead_code)`"),
    ("src/mqtt/a.rs", "#![cfg_attr(unix, allow(dead_code))]", "`allow("),
    ("src/mqtt/a.rs", "fn f() { todo!(\"later\") }", "`todo!`"),
    ("src/mqtt/a.rs", "fn f() { std::unimplemented!() }", "`unimplemented!`"),
    ("src/mqtt/a.rs", "fn f() { vec![dbg!(1)]; }", "`dbg!`"),
    ("src/mqtt/a.rs", "fn f( {", "cannot be read"),
];

#[test]
fn every_planted_violation_is_found() {
    for (file, code, expected) in PLANTED {
        let found = findings(file, code);
        assert!(found.iter().any(|finding| finding.contains(expected)), "{file}: {code}\nexpected: {expected}\nfound: {found:#?}");
        assert!(found.iter().all(|finding| finding.starts_with(&format!("{file}:"))), "{found:#?}");
    }
}

#[test]
fn a_finding_names_file_and_line() {
    let found = findings("src/mqtt/a.rs", "use std::fmt;\n\nuse crate::{\n    base::text,\n    store::Store,\n};");
    assert_eq!(found, ["src/mqtt/a.rs:7: `mqtt` imports `crate::store::Store`, and `store` is not to its left"]);
}

#[test]
fn a_clean_file_passes() {
    let code = r#"
        use std::{fmt, time::Duration};

        use tokio::time::{Instant, sleep_until};

        use super::{command::Command, topic};
        use crate::{base::{clock::{Clock, Stamp}, text::{self, safe}}, wire::endpoint::Url};

        /// Knows nothing of [`crate::app`].
        #[derive(Debug, Clone)]
        pub struct Wait { until: Instant }

        impl Wait {
            pub(crate) async fn run(&mut self, clock: &Clock) -> Stamp {
                sleep_until(Instant::now() + Duration::from_secs(1)).await;
                tracing::info!(at = %self::shown(clock.now()), "waited");
                clock.now()
            }
        }

        #[cfg(all(unix, test))]
        mod tests {
            use std::{fs, net::TcpListener, time::SystemTime};

            #[test]
            fn files_and_clocks_are_for_tests() {
                fs::write("a", format!("{:?}", SystemTime::now())).unwrap();
            }
        }
    "#;
    assert_eq!(findings("src/mqtt/session/a.rs", code), Vec::<String>::new());
}

#[test]
fn a_file_of_tests_may_do_what_tests_do() {
    let source = |file: &str, text: &str| Source { file: file.to_owned(), text: text.to_owned() };
    let parent = source("src/store/mod.rs", "//! The store.\n\n#[cfg(test)]\nmod tests;\n");
    let tests = source("src/store/tests.rs", "use std::fs;\n\nfn f() { fs::read(\"a\"); }\n");
    assert_eq!(check(&[parent, tests]), []);
    let alone = source("src/store/tests.rs", "//! No tests.\n\nuse std::fs;\n");
    assert_eq!(check(&[alone]).len(), 1);
}

#[test]
fn a_file_starts_with_one_line_that_says_what_it_is() {
    let found = |text: &str| check(&[Source { file: "src/base/a.rs".to_owned(), text: text.to_owned() }]);
    assert_eq!(found("//! One line.\n\nuse std::fmt;\n"), []);
    assert_eq!(found("//! One line.\n//!\n//! A drawing.\n\nuse std::fmt;\n"), []);
    assert_eq!(found("use std::fmt;\n").len(), 1);
    assert_eq!(found("//! No sentence\n\nuse std::fmt;\n").len(), 1);
    assert_eq!(found("//! A sentence.\n//! Another.\n\nuse std::fmt;\n").len(), 1);
}

#[test]
fn a_file_has_at_most_500_lines_without_its_tests() {
    let lines = |code: usize, tests: usize| {
        let text = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(code), "    fn f() {}\n".repeat(tests));
        findings("src/base/a.rs", &text).len()
    };
    assert_eq!(lines(497, 400), 0);
    assert_eq!(lines(499, 0), 1);
}
