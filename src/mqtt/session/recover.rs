//! What follows a connection that failed or was lost: another version, another endpoint, another attempt after a pause, or the end.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{Conversation, Next, Wish};
use crate::mqtt::{backoff::STABLE, error::Failure, event::Status};

impl Conversation {
    /// Takes 3.1.1 for the next attempt where the broker does not speak 5.
    pub(super) fn steps_down(&mut self, failure: &Failure) -> bool {
        let steps = self.version.steps_down(failure, &self.options);
        if steps {
            self.kept = None;
            if let Some(backoff) = &mut self.backoff {
                // The attempt counts, though the next one does not wait.
                backoff.after_failure(self.clock.now(), 0.0, false);
            }
        }
        steps
    }

    /// Takes the next endpoint for the next attempt, where there is one.
    pub(super) fn falls_back(&mut self, failure: &Failure) -> bool {
        let may = self.turn < self.options.fallbacks.len() && !matches!(failure, Failure::Invalid(_));
        if may {
            tracing::info!(cause = %failure, "connecting failed, trying the next address");
            self.may_heal |= !failure.is_final();
            self.turn_to(self.turn + 1);
        }
        may
    }

    /// Goes to another endpoint, where nothing is known of the versions that its broker speaks.
    fn turn_to(&mut self, turn: usize) {
        if turn != self.turn && self.version.forget(&self.options) {
            self.kept = None;
        }
        self.turn = turn;
    }

    /// Decides what follows a failure, and waits for it.
    pub(super) async fn recover(&mut self, failure: Failure, held: Option<Duration>) -> Next {
        tracing::info!(cause = %failure, "connection failed or lost");
        self.turn_to(0);
        let may_heal = std::mem::take(&mut self.may_heal) && held.is_none();
        if held.is_some_and(|held| held >= STABLE) {
            self.start_anew();
        }
        let is_final = failure.is_final() && !may_heal;
        let failure = self.poison.judge(self.version.judge(failure, &self.options));
        let gives_up = is_final || matches!(failure, Failure::Repeated { .. });
        let (now, random, patience) = (self.clock.now(), self.random.f64(), failure.asks_for_patience());
        let backoff = self.backoff.as_mut().filter(|_| !gives_up);
        let wait = backoff.map(|backoff| backoff.after_failure(now, random, patience).max(failure.retry_after()));
        let cause = Arc::new(failure);
        let Some(wait) = wait else {
            self.outlet.status(Status::Failed { cause }).await;
            return self.pause(None).await;
        };
        let until = self.clock.now().after(wait);
        self.outlet.status(Status::Waiting { until, attempt: self.attempts.saturating_add(1), cause }).await;
        self.pause(Some(Instant::now() + wait)).await
    }

    /// Waits for the moment of the next attempt, or for the user's word.
    async fn pause(&mut self, until: Option<Instant>) -> Next {
        loop {
            tokio::select! {
                biased;
                () = self.ending.cancelled() => return Next::End,
                () = self.outlet.deserted() => return Next::End,
                Some(event) = self.requests.next(), if !self.requests.is_empty() => self.outlet.send(event).await,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return Next::Retry,
                command = self.commands.recv() => match self.answer_offline_or_leave(command).await {
                    Wish::Stay => {}
                    Wish::Leave => return Next::End,
                    Wish::Reconnect => {
                        self.attempts = 0;
                        self.start_anew();
                        return Next::Retry;
                    }
                },
            }
        }
    }

    /// Forgets what went wrong before.
    fn start_anew(&mut self) {
        self.poison.forget();
        if let Some(backoff) = &mut self.backoff {
            backoff.reset();
        }
    }
}
