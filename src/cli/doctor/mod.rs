//! `mqtap doctor`: what works on the way to a broker and what does not, and what to do about it.

mod conversation;
mod machine;
mod report;
mod stages;
mod text;
mod will;

use tokio_util::sync::CancellationToken;

use self::report::{Check, Report};
use super::{
    args::DoctorArgs,
    confirm::confirm,
    exit::{Exit, Problem},
    kept::Kept,
    target::{self, Target},
    until_signal::until_signal,
};
use crate::{
    base::clock::Clock,
    mqtt::{
        message::Qos,
        options::{Options, Subscription},
        will_test::WillFault,
    },
    record::trace::Trace,
};

/// Runs the verb.
///
/// # Errors
///
/// Returns what is wrong with the target, or why the report could not be printed; what the doctor finds is no error but an
/// exit code.
pub(super) fn run(args: DoctorArgs) -> Result<Exit, Problem> {
    let Some(target) = &args.target else {
        let mut report = Report::new(None, args.json);
        machine::examine(&mut report)?;
        return report.end();
    };
    let Target { mut options, read_only, changes_id, protect } =
        target::resolve(target, &args.connect, args.properties.needs_v5())?;
    options.user_properties.extend(args.properties.connect_user_properties.iter().cloned());
    if args.will && read_only {
        let hint = "--will has the broker publish the will, as if this client had died";
        return Err(Problem::usage("this connection is read-only: nothing can be published").hint(hint));
    }
    if args.will && options.will.is_none() {
        return Err(Problem::usage(WillFault::NoWill.to_string()).hint(WillFault::NoWill.hint()));
    }
    if args.will
        && !args.yes
        && protect
        && let Some(will) = &options.will
    {
        let question = format!("have the will published to {} on {target}, which is protected?", will.message.topic);
        confirm(&question, "nothing was examined")?;
    }
    let subscriptions = subscriptions(&args, &options);
    let trace = args.trace.open()?;
    let kept = Kept::of(&options, changes_id);
    let report = Report::new(Some(target), args.json);
    until_signal(move |stop| async move { examine(&args, &options, &subscriptions, kept, trace.as_ref(), &stop, report).await })
}

/// Returns what to subscribe to: what was named, or what the profile says.
fn subscriptions(args: &DoctorArgs, options: &Options) -> Vec<Subscription> {
    if args.filters.is_empty() {
        return options.subscriptions.clone();
    }
    args.filters.iter().map(|filter| Subscription::new(filter, args.qos.unwrap_or(Qos::AtMostOnce))).collect()
}

/// Examines each place where the broker may be, then the will; told to stop, it leaves the broker in good order first.
async fn examine(
    args: &DoctorArgs,
    options: &Options,
    subscriptions: &[Subscription],
    kept: Kept,
    trace: Option<&Trace>,
    stop: &CancellationToken,
    mut report: Report,
) -> Result<Exit, Problem> {
    let clock = Clock::start();
    // Its own client takes over no connection, and no queued message, of another one that is called alike.
    let own = if args.connect.client_id.is_some() {
        Options { client_id: options.client_id.clone(), ..options.sibling("doctor") }
    } else {
        options.sibling("doctor")
    };
    // Whatever becomes of the doctor, nobody is to be told that a client has died.
    let own = Options { will: None, ..own };
    let mut held = false;
    for endpoint in options.endpoints() {
        report.section(endpoint.to_string())?;
        let one = Options { endpoint: endpoint.clone(), fallbacks: Vec::new(), ..own.clone() };
        let Some(walked) = stop.run_until_cancelled(stages::walk(&one, clock, &mut report)).await else {
            return Ok(Exit::Done);
        };
        if let Some(dialed) = walked? {
            if let Some(said) = kept.fault(options.protocol, None) {
                report.check(&Check::good("session", "session", "the broker is asked to keep it").warn(said), Exit::Done)?;
            }
            held |= conversation::hold(dialed, &one, subscriptions, clock, stop, trace, &mut report).await?;
        }
        if stop.is_cancelled() {
            return Ok(Exit::Done);
        }
    }
    if args.will && held {
        will::test(options, clock, stop, &mut report).await?;
        if stop.is_cancelled() {
            return Ok(Exit::Done);
        }
    }
    report.end()
}
