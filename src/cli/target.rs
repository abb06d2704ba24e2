//! From TARGET and the options of connecting to what a session needs.

use std::{
    env, fs,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::{Command, CommandFactory as _};
use tokio::runtime::{Builder, Runtime};

use super::{
    args::{
        AuthenticationArgs, Cli, ConnectArgs, PasswordArgs, ScreenArgs, TermArgs, TlsArgs, TraceArgs, WayArgs, WillArgs, elsewhere,
    },
    ask::ask,
    exit::{Exit, Problem},
    profiles,
    replaced::replaced,
};
use crate::{
    base::{disk, secret::Secret, text},
    mqtt::{
        message::{Message, Properties, Qos},
        options::{Authentication, Options, Protocol, Subscription, Will},
    },
    profile::{
        self, Profile,
        client_id::Identity,
        need::Need,
        secret::{self, PasswordSource},
    },
    record::trace::Trace,
    wire::{
        endpoint::{Endpoint, Url},
        tls::Verify,
    },
};

/// What a verb connects to.
pub(super) struct Target {
    /// The options of the session, with the password.
    pub(super) options: Options,
    /// Whether the profile forbids to publish.
    pub(super) read_only: bool,
    /// Whether the Client Identifier is another one in each run.
    pub(super) changes_id: bool,
    /// Whether the profile wants to be asked before anything is published.
    pub(super) protect: bool,
}

/// Where a secret comes from.
enum Source {
    /// What can be read only once, by this process.
    Once(Once),
    /// What a profile could say too.
    Known(PasswordSource),
}

/// A secret that can be read only once.
enum Once {
    Stdin,
    /// What `<(command)` of a shell makes: a pipe, which only its maker can read.
    Pipe(PathBuf),
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
    forget_replaced(args, &mut profile);
    for (need, source) in sources(args)? {
        match source {
            Source::Known(source) => profile.take_from(&need, source),
            Source::Once(source) => need.put(&mut options, fetch(&source)?),
        }
    }
    let runtime = runtime()?;
    while let Some(need) = runtime.block_on(profile.wanted(&options)) {
        let secret = ask_for(&need, &options, &runtime)?;
        need.put(&mut options, secret);
    }
    runtime.block_on(profile.fetch(&mut options, &|name| env::var_os(name))).map_err(Problem::usage)?;
    Ok(Target { options, read_only: profile.read_only, changes_id: profile.changes_id(), protect: profile.protect })
}

/// Finds what the screen connects to, with the options of the command line over it; nothing without a target.
///
/// # Errors
///
/// Returns what is wrong with the target, an option or the password's source.
pub fn of_screen(args: &ScreenArgs) -> Result<Option<Profile>, Problem> {
    let Some(target) = &args.target else { return Ok(None) };
    let mut profile = find(target).map_err(|problem| match verb_meant(target) {
        Some(verb) => problem.hint(format!("the verb is `{verb}`: mqtap {verb} -h")),
        None => problem,
    })?;
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
    forget_replaced(&args.connect, &mut profile);
    for (need, source) in sources(&args.connect)? {
        let source = match source {
            Source::Known(source) => source,
            Source::Once(source) => PasswordSource::Inline(fetch(&source)?),
        };
        profile.take_from(&need, source);
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
    options.max_packet_size = args.max_packet_size.or(options.max_packet_size);
    let TermArgs { receive_maximum, topic_alias_maximum, request_response_information, request_problem_information } = args.terms;
    options.receive_maximum = receive_maximum.or(options.receive_maximum);
    set(&mut options.topic_alias_maximum, topic_alias_maximum);
    set(&mut options.request_response_information, request_response_information);
    set(&mut options.request_problem_information, request_problem_information);
    if let Some(method) = &args.authentication.auth_method {
        options.authentication = Some(Authentication { method: method.clone(), data: None });
    }
    if let Some(will) = will(&args.will) {
        options.will = Some(will);
    }
    apply_tls(&args.tls, options)?;
    apply_way(&args.way, options)
}

fn apply_tls(args: &TlsArgs, options: &mut Options) -> Result<(), Problem> {
    let TlsArgs { ca_file, cert, key, server_name, alpn, insecure } = args;
    let given = [
        (ca_file.is_some(), "--ca-file"),
        (cert.is_some(), "--cert"),
        (server_name.is_some(), "--server-name"),
        (!alpn.is_empty(), "--alpn"),
        (*insecure, "--insecure"),
    ];
    if let Some((_, option)) = given.iter().find(|(is_given, _)| *is_given)
        && !options.endpoints().any(Endpoint::is_encrypted)
    {
        let hint = format!("write mqtts://, wss:// or quic:// to use {option}");
        return Err(Problem::usage(format!("{} has no TLS", options.endpoint)).hint(hint));
    }
    let tls = &mut options.tls;
    if ca_file.is_some() {
        // A pin, or no verification at all, would make the authorities of no use.
        tls.verify = Verify::Full;
    }
    tls.ca_file = ca_file.clone().or(tls.ca_file.take());
    tls.server_name = server_name.clone().or(tls.server_name.take());
    if cert.is_some() {
        (tls.cert_file, tls.key_file) = (cert.clone(), key.clone());
    }
    if !alpn.is_empty() {
        tls.alpn.clone_from(alpn);
    }
    if *insecure {
        tls.verify = Verify::None;
    }
    Ok(())
}

fn apply_way(args: &WayArgs, options: &mut Options) -> Result<(), Problem> {
    let WayArgs { ws_path, ws_header, proxy } = args;
    if (ws_path.is_some() || !ws_header.is_empty()) && !options.endpoints().any(|endpoint| endpoint.transport.is_websocket()) {
        let problem = Problem::usage(format!("{} is not a WebSocket", options.endpoint));
        return Err(problem.hint("write ws:// or wss:// to use --ws-path or --ws-header"));
    }
    if let Some(path) = ws_path {
        if options.endpoint.transport.is_websocket() {
            options.endpoint.path.clone_from(path);
        }
        options.websocket.path = Some(path.clone());
    }
    for (name, value) in ws_header {
        options.websocket.headers.push((name.clone(), Secret::from(value.clone())));
    }
    if let Some(proxy) = proxy {
        if let Some(past) = options.endpoints().find(|endpoint| !endpoint.transport.is_tcp()) {
            return Err(Problem::usage(format!("{past} would go past the proxy, which carries TCP only")));
        }
        options.proxy = Some(proxy.clone());
    }
    Ok(())
}

/// Keeps the secrets of the profile from what the command line put in the place of its own.
fn forget_replaced(args: &ConnectArgs, profile: &mut Profile) {
    for (need, _) in replaced(args) {
        profile.forget(&need);
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

fn will(args: &WillArgs) -> Option<Will> {
    let topic = args.will_topic.as_deref()?;
    let properties = Properties {
        message_expiry: args.will_expiry,
        content_type: args.will_content_type.clone(),
        response_topic: args.will_response_topic.clone(),
        correlation_data: args.will_correlation_data.clone().map(Bytes::from),
        payload_format: args.will_payload_format,
        user_properties: args.will_user_property.clone(),
        ..Properties::default()
    };
    let message = Message {
        topic: topic.into(),
        payload: args.will_payload.clone().map(Bytes::from).unwrap_or_default(),
        qos: args.will_qos.unwrap_or_default(),
        retain: args.will_retain,
        properties: (!properties.is_empty()).then(|| Box::new(properties)),
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

/// Returns the verb that a target without a profile is meant for.
fn verb_meant(target: &str) -> Option<String> {
    let cli = Cli::command();
    let verbs: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
    elsewhere::verb_meant(target, &verbs).map(str::to_owned)
}

/// Finds a saved connection, or makes one of a URL.
fn find(target: &str) -> Result<Profile, Problem> {
    if Url::is_url(target) {
        // A URL needs no file, not even a home directory.
        return Url::parse(target).map(Profile::ad_hoc).map_err(|why| {
            let problem = Problem::usage(why);
            match topic_of_url(target) {
                Some((url, topic)) => problem.hint(format!("a topic or filter is a word of its own: {url} '{topic}'")),
                None => problem,
            }
        });
    }
    let profiles = profiles::load()?;
    profile::resolve::target(target, &profiles).map_err(Problem::usage)
}

/// Takes a URL apart that has a topic where only a WebSocket has a path; `None` if that is not what is wrong.
fn topic_of_url(target: &str) -> Option<(String, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let (authority, topic) = rest.split_once('/')?;
    let url = format!("{scheme}://{authority}");
    let is_topic = !topic.is_empty() && !target.contains('@') && Url::parse(&url).is_ok();
    is_topic.then_some((url, topic))
}

impl TraceArgs {
    /// Opens the file that packets are written to, if one was named.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be written.
    pub fn open(&self) -> Result<Option<Trace>, Problem> {
        let Some(path) = &self.trace else { return Ok(None) };
        if self.is_stderr() {
            let failed = |error| Problem::new(Exit::Other, format!("trace to standard error: {error}"));
            return Trace::to_stderr().map(Some).map_err(failed);
        }
        let problem =
            |error: std::io::Error| Problem::new(Exit::Other, format!("open {}: {error}", text::line(&path.to_string_lossy(), 60)));
        Trace::open(path).map(Some).map_err(problem)
    }
}

impl TraceArgs {
    /// Returns `true` if packets are to be written to standard error.
    #[must_use]
    pub fn is_stderr(&self) -> bool {
        self.trace.as_deref() == Some(Path::new("-"))
    }
}

impl ConnectArgs {
    /// Tells whether a secret comes on standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        is_stdin(self.password.password_file.as_deref()) || is_stdin(self.authentication.auth_data_file.as_deref())
    }
}

fn is_stdin(path: Option<&Path>) -> bool {
    path == Some(Path::new("-"))
}

/// Returns where the secrets of the command line come from.
fn sources(args: &ConnectArgs) -> Result<Vec<(Need, Source)>, Problem> {
    let PasswordArgs { password_env, password_file } = &args.password;
    let AuthenticationArgs { auth_method: _, auth_data_env, auth_data_file } = &args.authentication;
    if is_stdin(password_file.as_deref()) && is_stdin(auth_data_file.as_deref()) {
        return Err(Problem::usage("standard input holds one secret, not two"));
    }
    let all = [
        (Need::Password, source(password_env.as_deref(), password_file.as_deref())),
        (Need::Authentication, source(auth_data_env.as_deref(), auth_data_file.as_deref())),
    ];
    for (option, path) in [("--password-file", password_file), ("--auth-data-file", auth_data_file)] {
        if let Some(path) = path {
            check_private(option, path)?;
        }
    }
    Ok(all.into_iter().filter_map(|(need, source)| Some((need, source?))).collect())
}

/// Says what can be done about a file that others can read, where its mode cannot be changed either: a mounted secret.
fn check_private(option: &str, path: &Path) -> Result<(), Problem> {
    // What is no file, or is not there, is said when it is read.
    let Ok(found) = fs::metadata(path) else { return Ok(()) };
    if !found.is_file() || is_stdin(Some(path)) {
        return Ok(());
    }
    let shown = text::safe(&path.to_string_lossy()).to_string();
    disk::check_private(path, &found).map_err(|why| {
        let hint = format!(
            "of a mounted secret, whose mode stays: {option} - < {shown}, or {}-env VARIABLE",
            option.trim_end_matches("-file")
        );
        Problem::usage(format!("the file {shown} {why}")).hint(hint)
    })
}

fn source(variable: Option<&str>, path: Option<&Path>) -> Option<Source> {
    if is_stdin(path) {
        return Some(Source::Once(Once::Stdin));
    }
    if let Some(path) = path {
        let is_pipe = fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
        return Some(if is_pipe {
            Source::Once(Once::Pipe(path.to_owned()))
        } else {
            Source::Known(PasswordSource::File(path.to_owned()))
        });
    }
    variable.map(|name| Source::Known(PasswordSource::Env(name.to_owned())))
}

fn runtime() -> Result<Runtime, Problem> {
    Builder::new_current_thread().enable_all().build().map_err(|error| Problem::usage(error.to_string()))
}

/// Fetches a secret that only this process can read, before anything is connected.
fn fetch(source: &Once) -> Result<Secret, Problem> {
    let failed = |why: String| Problem::usage(why);
    let runtime = runtime()?;
    match source {
        Once::Stdin => runtime.block_on(secret::read(tokio::io::stdin())).map_err(|why| failed(format!("standard input {why}"))),
        Once::Pipe(path) => runtime.block_on(async {
            let name = text::line(&path.to_string_lossy(), 60);
            let pipe = tokio::fs::File::open(path).await.map_err(|error| failed(format!("open {name}: {error}")))?;
            secret::read(pipe).await.map_err(|why| failed(format!("the pipe {name} {why}")))
        }),
    }
}

fn ask_for(need: &Need, options: &Options, runtime: &Runtime) -> Result<Secret, Problem> {
    let (whose, hint) = match need {
        Need::Password => {
            let user = options.username.as_deref().map(|user| format!("{}@", text::line(user, 40))).unwrap_or_default();
            (format!(" of {user}{}", options.endpoint.authority()), "use --password-env or --password-file")
        }
        Need::Authentication => (String::new(), "set connect.authentication.data in a profile to another source"),
        Need::Passphrase => {
            let key = options.tls.key_path().map(|path| text::line(&path.to_string_lossy(), 60).to_string());
            (key.map(|key| format!(" {key}")).unwrap_or_default(), "set tls.key_password in a profile")
        }
        Need::ProxyPassword => {
            let proxy = options.proxy.as_ref().map(|proxy| format!(" {proxy}")).unwrap_or_default();
            (proxy, "set proxy.password in a profile")
        }
        Need::Header(_) => (String::new(), "set websocket.headers in a profile to another source"),
    };
    // Who sent a signal needs no word about it.
    let typed = ask(format!("{need}{whose}: "), runtime).map_err(|exit| Problem::new(exit, ""))?;
    typed
        .map(Secret::from)
        .map_err(|error| Problem::usage(format!("cannot ask for what is secret: {need}{whose}: {error}")).hint(hint))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Verb;

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

    #[test]
    fn what_connect_asks_for_reaches_the_options_and_needs_mqtt_5() {
        let given =
            "--receive-maximum 7 --topic-alias-maximum 0 --request-response-information yes --request-problem-information no";
        let options = resolved(&format!("mqtt://h t {given}")).expect("valid");
        assert_eq!((options.receive_maximum, options.topic_alias_maximum), (Some(7), 0));
        assert!(options.request_response_information && !options.request_problem_information && !options.may_downgrade);
        let problem = resolved("mqtt://h t -V 3.1.1 --receive-maximum 7").expect_err("MQTT 3.1.1 has none");
        assert!(problem.text.contains("--receive-maximum needs MQTT 5"), "{problem}");
    }

    #[test]
    fn authentication_data_comes_from_a_file_and_never_from_the_command_line() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "CANARY\n").expect("written");
        let path = file.path().display();
        let options = resolved(&format!("mqtt://h t --auth-method token --auth-data-file {path}")).expect("valid");
        let authentication = options.authentication.expect("a method");
        assert_eq!(authentication.method, "token");
        assert_eq!(authentication.data.expect("data").expose(), b"CANARY");
        let problem = resolved("mqtt://h t --auth-method token --auth-data-env MQTAP_TEST_UNSET").expect_err("it is not set");
        assert!(problem.text.contains("MQTAP_TEST_UNSET"), "{problem}");
        let twice = "mqtt://h t --auth-method token --auth-data-file - --password-file -";
        assert!(resolved(twice).expect_err("one standard input").text.contains("one secret"));
    }

    #[test]
    fn a_will_has_its_properties() {
        let given = "--will-topic w --will-delay 5s --will-expiry 1m --will-content-type a/b --will-response-topic r \
                     --will-correlation-data c --will-payload-format 1 --will-user-property k=v";
        let will = resolved(&format!("mqtt://h t {given}")).expect("valid").will.expect("a will");
        let properties = will.message.properties.expect("properties");
        assert_eq!((will.delay, properties.message_expiry, properties.payload_format), (Some(5), Some(60), Some(1)));
        assert_eq!((properties.content_type.as_deref(), properties.response_topic.as_deref()), (Some("a/b"), Some("r")));
        assert_eq!(properties.correlation_data.as_deref(), Some(&b"c"[..]));
        assert_eq!(properties.user_properties, [("k".into(), "v".into())]);
    }

    #[test]
    fn every_way_to_connect_reaches_the_options() {
        let line =
            "wss://h/old t --ws-path /new --ws-header X-A:b:c --proxy http://p:3128 --cert c --key k --alpn a --alpn b --insecure";
        let options = resolved(line).expect("valid");
        assert_eq!(options.endpoint.to_string(), "wss://h:443/new");
        assert_eq!((options.tls.alpn, options.tls.verify), (vec!["a".into(), "b".into()], Verify::None));
        assert_eq!((options.tls.cert_file, options.tls.key_file), (Some("c".into()), Some("k".into())));
        assert_eq!(options.proxy.map(|proxy| proxy.to_string()).as_deref(), Some("http://p:3128"));
        let headers: Vec<_> = options.websocket.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(headers, [("X-A", &b"b:c"[..])]);
    }

    #[test]
    fn an_option_that_the_transport_cannot_use_is_refused() {
        let cases = [
            ("mqtt://h t --insecure", "has no TLS"),
            ("ws://h t --cert c", "has no TLS"),
            ("mqtts://h t --ws-path /a", "is not a WebSocket"),
            ("quic://h t --proxy socks5://p", "would go past the proxy"),
            ("unix:///a t --proxy socks5://p", "would go past the proxy"),
        ];
        for (line, part) in cases {
            let problem = resolved(line).expect_err(line);
            assert!(problem.text.contains(part), "{line}: {}", problem.text);
        }
    }
}
