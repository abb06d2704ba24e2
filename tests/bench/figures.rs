//! Measures what mqtap costs, beside a floor or a peer in the same run: `cargo bench`, or `cargo bench -- store` for a part.
//!
//! | part | ours | beside |
//! |---|---|---|
//! | `store` | a message taken in, the memory it takes, a search | a hash table, the bytes of the payload, a search of the bytes |
//! | `frame` | a frame of a million open topics | a frame of ten topics |
//! | `bytes` | bytes of a frame | the fewest that draw it |
//! | `session` | CPU of a message from socket to consumer | a reader of packet lengths on the same socket |
//! | `transport` | a message in a frame or record of its own, over TLS and WebSocket | the same over TCP |
//! | `ui` | CPU of a message in the whole program, what it loses, key to screen | the same reader |
//! | `verb` | CPU of a message of `mqtap sub` to /dev/null | `mosquitto_sub`, where there is one |
//!
//! Times of `session`, `ui` and `verb` are CPU times, which are read from /proc on Linux; all others, and those from a key to the
//! screen, are wall times. Times are the best of several runs, those of `transport` their median; losses are the worst.

#![expect(clippy::cast_precision_loss, reason = "figures are shown with two digits")]
#![expect(clippy::print_stdout, reason = "the table is what this program makes")]

mod bytes;
mod cpu;
mod flood;
mod frame;
#[path = "../common/player.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod player;
mod session;
mod store;
mod table;
mod transport;
mod ui;
mod verb;

/// Measures something.
type Part = fn();

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let parts: [(&str, Part); 7] = [
        ("store", store::measure),
        ("frame", frame::measure),
        ("bytes", bytes::measure),
        ("session", session::measure),
        ("transport", transport::measure),
        ("ui", ui::measure),
        ("verb", verb::measure),
    ];
    table::head();
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            measure();
        }
    }
}
