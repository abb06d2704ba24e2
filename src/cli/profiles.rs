//! `mqtap profiles`: lists, shows, adds, changes, removes and checks saved connections.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::CommandFactory as _;
use serde_json::{Map, Value, json};
use toml_edit::Array;

use super::{
    args::{AddArgs, AuthenticationArgs, Cli, ConnectArgs, EditArgs, ProfilesVerb, TermArgs, WillArgs},
    confirm::confirm,
    exit::{Exit, Problem},
    format::harmless,
    notice::note,
    output::print,
    replaced::replaced,
};
use crate::{
    base::{
        human,
        text::{self, safe},
    },
    config::paths::Paths,
    mqtt::{
        message::Qos,
        options::{SessionExpiry, Subscription},
    },
    profile::{
        Profiles,
        draft::{Draft, Saving},
        file::Entry,
        resolve,
        save::{self, SaveError},
    },
    wire::proxy::Proxy,
};

/// Runs the verb.
///
/// # Errors
///
/// Returns why there is nothing to show, nothing was saved, or that the file has problems.
pub(super) fn run(verb: &ProfilesVerb) -> Result<Exit, Problem> {
    match verb {
        ProfilesVerb::List { json } => list(*json)?,
        ProfilesVerb::Show { name, json } => show(name, *json)?,
        ProfilesVerb::Add(args) => add(args)?,
        ProfilesVerb::Edit(args) => edit(args)?,
        ProfilesVerb::Remove { name, yes } => remove(name, *yes)?,
        ProfilesVerb::Check => check()?,
        ProfilesVerb::Path => print(format!("{}\n", paths()?.profiles().display()).as_bytes())?,
    }
    Ok(Exit::Done)
}

/// Reads the saved connections.
///
/// # Errors
///
/// Returns that nobody knows where they are.
pub(super) fn load() -> Result<Profiles, Problem> {
    let paths = paths()?;
    Ok(Profiles::load(&paths.profiles(), paths.home.as_deref()))
}

fn paths() -> Result<Paths, Problem> {
    Paths::of_process().map_err(|why| Problem::new(Exit::Other, why))
}

fn list(json: bool) -> Result<(), Problem> {
    let profiles = load()?;
    let mut out = Vec::new();
    if json {
        let all: Vec<_> = profiles.entries().iter().map(summary).collect();
        out = json_line(&all);
    } else {
        let width = profiles.entries().iter().map(|entry| entry.name.len()).max().unwrap_or_default();
        for entry in profiles.entries() {
            let what = match &entry.profile {
                Some(profile) => profile.endpoint().to_string(),
                None => "cannot be used; see `mqtap profiles check`".into(),
            };
            out.extend_from_slice(format!("{:width$}  {what}\n", entry.name).as_bytes());
        }
    }
    hint_at_problems(&profiles);
    print(&out)
}

fn summary(entry: &Entry) -> Value {
    let profile = entry.profile.as_ref();
    json!({
        "name": entry.name,
        "url": profile.map(|profile| profile.endpoint().to_string()),
        "username": profile.and_then(|profile| profile.username()),
        "password": profile.and_then(|profile| profile.password.as_ref()).map(ToString::to_string),
        "usable": profile.is_some(),
    })
}

fn show(name: &str, json: bool) -> Result<(), Problem> {
    let profiles = load()?;
    let Some(entry) = profiles.find(name) else {
        return Err(resolve::target(name, &profiles)
            .map_or_else(Problem::usage, |_| Problem::usage("write the name of a profile, not a URL")));
    };
    let mut out = Vec::new();
    if json {
        let settings = entry.settings.iter().map(|setting| (setting.path.clone(), Value::from(setting.text.as_str())));
        let mut all = summary(entry);
        all["settings"] = Value::Object(settings.collect::<Map<_, _>>());
        out = json_line(&all);
    } else {
        for setting in &entry.settings {
            out.extend_from_slice(format!("{} = {}\n", safe(&setting.path), safe(&setting.text)).as_bytes());
        }
    }
    for problem in profiles.problems_of(name) {
        note(&problem.to_string());
    }
    print(&out)
}

fn json_line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    harmless(value, &mut out);
    out.push(b'\n');
    out
}

fn hint_at_problems(profiles: &Profiles) {
    match profiles.problems().len() {
        0 => {}
        n => note(&format!("{}: {} found; see `mqtap profiles check`", profiles.path().display(), problems(n))),
    }
}

fn check() -> Result<(), Problem> {
    let profiles = load()?;
    let path = profiles.path().to_string_lossy();
    let path = safe(&path);
    if profiles.problems().is_empty() {
        return print(format!("{path}: {} without a problem\n", plural(profiles.entries().len(), "profile")).as_bytes());
    }
    let mut out = String::new();
    for problem in profiles.problems() {
        out.push_str(&format!("{problem}\n"));
    }
    print(out.as_bytes())?;
    Err(Problem::new(Exit::Other, format!("{path}: {}", problems(profiles.problems().len()))))
}

fn problems(n: usize) -> String {
    plural(n, "problem")
}

fn plural(n: usize, what: &str) -> String {
    format!("{} {what}{}", human::count(n as u64), if n == 1 { "" } else { "s" })
}

fn add(args: &AddArgs) -> Result<(), Problem> {
    let mut draft = Draft::new(&args.name);
    draft.set("url", &args.url);
    for (key, value) in settings(&args.connect)? {
        draft.set(key, &value);
    }
    if args.password_prompt {
        draft.set("password.prompt", "true");
    }
    if !args.filters.is_empty() {
        draft.subscribe(args.filters.iter().map(|filter| Subscription::new(filter, Qos::AtMostOnce)).collect());
    }
    if Cli::command().find_subcommand(&args.name).is_some() {
        note(&format!("`mqtap {0}` is the verb; the profile is reached by verbs, as in `mqtap sub {0}`", args.name));
    }
    let paths = paths()?;
    draft.save(&paths.profiles(), paths.home.as_deref(), Saving::New).map_err(|error| unsaved(&error))
}

fn unsaved(error: &SaveError) -> Problem {
    let is_usage = matches!(error, SaveError::Invalid(_) | SaveError::Layout(_) | SaveError::Missing(_));
    Problem::new(if is_usage { Exit::Usage } else { Exit::Other }, error.to_string())
}

fn edit(args: &EditArgs) -> Result<(), Problem> {
    let mut draft = Draft::new(&args.name);
    let settings = settings(&args.connect)?;
    // A secret has one place, so the one before goes; and none stays with what takes the place of its own.
    let mut stale: Vec<&str> = replaced(&args.connect).into_iter().flat_map(|(_, keys)| keys).copied().collect();
    if args.password_prompt {
        stale.push("password");
    }
    for key in stale {
        draft.set(key, "");
    }
    for key in &args.unset {
        draft.set(key, "");
    }
    if let Some(url) = &args.url {
        draft.set("url", url);
    }
    for (key, value) in &settings {
        draft.set(key, value);
    }
    if args.password_prompt {
        draft.set("password.prompt", "true");
    }
    if !args.filters.is_empty() {
        draft.subscribe(args.filters.iter().map(|filter| Subscription::new(filter, Qos::AtMostOnce)).collect());
    }
    if settings.is_empty() && args.url.is_none() && args.filters.is_empty() && args.unset.is_empty() && !args.password_prompt {
        let hint =
            "name what to change, such as --url or --keep-alive; \"${EDITOR:-vi}\" \"$(mqtap profiles path)\" opens the file";
        return Err(Problem::usage("nothing to change").hint(hint));
    }
    let paths = paths()?;
    draft.save(&paths.profiles(), paths.home.as_deref(), Saving::Change).map_err(|error| unsaved(&error))
}

fn remove(name: &str, yes: bool) -> Result<(), Problem> {
    let profiles = load()?;
    if profiles.find(name).is_none() {
        return Err(unsaved(&SaveError::Missing(text::line(name, 60).to_string())));
    }
    if !yes {
        confirm(&format!("remove the profile `{name}`?"), "nothing was removed")?;
    }
    save::remove(profiles.path(), name).map_err(|error| unsaved(&error))
}

/// Writes the options of the command line as the file has them.
fn settings(args: &ConnectArgs) -> Result<Vec<(&'static str, String)>, Problem> {
    let ConnectArgs {
        protocol,
        client_id,
        username,
        password,
        connect_timeout,
        keep_alive,
        clean_start,
        session_expiry,
        max_packet_size,
        terms: TermArgs { receive_maximum, topic_alias_maximum, request_response_information, request_problem_information },
        authentication: AuthenticationArgs { auth_method, auth_data_env, auth_data_file },
        tls,
        way,
        will,
    } = args;
    if args.reads_stdin() {
        return Err(Problem::usage("a profile keeps where a secret is, and standard input is no place to find it again"));
    }
    let all = [
        ("protocol", protocol.map(|protocol| protocol.to_string())),
        ("client_id", client_id.clone()),
        ("username", username.clone()),
        ("password.env", password.password_env.clone()),
        ("password.file", password.password_file.as_deref().map(absolute).transpose()?),
        ("connect_timeout", connect_timeout.map(whole_millis).transpose()?),
        ("keep_alive", keep_alive.map(human::duration)),
        ("clean_start", clean_start.map(|clean| clean.to_string())),
        ("session_expiry", session_expiry.map(expiry)),
        ("connect.maximum_packet_size", max_packet_size.map(|size| size.to_string())),
        ("connect.receive_maximum", receive_maximum.map(|most| most.to_string())),
        ("connect.topic_alias_maximum", topic_alias_maximum.map(|most| most.to_string())),
        ("connect.request_response_information", request_response_information.map(|on| on.to_string())),
        ("connect.request_problem_information", request_problem_information.map(|on| on.to_string())),
        ("connect.authentication.method", auth_method.clone()),
        ("connect.authentication.data.env", auth_data_env.clone()),
        ("connect.authentication.data.file", auth_data_file.as_deref().map(absolute).transpose()?),
        ("tls.ca_file", tls.ca_file.as_deref().map(absolute).transpose()?),
        ("tls.cert_file", tls.cert.as_deref().map(absolute).transpose()?),
        ("tls.key_file", tls.key.as_deref().map(absolute).transpose()?),
        ("tls.server_name", tls.server_name.clone()),
        ("tls.alpn", (!tls.alpn.is_empty()).then(|| words(&tls.alpn))),
        ("tls.verify", tls.insecure.then(|| "none".into())),
        ("websocket.path", way.ws_path.clone()),
        ("websocket.headers", (!way.ws_header.is_empty()).then(|| pairs(&way.ws_header))),
        ("proxy.url", way.proxy.as_ref().map(Proxy::url)),
    ];
    Ok(all.into_iter().chain(will_settings(will)).filter_map(|(key, value)| Some((key, value?))).collect())
}

fn will_settings(args: &WillArgs) -> [(&'static str, Option<String>); 11] {
    let WillArgs {
        will_topic,
        will_payload,
        will_qos,
        will_retain,
        will_delay,
        will_expiry,
        will_content_type,
        will_response_topic,
        will_correlation_data,
        will_payload_format,
        will_user_property,
    } = args;
    [
        ("will.topic", will_topic.clone()),
        ("will.payload", will_payload.clone()),
        ("will.qos", will_qos.map(|qos| qos.to_string())),
        ("will.retain", will_retain.then(|| "true".into())),
        ("will.delay", will_delay.map(|seconds| format!("{seconds}s"))),
        ("will.expiry", will_expiry.map(|seconds| format!("{seconds}s"))),
        ("will.content_type", will_content_type.clone()),
        ("will.response_topic", will_response_topic.clone()),
        ("will.correlation_data", will_correlation_data.clone()),
        ("will.payload_format", will_payload_format.map(|format| format.to_string())),
        ("will.user_properties", (!will_user_property.is_empty()).then(|| pairs(will_user_property))),
    ]
}

/// Writes a time as the file has it, which knows nothing shorter than a millisecond.
fn whole_millis(time: Duration) -> Result<String, Problem> {
    if !time.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(Problem::usage("a profile keeps times in whole milliseconds").hint("such as 1500ms or 1s500ms"));
    }
    Ok(human::duration(time))
}

/// Writes a list as TOML does.
fn words(texts: &[String]) -> String {
    texts.iter().collect::<Array>().to_string()
}

fn pairs(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| toml_edit::Value::Array([name, value].into_iter().collect())).collect::<Array>().to_string()
}

fn expiry(expiry: SessionExpiry) -> String {
    match expiry {
        SessionExpiry::AtDisconnect => "0".into(),
        SessionExpiry::After(seconds) => format!("{seconds}s"),
        SessionExpiry::Never => "never".into(),
    }
}

/// Makes a path independent of where it was written, as the file is elsewhere.
fn absolute(path: &Path) -> Result<String, Problem> {
    let path: PathBuf = std::path::absolute(path).map_err(|error| Problem::usage(format!("{}: {error}", path.display())))?;
    path.into_os_string().into_string().map_err(|path| Problem::usage(format!("{} is not UTF-8", path.display())))
}
