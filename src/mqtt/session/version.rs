//! Which version of MQTT an attempt speaks: 5 unless told otherwise, and 3.1.1 where a broker does not answer to 5.
//!
//! ```text
//! CONNECT of MQTT 5 ──> CONNACK                    5 has worked, and is never lowered
//!                  ├──> 0x84, a CONNACK of 3.1.1   3.1.1 from here on
//!                  └──> closed, or no byte         one try at 3.1.1 a run; without a CONNACK back to 5
//! ```
//!
//! MQTT 3.1.1 (3.1.2.2) wants a CONNACK with return code 1 for a version that a broker does not speak; several close instead, or
//! wait for more bytes.

use std::time::Duration;

use crate::mqtt::{
    error::Failure,
    event::StepDown,
    options::{Options, Protocol},
    reason::Reason,
};

/// Unsupported Protocol Version.
const UNSUPPORTED: Reason = Reason(0x84);

/// How long a broker may be silent after a CONNECT of MQTT 5 until 3.1.1 is tried, or half the time of an attempt.
const SILENCE: Duration = Duration::from_secs(3);

/// The version of the next attempt, and how it came to that.
pub(super) struct Version {
    protocol: Protocol,
    /// Why it is 3.1.1, where that was not asked for.
    step_down: Option<StepDown>,
    /// Whether a broker that does not answer to MQTT 5 may be asked in 3.1.1.
    may_try: bool,
    /// Whether such a try has been made.
    has_tried: bool,
    /// Whether 3.1.1 is on trial: without a CONNACK it is given up.
    is_trial: bool,
}

impl Version {
    pub(super) fn new(options: &Options) -> Self {
        let may_try = may_step_down(options) && options.protocol == Protocol::V5 && !options.needs_v5();
        Self { protocol: options.protocol, step_down: None, may_try, has_tried: false, is_trial: false }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn step_down(&self) -> Option<StepDown> {
        self.step_down
    }

    /// Returns how long the broker may be silent after CONNECT in the next attempt, where that is less than the whole of it.
    pub(super) fn silence(&self, options: &Options) -> Option<Duration> {
        (self.may_try && self.protocol == Protocol::V5).then(|| SILENCE.min(options.connect_timeout / 2))
    }

    /// Takes note that a broker has sent a CONNACK that accepts.
    pub(super) fn connected(&mut self) {
        self.may_try = false;
        self.is_trial = false;
    }

    /// Returns to the version of the options for another endpoint, of whose broker nothing is known.
    pub(super) fn forget(&mut self, options: &Options) -> bool {
        let was_lowered = self.step_down.take().is_some();
        self.protocol = options.protocol;
        self.is_trial = false;
        was_lowered
    }

    /// Takes 3.1.1 for the next attempt where the failure says that the broker does not speak 5, or may say so.
    pub(super) fn steps_down(&mut self, failure: &Failure, options: &Options) -> bool {
        let cause = match failure {
            _ if self.protocol != Protocol::V5 => None,
            Failure::Refused { reason: UNSUPPORTED, .. } | Failure::OldConnack { .. } => {
                may_step_down(options).then_some(StepDown::Unsupported)
            }
            Failure::Unanswered { cause } if self.may_try => Some(match **cause {
                Failure::Silent { .. } => StepDown::Silent,
                _ => StepDown::Closed,
            }),
            _ => None,
        };
        let Some(cause) = cause else { return false };
        tracing::info!(%cause, "trying MQTT 3.1.1");
        self.is_trial = matches!(failure, Failure::Unanswered { .. });
        self.has_tried |= self.is_trial;
        self.may_try = false;
        self.protocol = Protocol::V311;
        self.step_down = Some(cause);
        true
    }

    /// Takes note of a failure that is to be reported, and returns how: a broker that answered to neither version may be none.
    pub(super) fn judge(&mut self, failure: Failure, options: &Options) -> Failure {
        if std::mem::take(&mut self.is_trial) && !matches!(failure, Failure::Refused { .. }) {
            self.forget(options);
        }
        match failure {
            // Both versions were tried, so that no other one is a remedy.
            Failure::Unanswered { cause } if self.has_tried => *cause,
            other => other,
        }
    }
}

/// Without MQTT 5 there would be no enhanced authentication, and perhaps the password in its place.
fn may_step_down(options: &Options) -> bool {
    options.may_downgrade && options.authentication.is_none()
}
