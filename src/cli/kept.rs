//! A session that outlives its connection, and what keeps it from being of use later.

use crate::mqtt::options::{Options, Protocol, SessionExpiry};

/// What is asked for about the session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    clean_start: bool,
    expiry: SessionExpiry,
    /// Whether a will is delayed for as long as the session lasts, which is a reason of its own to keep it.
    is_for_will: bool,
    /// Whether the Client Identifier is another one in each run.
    changes_id: bool,
}

impl Kept {
    /// Takes it from the options; `changes_id` says whether the Client Identifier is another one in each run.
    pub(super) fn of(options: &Options, changes_id: bool) -> Self {
        let is_for_will = options.will.as_ref().is_some_and(|will| will.delay.is_some());
        Self { clean_start: options.clean_start, expiry: options.session_expiry, is_for_will, changes_id }
    }

    /// Returns what is wrong, as a sentence; `expiry` is that of the broker, where it uses another one.
    pub(super) fn fault(self, protocol: Protocol, expiry: Option<SessionExpiry>) -> Option<&'static str> {
        let is_v5 = protocol == Protocol::V5;
        let ends = is_v5 && expiry.unwrap_or(self.expiry) == SessionExpiry::AtDisconnect;
        if !self.clean_start && ends {
            return Some(
                "with MQTT 5 the session ends with the connection, unless -x (session_expiry) says how long it is kept, as in -x 1h",
            );
        }
        let is_kept = !self.clean_start || is_v5 && !ends && !self.is_for_will;
        (is_kept && self.changes_id).then_some(
            "the session is kept and cannot be resumed: each run has another Client Identifier; -i (client_id) names one",
        )
    }
}
