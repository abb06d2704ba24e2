//! The rules of the house as tables: who may import whom, who names which library, who reads the clock.

/// The rooms from left to right; a room imports only from rows before its own, so rooms of one row are beside each other.
pub(crate) const HOUSE: &[&[&str]] = &[
    &["base"],
    &["wire"],
    &["mqtt"],
    &["payload", "store", "record", "profile"],
    &["keymap", "theme", "config"],
    &["app"],
    &["ui"],
    &["runtime"],
];

/// Rooms that stand beside all rows from that of one room to that of another.
pub(crate) const BESIDE: &[(&str, &str, &str)] = &[("demo", "app", "runtime"), ("cli", "app", "runtime")];

/// What the order forbids and is good all the same: who, from whom, why.
pub(crate) const DOORS: &[(&str, &str, &str)] = &[
    ("runtime", "demo", "`mqtap demo` opens the screen on the plant, in the same process"),
    ("cli", "demo", "`mqtap demo --headless` runs the plant alone"),
];

/// Names that belong to a few rooms.
pub(crate) struct Only {
    /// The beginnings of paths.
    pub(crate) names: &'static [&'static str],
    /// The rooms that may use them.
    pub(crate) rooms: &'static [&'static str],
    /// Why nobody else may.
    pub(crate) why: &'static str,
}

/// Names that belong to a few rooms.
pub(crate) const ONLY: &[Only] = &[
    Only { names: &["rumqttc_v4", "rumqttc_v5"], rooms: &["wire", "mqtt"], why: "the MQTT library can be replaced in one place" },
    Only { names: &["mqtt5"], rooms: &["demo"], why: "the embedded broker is a feature that can be left out" },
    Only {
        names: &["rustls", "tokio_rustls", "rustls_native_certs", "x509_parser", "socket2"],
        rooms: &["wire"],
        why: "sockets and TLS end where the clean byte stream begins",
    },
    Only { names: &["crossterm", "terminal_colorsaurus"], rooms: &["runtime"], why: "one room talks to the terminal" },
    Only { names: &["ratatui"], rooms: &["theme", "ui", "runtime"], why: "what is drawn is decided in `ui`, not in the state" },
    Only {
        names: &["tui_textarea", "tui_input"],
        rooms: &["app", "ui"],
        why: "what is typed is state, so that `app` holds the text fields; nobody else needs them",
    },
    Only {
        names: &["clap", "clap_complete", "clap_mangen", "rpassword"],
        rooms: &["cli"],
        why: "the command line is of the verbs",
    },
    Only { names: &["crate::config"], rooms: &["config", "runtime", "cli"], why: "paths and settings enter the state as values" },
    Only {
        names: &["tracing_subscriber", "tracing_appender"],
        rooms: &["base"],
        why: "there is one log, and every line of it goes through the sanitiser",
    },
];

/// Names that a room never uses.
pub(crate) struct Never {
    /// The rooms.
    pub(crate) rooms: &'static [&'static str],
    /// The beginnings of paths.
    pub(crate) names: &'static [&'static str],
    /// Why not.
    pub(crate) why: &'static str,
}

const IO: &[&str] =
    &["std::fs", "std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket", "std::process", "std::thread"];
const ASYNC: &[&str] = &["tokio", "tokio_util", "futures_util"];

/// Names that a room never uses.
pub(crate) const NEVER: &[Never] = &[
    Never {
        rooms: &["wire"],
        names: &[
            "rumqttc_v4::AsyncClient",
            "rumqttc_v4::EventLoop",
            "rumqttc_v4::MqttOptions",
            "rumqttc_v5::AsyncClient",
            "rumqttc_v5::EventLoop",
            "rumqttc_v5::MqttOptions",
        ],
        why: "a byte stream knows no session; only the packet readers of the library are for `wire`",
    },
    Never {
        rooms: &["mqtt"],
        names: &["std::net::TcpStream", "std::net::TcpListener", "std::os::unix::net", "tokio::net", "std::fs", "tokio::fs"],
        why: "a conversation runs over any byte stream; making one is for `wire`",
    },
    Never { rooms: &["payload", "store", "keymap", "theme"], names: ASYNC, why: "it is computed, not awaited" },
    Never { rooms: &["payload", "store", "keymap", "theme"], names: IO, why: "bytes come in as values" },
    Never { rooms: &["payload", "store"], names: &["crate::mqtt::session"], why: "messages are stored wherever they come from" },
    Never { rooms: &["app", "ui"], names: ASYNC, why: "state and drawing are pure" },
    Never { rooms: &["app", "ui"], names: IO, why: "state and drawing are pure" },
    Never { rooms: &["app", "ui"], names: &["crate::mqtt::session"], why: "a session is reached by effects" },
    Never {
        rooms: ROOMS,
        names: &["std::sync::RwLock", "tokio::sync::Mutex", "tokio::sync::RwLock"],
        why: "state has one owner; others send it a message",
    },
    // The library takes an authenticator only in a mutex, so `mqtt` may make one.
    Never { rooms: ROOMS_BUT_MQTT, names: &["std::sync::Mutex"], why: "state has one owner; others send it a message" },
];

const ROOMS_BUT_MQTT: &[&str] =
    &["base", "wire", "payload", "store", "record", "profile", "keymap", "theme", "config", "app", "ui", "runtime", "demo", "cli"];

const ROOMS: &[&str] = &[
    "base", "wire", "mqtt", "payload", "store", "record", "profile", "keymap", "theme", "config", "app", "ui", "runtime", "demo",
    "cli",
];

/// Who asks what time it is: a module, what it calls, and why. Everybody else is given a `Stamp`.
///
/// `.now()` is that of a `Clock` that was handed in; `.elapsed()` asks the system.
pub(crate) const CLOCK: &[(&str, &[&str], &str)] = &[
    ("base::clock", &["std::time::Instant::now", "std::time::SystemTime::now", ".elapsed()"], "makes the stamps"),
    ("base::disk", &["std::time::Instant::now", ".elapsed()"], "a lock is waited for with patience"),
    ("wire::dial", &["crate::base::clock::Clock::start", ".now()"], "times the stages of connecting"),
    ("wire::tap", &[".now()"], "stamps packets as they pass"),
    (
        "mqtt::session",
        &[".now()", ".elapsed()", "tokio::time::Instant::now"],
        "stamps messages as they arrive, and sets its timers",
    ),
    ("mqtt::will_test", &[".now()"], "times the will from the cut to its arrival"),
    ("demo", &["crate::base::clock::Clock::start", ".now()"], "the plant moves with the time"),
    ("cli::link", &["crate::base::clock::Clock::start", ".now()"], "a verb is a shell of its own, beside `runtime`"),
    ("cli::doctor", &["crate::base::clock::Clock::start", ".now()"], "times what it does, and tells how old certificates are"),
    ("cli::sub", &["tokio::time::Instant::now"], "--timeout is a timer"),
    ("cli::publish", &["tokio::time::Instant::now"], "--timeout is a timer"),
    (
        "runtime",
        &["crate::base::clock::Clock::start", ".now()", ".elapsed()", "tokio::time::Instant::now"],
        "the shell of the screen owns its clock",
    ),
];

/// What `ui` may fill in, of all that is the state's.
pub(crate) const FILLED_BY_UI: &[&str] = &["crate::app::geometry"];

/// Macros that nobody calls, and why.
pub(crate) const MACROS: &[(&str, &str)] = &[
    ("todo", "what is not finished is not there"),
    ("unimplemented", "what is not finished is not there"),
    ("dbg", "it writes over the screen"),
    ("thread_local", "state has an owner that passes it on"),
];

/// The most lines of a file without its tests.
pub(crate) const MOST_LINES: usize = 500;
