//! From TARGET and the options of connecting to what a session needs.

use std::{
    env, fs,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::runtime::Builder;

use super::{
    args::{ConnectArgs, PasswordArgs, ScreenArgs, WillArgs},
    exit::Problem,
    profiles,
};
use crate::{
    base::{secret::Secret, text},
    mqtt::{
        message::{Message, Qos},
        options::{Options, Protocol, Subscription, Will},
    },
    profile::{
        self, Profile,
        client_id::Identity,
        secret::{self, PasswordSource, Resolved},
    },
    wire::endpoint::Url,
};

/// What a verb connects to.
pub(super) struct Target {
    /// The options of the session, with the password.
    pub(super) options: Options,
    /// Whether the profile forbids to publish.
    pub(super) read_only: bool,
}

/// Where the password comes from.
enum Source {
    Stdin,
    /// What `<(command)` of a shell makes: a pipe, which only its maker can read.
    Pipe(PathBuf),
    Known(PasswordSource),
}

/// Finds the profile or reads the URL, and puts the options of the command line over it.
///
/// `needs_v5` names an option given that only MQTT 5 can carry.
///
/// # Errors
///
/// Returns what is wrong with the target, an option or the password's source.
pub(super) fn resolve(target: &str, args: &ConnectArgs, needs_v5: Option<&str>) -> Result<Target, Problem> {
    let mut profile = find(target)?;
    let mut outcome = Ok(());
    profile.amend(|options| outcome = apply(args, options));
    outcome?;
    let mut options = profile.options(&Identity::of_process(&|name| env::var_os(name), fastrand::u64(..)));
    if let Some(option) = needs_v5.or(args.needs_v5()) {
        require_v5(option, &mut options)?;
    }
    let source = args.password.source().or(profile.password.map(Source::Known));
    options.password = source.map(|source| fetch(&source, &options)).transpose()?;
    let data = profile.authentication_data.map(Source::Known).map(|source| fetch(&source, &options)).transpose()?;
    if let Some(authentication) = &mut options.authentication {
        authentication.data = data;
    }
    Ok(Target { options, read_only: profile.read_only })
}

/// Finds what the screen connects to, with the options of the command line over it; nothing without a target.
///
/// # Errors
///
/// Returns what is wrong with the target, an option or the password's source.
pub fn of_screen(args: &ScreenArgs) -> Result<Option<Profile>, Problem> {
    let Some(target) = &args.target else { return Ok(None) };
    let mut profile = find(target)?;
    let mut outcome = Ok(());
    profile.amend(|options| {
        outcome = apply(&args.connect, options);
        if outcome.is_ok()
            && let Some(option) = args.connect.needs_v5().or(args.properties.needs_v5())
        {
            outcome = require_v5(option, options);
        }
        options.user_properties.extend(args.properties.connect_user_properties.iter().cloned());
        if !args.filters.is_empty() {
            options.subscriptions = args.filters.iter().map(|filter| Subscription::new(filter, Qos::AtMostOnce)).collect();
        }
    });
    outcome?;
    match args.connect.password.source() {
        Some(Source::Known(source)) => profile.password = Some(source),
        Some(source @ (Source::Stdin | Source::Pipe(_))) => {
            let options = profile.options(&Identity::of_process(&|name| env::var_os(name), 0));
            profile.password = Some(PasswordSource::Inline(fetch(&source, &options)?));
        }
        None => {}
    }
    profile.read_only |= args.read_only;
    Ok(Some(profile))
}

/// Puts what was given on the command line over what the profile says.
fn apply(args: &ConnectArgs, options: &mut Options) -> Result<(), Problem> {
    if let Some(protocol) = args.protocol {
        options.protocol = protocol;
        options.may_downgrade = false;
    }
    set(&mut options.client_id, args.client_id.clone());
    options.username = args.username.clone().or(options.username.take());
    set(&mut options.connect_timeout, args.connect_timeout);
    set(&mut options.keep_alive, args.keep_alive);
    set(&mut options.clean_start, args.clean_start);
    set(&mut options.session_expiry, args.session_expiry);
    set(&mut options.max_packet_size, args.max_packet_size);
    if let Some(will) = will(&args.will) {
        options.will = Some(will);
    }
    let tls = &args.tls;
    if !options.endpoint.is_encrypted() && (tls.ca_file.is_some() || tls.server_name.is_some()) {
        return Err(
            Problem::usage(format!("{} has no TLS", options.endpoint)).hint("write mqtts:// to use --ca-file or --server-name")
        );
    }
    options.tls.ca_file = tls.ca_file.clone().or(options.tls.ca_file.take());
    options.tls.server_name = tls.server_name.clone().or(options.tls.server_name.take());
    Ok(())
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

fn will(args: &WillArgs) -> Option<Will> {
    let topic = args.will_topic.as_deref()?;
    let message = Message {
        topic: topic.into(),
        payload: args.will_payload.clone().map(Bytes::from).unwrap_or_default(),
        qos: args.will_qos.unwrap_or_default(),
        retain: args.will_retain,
        ..Message::default()
    };
    Some(Will { message, delay: args.will_delay })
}

/// Makes sure that what only MQTT 5 can carry is not left out in silence.
fn require_v5(option: &str, options: &mut Options) -> Result<(), Problem> {
    match options.protocol {
        Protocol::V5 => {
            options.may_downgrade = false;
            Ok(())
        }
        version @ (Protocol::V31 | Protocol::V311) => {
            Err(Problem::usage(format!("{option} needs MQTT 5, and the connection is to speak {version}")))
        }
    }
}

/// Finds a saved connection, or makes one of a URL.
fn find(target: &str) -> Result<Profile, Problem> {
    if Url::is_url(target) {
        // A URL needs no file, not even a home directory.
        return Url::parse(target).map(Profile::ad_hoc).map_err(Problem::usage);
    }
    let profiles = profiles::load()?;
    profile::resolve::target(target, &profiles).map_err(Problem::usage)
}

impl PasswordArgs {
    /// Tells whether the password comes on standard input.
    pub(super) fn is_stdin(&self) -> bool {
        self.password_file.as_deref() == Some(Path::new("-"))
    }

    fn source(&self) -> Option<Source> {
        if self.is_stdin() {
            return Some(Source::Stdin);
        }
        if let Some(path) = &self.password_file {
            let is_pipe = fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
            return Some(if is_pipe { Source::Pipe(path.clone()) } else { Source::Known(PasswordSource::File(path.clone())) });
        }
        self.password_env.clone().map(PasswordSource::Env).map(Source::Known)
    }
}

/// Fetches a password, before anything is connected.
fn fetch(source: &Source, options: &Options) -> Result<Secret, Problem> {
    let failed = |why: String| Problem::usage(why);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
    let resolved = match source {
        Source::Stdin => runtime
            .block_on(secret::read(tokio::io::stdin()))
            .map(Resolved::Password)
            .map_err(|why| failed(format!("standard input {why}"))),
        Source::Pipe(path) => runtime.block_on(async {
            let name = text::line(&path.to_string_lossy(), 60);
            let pipe = tokio::fs::File::open(path).await.map_err(|error| failed(format!("open {name}: {error}")))?;
            secret::read(pipe).await.map(Resolved::Password).map_err(|why| failed(format!("the pipe {name} {why}")))
        }),
        Source::Known(source) => runtime.block_on(source.resolve(&|name| env::var_os(name))).map_err(failed),
    };
    match resolved? {
        Resolved::Password(secret) => Ok(secret),
        Resolved::Prompt => ask(options),
    }
}

fn ask(options: &Options) -> Result<Secret, Problem> {
    let user = options.username.as_deref().map(|user| format!("{}@", text::line(user, 40))).unwrap_or_default();
    let prompt = format!("Password of {user}{}: ", options.endpoint.authority());
    rpassword::prompt_password(prompt).map(Secret::from).map_err(|error| {
        Problem::usage(format!("cannot ask for the password: {error}")).hint("use --password-env or --password-file")
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Verb};

    fn resolved(line: &str) -> Result<Options, Problem> {
        let cli = Cli::try_parse_from(["mqtap", "get"].into_iter().chain(line.split_whitespace())).expect(line);
        let Some(Verb::Get(args)) = cli.verb else { panic!("{line}") };
        resolve(&args.target, &args.connect, args.properties.needs_v5()).map(|target| target.options)
    }

    #[test]
    fn what_is_given_wins_and_the_rest_stays() {
        let options = resolved("mqtt://ops@h:2000 t -k 5s --will-topic w --will-qos 1 --clean-start no").expect("valid");
        assert_eq!((options.endpoint.authority().as_str(), options.username.as_deref()), ("h:2000", Some("ops")));
        assert_eq!((options.keep_alive.as_secs(), options.connect_timeout.as_secs()), (5, 10));
        assert!(!options.clean_start && options.client_id.starts_with("mqtap-"));
        assert_eq!(options.will.map(|will| will.message.qos.level()), Some(1));
        assert_eq!(resolved("mqtt://ops@h t -u eva").expect("valid").username.as_deref(), Some("eva"));
    }

    #[test]
    fn a_version_that_was_asked_for_or_is_needed_is_not_stepped_down_from() {
        assert!(resolved("mqtt://h t").expect("valid").may_downgrade);
        for line in ["mqtt://h t -V 5", "mqtt://h t -x 1h", "mqtt://h t --user-property k=v"] {
            assert!(!resolved(line).expect(line).may_downgrade, "{line}");
        }
    }
}
