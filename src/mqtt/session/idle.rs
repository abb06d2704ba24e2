//! Notices what ends idle connections, such as a proxy with a time-out.

use std::time::Duration;

use crate::mqtt::error::Failure;

/// The least difference that tells two silences apart; beyond ten times of it, a tenth of the silence does.
const TOLERANCE: Duration = Duration::from_secs(1);

/// The silence that ended the last connection, and how many connections one after the other it has ended.
#[derive(Debug, Default)]
pub(super) struct Idle {
    last: Option<(Duration, usize)>,
}

impl Idle {
    /// Counts the connections that ended after the same silence; any other end begins from the start.
    pub(super) fn judge(&mut self, failure: Failure) -> Failure {
        let Failure::Idle { silence, .. } = failure else {
            self.last = None;
            return failure;
        };
        let times = match self.last {
            Some((last, times)) if last.abs_diff(silence) <= TOLERANCE.max(last / 10) => times.saturating_add(1),
            Some(_) | None => 1,
        };
        self.last = Some((silence, times));
        Failure::Idle { silence, times }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_end_after_the_same_silence_are_counted() {
        let mut idle = Idle::default();
        let mut times = |failure| match idle.judge(failure) {
            Failure::Idle { times, .. } => times,
            _ => 0,
        };
        let after = |millis| Failure::Idle { silence: Duration::from_millis(millis), times: 1 };
        assert_eq!([times(after(5_000)), times(after(5_020)), times(after(4_990))], [1, 2, 3]);
        assert_eq!([times(after(60_000)), times(after(62_000)), times(after(70_000))], [1, 2, 1]);
        assert_eq!([times(Failure::Closed { during: None }), times(after(70_000)), times(after(70_000))], [0, 1, 2]);
    }
}
