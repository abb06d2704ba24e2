//! mqtap, an MQTT client for the terminal.
//!
//! The rooms, each importing only from those before it:
//!
//! ```text
//! base      time, text made safe to show, secrets, human units
//! wire      from a name to one clean byte stream: dial, TLS, tap, guard, the shim for MQTT 3.1
//! mqtt      one conversation with a broker
//! payload   bytes to something to show
//! store     all that was received, bounded in bytes
//! record    what passed on the wire, as files: traces, captures for Wireshark
//! profile   saved connections and their secrets
//! keymap    the action table and its keys        theme     semantic roles to styles
//! config    settings and paths
//! app       the state, and the one function that changes it
//! ui        the state to cells
//! runtime   the impure shell: loop, terminal, writer, effects
//! demo      an embedded broker with a simulated plant
//! cli       the verbs
//! ```

pub mod app;
pub mod base;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod keymap;
pub mod mqtt;
pub mod payload;
pub mod profile;
pub mod record;
pub mod runtime;
pub mod store;
pub mod theme;
pub mod ui;
pub mod wire;
