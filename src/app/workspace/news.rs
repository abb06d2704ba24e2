//! What a session says, as its workspace takes it.

use super::{Grant, Pending, Workspace};
use crate::{
    app::notice::{Level, Notices},
    base::{clock::Stamp, human, text},
    mqtt::{
        command::Token,
        error::Failure,
        event::{Event, Receipt, Status},
        message::Qos,
        skips, topic,
    },
    wire::dial::Stage,
};

impl Workspace {
    /// Takes in what the session said, and keeps what went wrong.
    pub fn take(&mut self, event: Event, now: Stamp, notices: &mut Notices) {
        self.has_session = true;
        let said = notices.said();
        self.take_event(event, now, notices);
        for trouble in notices.since(said).filter(|notice| notice.level >= Level::Warning) {
            self.broker.troubles.push(trouble.clone());
        }
    }

    fn take_event(&mut self, event: Event, now: Stamp, notices: &mut Notices) {
        match event {
            Event::Messages(batch) => {
                for message in &batch {
                    self.store.insert(message);
                }
                self.unfold();
            }
            Event::Lost(count) => self.store.lost(count),
            Event::Lag(lag) => self.lag = (!lag.is_zero()).then_some(lag),
            Event::Skipped(skipped) => {
                self.store.lost(skipped.count);
                if let Some(said) = self.skips.take(skipped, now) {
                    notices.say(now, Level::Warning, &said, skips::HINT);
                }
            }
            Event::RoundTrip(time) => {
                self.round_trip = Some(human::span(time));
                self.broker.round_trips.push(time);
            }
            Event::Packets(noted) => self.exchange.insert(noted),
            Event::Status(status) => self.take_status(status, now, notices),
            Event::Subscribed { filter, outcome } => self.take_grant(&filter, outcome, now, notices),
            Event::Unsubscribed { filter, outcome } => match outcome {
                Ok(()) => {
                    self.subscriptions.retain(|row| row.subscription.filter != filter);
                    notices.say(now, Level::Info, &format!("no longer subscribed to {filter}"), "");
                }
                Err(failure) => {
                    notices.say(
                        now,
                        Level::Error,
                        &format!("could not end the subscription to {filter}: {failure}"),
                        failure.hint(),
                    );
                }
            },
            Event::Reauthenticated(Ok(())) => notices.say(now, Level::Success, "authenticated once more", ""),
            Event::Reauthenticated(Err(failure)) => notices.say(now, Level::Error, &failure.to_string(), failure.hint()),
            Event::Settled { token, outcome } => self.take_receipt(token, outcome, now, notices),
        }
    }

    fn take_status(&mut self, status: Status, now: Stamp, notices: &mut Notices) {
        match &status {
            Status::Waiting { until, attempt, cause } => {
                let wait = human::precise_span(until.since(now));
                self.exchange.end(now, text::safe(&format!("{cause}; try {attempt} in {wait}")).to_string());
            }
            Status::Failed { cause } => self.exchange.end(now, text::safe(&cause.to_string()).to_string()),
            Status::Connecting { .. } | Status::Online(_) | Status::Closed => {}
        }
        let was_waiting = matches!(self.status, Status::Waiting { .. } | Status::Connecting { attempt: 2.., .. });
        match &status {
            Status::Online(welcome) => {
                let again = if self.welcome.is_some() { "connected again" } else { "connected" };
                if let Some(why) = welcome.step_down {
                    let said = format!("{why}: connected with 3.1.1");
                    notices.say(now, Level::Warning, &said, "set protocol = \"3.1.1\" in the profile to skip the try");
                } else {
                    let said = format!("{again} to {} in {}", welcome.peer, human::span(welcome.took));
                    notices.say(now, Level::Success, &said, "");
                }
                if self.welcome.is_none()
                    && let Some(said) = self.profile.will().and_then(|will| will.left_out(welcome.protocol))
                {
                    notices.say(now, Level::Warning, &said, "");
                }
                if welcome.session_lost {
                    let hint = "what was queued for this client is gone; subscriptions are made anew";
                    notices.say(now, Level::Warning, "the broker has lost the session", hint);
                } else if welcome.session_present && again == "connected" {
                    notices.say(now, Level::Info, "the session of an earlier connection goes on", "");
                }
                self.welcome = Some(welcome.clone());
            }
            Status::Waiting { cause, .. } if !was_waiting => notices.say(now, Level::Error, &cause.to_string(), cause.hint()),
            Status::Failed { cause } => notices.say(now, Level::Error, &cause.to_string(), cause.hint()),
            Status::Waiting { .. } | Status::Connecting { .. } | Status::Closed => {}
        }
        self.stand(status, now);
    }

    fn take_grant(&mut self, filter: &str, outcome: Result<Qos, Failure>, now: Stamp, notices: &mut Notices) {
        let shown = text::line(filter, 60);
        let row = self.subscriptions.iter_mut().find(|row| row.subscription.filter == filter);
        match &outcome {
            Ok(granted) => {
                if let Some(asked) = row.as_ref().map(|row| row.subscription.qos).filter(|asked| asked > granted) {
                    let said = format!("the broker granted QoS {granted} to {shown}, {asked} was asked for");
                    notices.say(now, Level::Warning, &said, "");
                }
                let protocol = self.welcome.as_ref().map(|welcome| welcome.protocol);
                if let Some(said) = protocol.and_then(|protocol| topic::shared_before_v5(filter, protocol)) {
                    notices.say(now, Level::Warning, &format!("{shown}: {said}"), "");
                }
            }
            Err(failure) => notices.say(now, Level::Error, &format!("subscription to {shown} denied: {failure}"), failure.hint()),
        }
        if let Some(row) = row {
            row.grant = match outcome {
                Ok(granted) => Grant::Granted(granted),
                Err(failure) => Grant::Denied(failure.to_string(), failure.hint()),
            };
        }
    }

    fn take_receipt(&mut self, token: Token, outcome: Result<Receipt, Failure>, now: Stamp, notices: &mut Notices) {
        let Some(pending) = self.pending.remove(&token) else { return };
        let Pending { topic, qos } = pending;
        match outcome {
            Ok(receipt) => {
                self.sent += 1;
                let hint = receipt.reason.map_or("", crate::mqtt::reason::Reason::hint);
                let (level, hint) = match receipt.lowered_to {
                    Some(_) => (Level::Warning, "a lower QoS may deliver it twice, or not at all"),
                    None => (Level::Success, hint),
                };
                let lowered = receipt.lowered_to.map(|qos| format!(", as QoS {qos}")).unwrap_or_default();
                let how = if qos == Qos::AtMostOnce { "sent" } else { "acknowledged" };
                notices.say(now, level, &format!("{topic}: {how} in {}{lowered}", human::span(receipt.took)), hint);
            }
            Err(failure) => notices.say(now, Level::Error, &format!("{topic} was not published: {failure}"), failure.hint()),
        }
    }

    /// Opens the only root as soon as it is known, so that there is something to see.
    fn unfold(&mut self) {
        if self.unfolded {
            return;
        }
        self.unfolded = true;
        let tree = self.store.tree();
        let mut plain = (0..tree.rows().min(3)).filter_map(|row| tree.row(row)).filter(|row| !row.name.starts_with('$'));
        if let (Some(root), None) = (plain.next(), plain.next()) {
            let node = root.node;
            self.store.tree_mut().set_open(node, true);
        }
    }

    /// Returns where a connection stands that was just asked for.
    #[must_use]
    pub fn starting() -> Status {
        Status::Connecting { stage: Stage::Name, attempt: 1 }
    }

    /// Says where the connection stands while there is no session that would: before one is started, or in place of another.
    pub fn enter(&mut self, status: Status, now: Stamp) {
        // Its publishes are settled by nobody any more.
        self.pending.clear();
        self.stand(status, now);
    }

    fn stand(&mut self, status: Status, now: Stamp) {
        if !matches!(status, Status::Online(_)) {
            self.round_trip = None;
            self.lag = None;
            for row in &mut self.subscriptions {
                row.grant = Grant::Awaited;
            }
        }
        if std::mem::discriminant(&self.status) != std::mem::discriminant(&status) {
            self.since = now;
        }
        self.status = status;
    }
}
