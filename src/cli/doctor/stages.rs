//! The stages up to an open byte stream: name, TCP, proxy, TLS, WebSocket, QUIC.

use std::{cell::RefCell, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;

use super::{
    conversation,
    report::{Check, Fact, Report},
};
use crate::{
    base::clock::Clock,
    cli::exit::{Exit, Problem},
    mqtt::options::Options,
    wire::{
        dial::{self, Dialed, Stage, Step},
        error::WireError,
        tls::certificate::Certificate,
    },
};

/// A certificate whose time ends so soon wants to be renewed.
const RENEW: i64 = 14;

/// What is known of a walk while it goes on.
#[derive(Debug)]
struct Walked {
    at: Stage,
    done: Vec<(Stage, Duration)>,
    addresses: Vec<String>,
    peer: String,
    tls: String,
    chain: Vec<Certificate>,
    unverified: bool,
}

impl Walked {
    fn start() -> Self {
        Self {
            at: Stage::Name,
            done: Vec::new(),
            addresses: Vec::new(),
            peer: String::new(),
            tls: String::new(),
            chain: Vec::new(),
            unverified: false,
        }
    }

    fn take(&mut self, step: Step<'_>) {
        match step {
            Step::Begins(stage) => self.at = stage,
            Step::Resolved(addresses) => self.addresses = addresses.iter().map(|address| address.ip().to_string()).collect(),
            Step::Reached(peer) => peer.clone_into(&mut self.peer),
            Step::Agreed { description, chain, unverified } => {
                description.clone_into(&mut self.tls);
                chain.clone_into(&mut self.chain);
                self.unverified = unverified;
            }
            Step::Done(stage, took) => self.done.push((stage, took)),
        }
    }
}

/// Opens a stream and reports each stage; returns the stream if all went well.
///
/// # Errors
///
/// Returns why the report could not be printed.
pub(super) async fn walk(options: &Options, clock: Clock, report: &mut Report) -> Result<Option<Dialed>, Problem> {
    let endpoint = &options.endpoint;
    let means = options.means();
    let walked = RefCell::new(Walked::start());
    let take = |step: Step<'_>| walked.borrow_mut().take(step);
    let opened = timeout(options.connect_timeout, dial::walk(endpoint, &means, take)).await;
    let walked = walked.into_inner();
    let opened = opened.unwrap_or_else(|_| Err(means.timed_out(endpoint, walked.at, options.connect_timeout)));
    for (stage, took) in &walked.done {
        let check = done(*stage, options, &walked, clock);
        report.check(&check.took(Some(*took)), Exit::Done)?;
    }
    let error = match opened {
        Ok(dialed) => return Ok(Some(dialed)),
        Err(error) => error,
    };
    let check = failed(walked.at, &error, clock);
    report.check(&check, conversation::exit(&error.into()))?;
    Ok(None)
}

/// Tells of a stage that went well.
fn done(stage: Stage, options: &Options, walked: &Walked, clock: Clock) -> Check {
    let (key, label) = names(stage);
    match stage {
        Stage::Name => {
            let addresses = Fact::hidden("addresses", walked.addresses.clone());
            Check::good(key, label, walked.addresses.join(", ")).facts([addresses])
        }
        Stage::Tcp => Check::good(key, label, &walked.peer).facts([Fact::hidden("peer", walked.peer.as_str())]),
        Stage::Proxy => {
            let proxy = options.proxy.as_ref().map(ToString::to_string).unwrap_or_default();
            Check::good(key, label, format!("{proxy} opened the way to {}", options.endpoint.authority()))
        }
        Stage::Tls | Stage::Quic => tls(key, label, walked, clock),
        Stage::WebSocket => Check::good(key, label, "the handshake was accepted"),
        Stage::Socket => Check::good(key, label, options.endpoint.authority()),
        Stage::Connect => Check::good(key, label, ""),
    }
}

fn tls(key: &'static str, label: &'static str, walked: &Walked, clock: Clock) -> Check {
    let now = now(clock);
    let check = Check::good(key, label, &walked.tls)
        .facts([Fact::hidden("agreed", walked.tls.as_str()), Fact::hidden("verified", !walked.unverified)])
        .facts(certificates(&walked.chain, now));
    if walked.unverified {
        return check.warn("nobody looks at the certificate, so that anybody may be at the other end: verify = \"full\" does");
    }
    let ends = walked.chain.iter().filter_map(|certificate| Some((days_left(certificate, now)?, certificate)));
    match ends.min_by_key(|(days, _)| *days) {
        Some((days, soonest)) if days < RENEW => {
            let hint = format!("the certificate of {} ends in {}: have it renewed", soonest.subject, days_words(days));
            check.warn(hint)
        }
        Some(_) | None => check,
    }
}

/// Tells of the stage that failed; a certificate that was refused shows itself.
fn failed(stage: Stage, error: &WireError, clock: Clock) -> Check {
    let (key, label) = names(stage);
    let check = Check::bad(key, label, error.to_string(), error.hint());
    match error {
        WireError::Certificate { chain, .. } => check.facts(certificates(chain, now(clock))),
        WireError::Connect { addresses, .. } if addresses.len() > 1 => {
            check.facts([Fact::list("tried", "tried", addresses.clone())])
        }
        _ => check,
    }
}

/// Returns how scripts and people call a stage.
pub(super) fn names(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Name => ("name", "name"),
        Stage::Tcp => ("tcp", "TCP"),
        Stage::Proxy => ("proxy", "proxy"),
        Stage::Tls => ("tls", "TLS"),
        Stage::WebSocket => ("websocket", "WebSocket"),
        Stage::Quic => ("quic", "QUIC"),
        Stage::Socket => ("socket", "socket"),
        Stage::Connect => ("connect", "CONNECT"),
    }
}

/// Tells of the certificates that the broker sent, and how many there were: one that lacks its intermediate is a common fault.
fn certificates(chain: &[Certificate], now: Timestamp) -> Vec<Fact> {
    let sent = match chain.len() {
        1 => "1 certificate, the broker's own".to_owned(),
        count => format!("{count} certificates"),
    };
    let each = chain.iter().map(|shown| certificate(shown, now)).collect();
    std::iter::once(Fact::shown("sent", sent)).chain(Fact::groups("certificates", each)).collect()
}

fn certificate(certificate: &Certificate, now: Timestamp) -> Vec<Fact> {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let date = |time: Option<Timestamp>| time.map_or("?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string());
    let days = days_left(certificate, now);
    let left = match days {
        Some(days) if days < 0 => format!(", ended {} ago", days_words(-days)),
        Some(days) => format!(", {} left", days_words(days)),
        None => String::new(),
    };
    let itself = if certificate.is_self_signed { " (itself)" } else { "" };
    vec![
        Fact::text("subject", "certificate", &certificate.subject),
        Fact::list("names", "names", certificate.names.clone()),
        Fact::both("issuer", certificate.issuer.as_str(), "issuer", format!("{}{itself}", certificate.issuer)),
        Fact::hidden("self_signed", certificate.is_self_signed),
        Fact::hidden("not_before", time(certificate.not_before)),
        Fact::hidden("not_after", time(certificate.not_after)),
        Fact::hidden("days_left", days),
        Fact::shown("valid", format!("{} to {}{left}", date(certificate.not_before), date(certificate.not_after))),
        Fact::text("sha256", "SHA-256", certificate.fingerprint()),
    ]
}

fn days_left(certificate: &Certificate, now: Timestamp) -> Option<i64> {
    certificate.not_after.map(|end| (end.as_second() - now.as_second()).div_euclid(86_400))
}

fn days_words(days: i64) -> String {
    format!("{days} day{}", if days == 1 { "" } else { "s" })
}

fn now(clock: Clock) -> Timestamp {
    Timestamp::from_microsecond(clock.now().wall).unwrap_or(Timestamp::UNIX_EPOCH)
}
