//! Notices that the broker has gone silent, also while we go on to send.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// The clock of one connection.
///
/// The library pings only after it has sent nothing for Keep Alive, and never while it sends steadily: a link that is open on
/// our side alone would stay unnoticed. So the broker is asked when nothing came from it for a little longer than Keep
/// Alive, and taken for gone after one and a half. It always has time to answer, also when reading was held back or the
/// machine slept.
#[derive(Debug)]
pub(super) struct Watchdog {
    keep_alive: Duration,
    heard: Instant,
    asked: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The broker is to be asked whether it is there.
    Ask,
    /// It is gone.
    Gone,
}

impl Watchdog {
    /// Starts with CONNACK; nothing where Keep Alive is off.
    pub(super) fn start(keep_alive: Duration) -> Option<Self> {
        let heard = Instant::now();
        (!keep_alive.is_zero()).then(|| {
            let timer = Box::pin(sleep_until(heard + ask_after(keep_alive)));
            Self { keep_alive, heard, asked: None, timer }
        })
    }

    /// Takes note that the broker was heard.
    pub(super) fn hear(&mut self) {
        self.heard = Instant::now();
        self.asked = None;
    }

    /// Returns after how long a silence the broker is taken for gone.
    pub(super) fn patience(&self) -> Duration {
        ask_after(self.keep_alive) + answer_within(self.keep_alive)
    }

    /// Waits for the next alarm; after one it is to be polled again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Alarm> {
        loop {
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let answer_within = answer_within(self.keep_alive);
            let (alarm, next) = match self.asked {
                Some(asked) if asked.elapsed() >= answer_within => return Poll::Ready(Alarm::Gone),
                Some(asked) => (None, asked + answer_within),
                None if self.heard.elapsed() >= ask_after(self.keep_alive) => {
                    let now = Instant::now();
                    self.asked = Some(now);
                    (Some(Alarm::Ask), now + answer_within)
                }
                None => (None, self.heard + ask_after(self.keep_alive)),
            };
            self.timer.as_mut().reset(next);
            if let Some(alarm) = alarm {
                return Poll::Ready(alarm);
            }
        }
    }
}

/// Later than the library's own ping on an idle link, so that there is one ping and not two.
fn ask_after(keep_alive: Duration) -> Duration {
    keep_alive + keep_alive / 8
}

/// What is left of one and a half Keep Alives.
fn answer_within(keep_alive: Duration) -> Duration {
    keep_alive * 3 / 8
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_silent_broker_is_asked_and_then_gone_after_one_and_a_half_keep_alives() {
        let mut dog = Watchdog::start(KEEP_ALIVE).expect("on");
        let began = Instant::now();
        assert_eq!(poll_fn(|cx| dog.poll(cx)).await, Alarm::Ask);
        assert!(began.elapsed() >= KEEP_ALIVE, "{:?}", began.elapsed());
        assert_eq!(poll_fn(|cx| dog.poll(cx)).await, Alarm::Gone);
        let took = began.elapsed();
        assert!(took >= dog.patience() && took < 2 * KEEP_ALIVE + KEEP_ALIVE, "{took:?}");
    }

    #[tokio::test]
    async fn a_broker_that_answers_is_asked_again_and_never_gone() {
        let mut dog = Watchdog::start(KEEP_ALIVE).expect("on");
        for _ in 0..3 {
            assert_eq!(poll_fn(|cx| dog.poll(cx)).await, Alarm::Ask);
            dog.hear();
        }
    }

    #[tokio::test]
    async fn a_broker_that_could_not_be_heard_for_long_has_time_to_answer() {
        let mut dog = Watchdog::start(KEEP_ALIVE).expect("on");
        tokio::time::sleep(2 * KEEP_ALIVE).await;
        let began = Instant::now();
        assert_eq!(poll_fn(|cx| dog.poll(cx)).await, Alarm::Ask);
        assert_eq!(poll_fn(|cx| dog.poll(cx)).await, Alarm::Gone);
        assert!(began.elapsed() >= KEEP_ALIVE / 4, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn without_a_keep_alive_there_is_none() {
        assert!(Watchdog::start(Duration::ZERO).is_none());
    }
}
