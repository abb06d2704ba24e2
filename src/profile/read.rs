//! From the tables of a document to profiles, collecting all that is wrong on the way.

mod across;

use std::path::Path;

use toml_edit::{Item, Table, TableLike};

use self::across::Note;
use super::{
    Profile, check_name,
    file::{Entry, Setting},
    keys::{self, Key, Kind},
    problem::{self, Lines, Position, Problem},
    secret::PasswordSource,
    shown::shown,
    table_path,
    values::{self, Fault},
};
use crate::{
    base::{secret::Secret, text},
    mqtt::options::Protocol,
    wire::endpoint::{Endpoint, Transport, Url},
};

/// What other programs call a key, and a slip of the keyboard does not explain.
const MEANT: &[(&[&str], &str)] = &[
    (&["subscribe", "subscriptions", "topic", "topics", "filters"], "subscription"),
    (&["host", "hostname", "port", "address", "broker", "server"], "url"),
    (&["clean_session"], "clean_start"),
];

/// The most problems that are listed; a file with more is hostile or not ours.
const MAX_PROBLEMS: usize = 100;

/// What the reading of a file depends on beside its text.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// The name of the file, safe to show.
    pub(super) file: String,
    /// Where relative paths start.
    pub(super) dir: &'a Path,
    /// What `~/` stands for.
    pub(super) home: Option<&'a Path>,
    /// Whether a password in the file is used, and if not why.
    pub(super) keeps_secrets: Result<(), String>,
    /// Whether a program, file or variable that the file names for a secret is used, and if not why.
    pub(super) names_sources: Result<(), String>,
}

/// Reads the tables of one file.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    surroundings: Surroundings<'a>,
    lines: Lines<'a>,
    problems: Vec<Problem>,
    omitted: usize,
    /// Whether a newer version may know the keys that this one does not.
    forgives_unknown: bool,
}

/// One profile while it is read.
struct Draft {
    /// Its path in the file: `profile.plant`.
    path: String,
    profile: Profile,
    settings: Vec<Setting>,
    /// Keys that only MQTT 5 has.
    v5: Vec<(String, Option<Position>)>,
    /// Whether the profile would do what the user did not want.
    is_blocked: bool,
    has_url: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, surroundings: Surroundings<'a>, forgives_unknown: bool) -> Self {
        Self { surroundings, lines: Lines::new(text), problems: Vec::new(), omitted: 0, forgives_unknown }
    }

    /// Returns the problems in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.at);
        if self.omitted > 0 {
            let message = format!("and {} more problems", self.omitted);
            self.problems.push(Problem { file: self.surroundings.file, at: None, path: String::new(), message, suggestion: None });
        }
        self.problems
    }

    /// Notes a problem; the message is made safe here, and only here.
    pub(super) fn report(&mut self, at: Option<Position>, path: &str, message: &str, suggestion: Option<String>) {
        if self.problems.len() == MAX_PROBLEMS {
            self.omitted += 1;
            return;
        }
        let file = self.surroundings.file.clone();
        let (path, message) = (text::safe(path).to_string(), text::safe(message).to_string());
        self.problems.push(Problem { file, at, path, message, suggestion });
    }

    /// Returns where the value is, or its key where a table was opened in pieces.
    pub(super) fn place(&self, table: &dyn TableLike, name: &str) -> (Option<Position>, Option<Position>) {
        let key = self.lines.of_span(table.key(name).and_then(toml_edit::Key::span));
        let value = self.lines.of_span(table.get(name).and_then(Item::span));
        (key, value.or(key))
    }

    pub(super) fn unknown(&mut self, at: Option<Position>, parent: &str, name: &str, suggest: impl FnOnce() -> Option<String>) {
        if self.forgives_unknown {
            return;
        }
        // To look for what was meant costs more than all the rest, and a hostile file has many.
        let suggestion = if self.problems.len() < MAX_PROBLEMS { suggest() } else { None };
        let shown = problem::shown(name);
        let within = if parent.is_empty() { String::new() } else { format!(" in {parent}") };
        let path = if parent.is_empty() { shown.clone() } else { format!("{parent}.{shown}") };
        self.report(at, &path, &format!("unknown key `{shown}`{within}"), suggestion);
    }

    /// Reads `[profile.NAME]`; nothing when the name is impossible.
    pub(super) fn profile(&mut self, name: &str, item: &Item, at: Option<Position>) -> Option<Entry> {
        let path = table_path(&problem::shown(name));
        if let Err(reason) = check_name(name) {
            self.report(at, &path, &reason, None);
            return None;
        }
        let entry = |profile, settings| Some(Entry { name: name.to_owned(), at, profile, settings });
        let Some(table) = item.as_table_like() else {
            self.report(at, &path, &format!("{path}: expected a table, found {}", values::found(item)), None);
            return entry(None, Vec::new());
        };
        // Stands in while the rest is checked; without a URL of its own the profile is dropped at the end.
        let nowhere = Endpoint::new(Transport::Tcp, "", 0);
        let mut profile = Profile::ad_hoc(Url { endpoint: nowhere, username: None });
        profile.name = Some(name.to_owned());
        let mut draft = Draft { path, profile, settings: Vec::new(), v5: Vec::new(), is_blocked: false, has_url: false };
        self.table("", keys::PROFILE, table, &mut draft);
        self.finish(&mut draft, at);
        let usable = draft.has_url && !draft.is_blocked;
        entry(usable.then_some(draft.profile), draft.settings)
    }

    fn table(&mut self, prefix: &str, known: &'static [Key], table: &dyn TableLike, draft: &mut Draft) {
        for (name, item) in table.iter() {
            let (key_at, value_at) = self.place(table, name);
            let Some(key) = known.iter().find(|key| key.name == name) else {
                let parent = format!("{}.{prefix}", draft.path);
                self.unknown(key_at, parent.trim_end_matches('.'), name, || suggest(name, known, &draft.path));
                continue;
            };
            if key.is_v5 {
                draft.v5.push((format!("{prefix}{name}"), key_at));
            }
            self.key(&format!("{prefix}{name}"), key, item, (key_at, value_at), draft);
        }
    }

    fn key(&mut self, path: &str, key: &Key, item: &Item, at: (Option<Position>, Option<Position>), draft: &mut Draft) {
        let (key_at, at) = at;
        match key.kind {
            Kind::Planned => self.not_supported(key_at, path, draft),
            Kind::Section(keys) => {
                if let Some(table) = item.as_table_like() {
                    self.section(path, keys, table, at, draft);
                } else {
                    draft.is_blocked |= path == "proxy";
                    self.fault(path, key, item, &Fault::Type, at, draft);
                }
            }
            Kind::Switch(keys, set) => match (item.as_bool(), item.as_table_like()) {
                (Some(on), _) => {
                    draft.note(path, key, item, None, at);
                    if let Err(reason) = set(&mut draft.profile, on) {
                        self.fault(path, key, item, &Fault::Value(reason), at, draft);
                    }
                }
                (None, Some(table)) => self.section(path, keys, table, at, draft),
                (None, None) => self.fault(path, key, item, &Fault::Type, at, draft),
            },
            Kind::List(keys, begin) => self.list(path, key, keys, begin, item, at, draft),
            Kind::Password(_, set) => {
                let source = self.secret(path, key, item, at, draft);
                set(&mut draft.profile, source);
            }
            Kind::Secret(set) => {
                let kept = draft.settings.len();
                let source = self.secret(path, key, item, at, draft);
                draft.settings.truncate(kept);
                draft.settings.push(Setting { path: path.to_owned(), text: source.to_string(), at });
                set(&mut draft.profile, source);
            }
            Kind::Headers(add) => self.headers(path, key, add, item, at, draft),
            Kind::Vital(_, why) => {
                let result = values::apply(&key.kind, item, &self.surroundings, &mut draft.profile);
                draft.note(path, key, item, result.as_ref().err(), at);
                if let Err(fault) = result {
                    draft.is_blocked = true;
                    let fault = Fault::Value(format!("{}; the profile is not used, because {why}", fault.reason(key, item)));
                    self.fault(path, key, item, &fault, at, draft);
                }
            }
            Kind::Text(_)
            | Kind::Flag(_)
            | Kind::Guard(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Expiry(_)
            | Kind::Size(_)
            | Kind::File(_)
            | Kind::Words(_)
            | Kind::Pairs(_) => {
                let result = values::apply(&key.kind, item, &self.surroundings, &mut draft.profile);
                draft.note(path, key, item, result.as_ref().err(), at);
                if path == "url" {
                    draft.has_url = result.is_ok();
                }
                if let Err(fault) = result {
                    self.fault(path, key, item, &fault, at, draft);
                }
            }
        }
    }

    fn not_supported(&mut self, at: Option<Position>, path: &str, draft: &Draft) {
        let path = format!("{}.{path}", draft.path);
        self.report(at, &path, &format!("{path}: not supported by this version yet"), None);
    }

    fn fault(&mut self, path: &str, key: &Key, item: &Item, fault: &Fault, at: Option<Position>, draft: &Draft) {
        let path = format!("{}.{path}", draft.path);
        let message = format!("{path}: {}", fault.reason(key, item));
        let is_single_table = matches!((&key.kind, fault), (Kind::List(..), Fault::Type)) && item.is_table();
        self.report(at, &path, &message, is_single_table.then(|| format!("write [[{path}]]")));
    }

    fn section(&mut self, path: &str, keys: &'static [Key], table: &dyn TableLike, at: Option<Position>, draft: &mut Draft) {
        self.table(&format!("{path}."), keys, table, draft);
        let profile = &mut draft.profile.template;
        if path == "connect.authentication" && profile.authentication.is_none() && table.get("method").is_none() {
            self.missing(path, "method", at, draft);
            return;
        }
        let lacks_topic = path == "will" && profile.will.as_ref().is_none_or(|will| will.message.topic.is_empty());
        if lacks_topic {
            profile.will = None;
            // A topic that is there and bad was reported.
            if table.get("topic").is_none() {
                self.missing(path, "topic", at, draft);
            }
        }
        if path == "proxy" && draft.profile.template.proxy.is_none() {
            draft.is_blocked = true;
            if table.get("url").is_none() {
                self.missing(path, "url", at, draft);
            }
        }
    }

    fn missing(&mut self, path: &str, key: &str, at: Option<Position>, draft: &Draft) {
        let path = if path.is_empty() { draft.path.clone() } else { format!("{}.{path}", draft.path) };
        self.report(at, &path, &format!("{path}: the key `{key}` is missing"), None);
    }

    #[expect(clippy::too_many_arguments, reason = "the key's kind taken apart; a struct for one call would say no more")]
    fn list(
        &mut self,
        path: &str,
        key: &Key,
        keys: &'static [Key],
        begin: fn(&mut Profile),
        item: &Item,
        at: Option<Position>,
        draft: &mut Draft,
    ) {
        if let Some(tables) = item.as_array_of_tables() {
            for (index, table) in tables.iter().enumerate() {
                let at = self.lines.of_span(table.span()).or(at);
                self.list_item(&format!("{path}[{index}]"), keys, begin, table, at, draft);
            }
        } else if let Some(array) = item.as_array() {
            for (index, value) in array.iter().enumerate() {
                let (path, at) = (format!("{path}[{index}]"), self.lines.of_span(value.span()).or(at));
                match value.as_inline_table() {
                    Some(table) => self.list_item(&path, keys, begin, table, at, draft),
                    None => self.fault(&path, key, &Item::Value(value.clone()), &Fault::Type, at, draft),
                }
            }
        } else {
            self.fault(path, key, item, &Fault::Type, at, draft);
        }
    }

    fn list_item(
        &mut self,
        path: &str,
        keys: &'static [Key],
        begin: fn(&mut Profile),
        table: &dyn TableLike,
        at: Option<Position>,
        draft: &mut Draft,
    ) {
        begin(&mut draft.profile);
        self.table(&format!("{path}."), keys, table, draft);
        let subscriptions = &mut draft.profile.template.subscriptions;
        let Some(last) = subscriptions.last_mut() else { return };
        if last.filter.is_empty() {
            subscriptions.pop();
            if table.get("filter").is_none() {
                self.missing(path, "filter", at, draft);
            }
        } else if last.no_local && last.filter.starts_with("$share/") {
            // A Protocol Error (MQTT 5.0, 3.8.3.1): the broker would close the connection.
            last.no_local = false;
            let at = self.place(table, "no_local").1.or(at);
            let path = format!("{}.{path}.no_local", draft.path);
            self.report(at, &path, &format!("{path}: MQTT forbids it for a shared subscription"), None);
        }
    }

    /// Reads a secret in a text, or a table with one way to it.
    fn secret(&mut self, path: &str, key: &Key, item: &Item, at: Option<Position>, draft: &mut Draft) -> PasswordSource {
        let full = format!("{}.{path}", draft.path);
        let Surroundings { file, keeps_secrets, names_sources, .. } = &self.surroundings;
        let allowed = |rule: &Result<(), String>| rule.clone().map_err(|why| format!("{full}: not used, because {file} {why}"));
        let (keeps_secrets, names_sources) = (allowed(keeps_secrets), allowed(names_sources));
        let source = if let Some(inline) = item.as_str() {
            draft.settings.push(Setting { path: path.to_owned(), text: "***".into(), at });
            keeps_secrets.map(|()| PasswordSource::Inline(Secret::from(inline.to_owned())))
        } else if let Some(table) = item.as_table_like() {
            let before = self.problems.len() + self.omitted;
            // The ways to a secret put what they read in the place of the password, which is set back afterwards.
            let password = draft.profile.password.take();
            self.table(&format!("{path}."), keys::PASSWORD, table, draft);
            let source = std::mem::replace(&mut draft.profile.password, password);
            if self.problems.len() + self.omitted > before {
                // What is wrong was said; it is repeated where the secret is asked for.
                return PasswordSource::Unusable(format!("{full} has a problem; see `mqtap profiles check`"));
            }
            match (source, table.len()) {
                (Some(PasswordSource::Prompt), 1) => Ok(PasswordSource::Prompt),
                // Who could write the file would learn the secrets of whoever connects, or have a program run as them.
                (Some(source), 1) => names_sources.map(|()| source),
                _ => Err(format!("{full}: give one of {}", names(keys::PASSWORD))),
            }
        } else {
            Err(format!("{full}: {}", Fault::Type.reason(key, item)))
        };
        source.unwrap_or_else(|reason| {
            self.report(at, &full, &reason, None);
            PasswordSource::Unusable(text::safe(&reason).to_string())
        })
    }

    /// Reads pairs of a name and a secret.
    fn headers(
        &mut self,
        path: &str,
        key: &Key,
        add: fn(&mut Profile, String, PasswordSource) -> Result<(), String>,
        item: &Item,
        at: Option<Position>,
        draft: &mut Draft,
    ) {
        let Some(pairs) = item.as_array() else { return self.fault(path, key, item, &Fault::Type, at, draft) };
        for (index, pair) in pairs.iter().enumerate() {
            let (path, at) = (format!("{path}[{index}]"), self.lines.of_span(pair.span()).or(at));
            let parts = pair.as_array().filter(|pair| pair.len() == 2);
            let parts = parts.and_then(|pair| Some((pair.get(0)?.as_str()?, pair.get(1)?)));
            let Some((name, value)) = parts else {
                self.fault(&path, key, &Item::Value(pair.clone()), &Fault::Type, at, draft);
                continue;
            };
            let kept = draft.settings.len();
            let source = self.secret(&path, key, &Item::Value(value.clone()), at, draft);
            // The name says more than the number of the pair.
            draft.settings.truncate(kept);
            draft.settings.push(Setting { path: path.clone(), text: format!("{name}: {source}"), at });
            if let Err(reason) = add(&mut draft.profile, name.to_owned(), source) {
                self.fault(&path, key, item, &Fault::Value(reason), at, draft);
            }
        }
    }

    /// Checks what no key can see alone.
    fn finish(&mut self, draft: &mut Draft, at: Option<Position>) {
        if !draft.has_url && draft.find("url").is_none() {
            self.missing("", "url", at, draft);
        }
        let mut notes: Vec<Note> = Vec::new();
        let template = &mut draft.profile.template;
        if template.protocol != Protocol::V5 {
            let v5 = std::mem::take(&mut draft.v5);
            let said = format!("has no effect, because protocol is \"{}\"", template.protocol);
            notes.extend(v5.into_iter().map(|(path, at)| (path, at, said.clone())));
        }
        draft.check_connect(&mut notes);
        let template = &mut draft.profile.template;
        if template.reconnect.is_some_and(|reconnect| reconnect.max < reconnect.initial) {
            let at = draft.settings.iter().find(|setting| setting.path == "reconnect.max" || setting.path == "reconnect.initial");
            notes.push((
                "reconnect".into(),
                at.and_then(|setting| setting.at),
                "max is shorter than initial; the defaults are used".into(),
            ));
            template.reconnect = Some(crate::mqtt::options::Reconnect::default());
        }
        if template.client_id.is_empty() && !template.clean_start {
            template.clean_start = true;
            let at = draft.settings.iter().find(|setting| setting.path == "clean_start").and_then(|setting| setting.at);
            notes.push((
                "clean_start".into(),
                at,
                "has no effect, because a session is kept under a client_id, which is empty".into(),
            ));
        }
        if let Some(ca_only) = draft.find("tls.ca_only")
            && draft.profile.template.tls.ca_only
            && draft.find("tls.ca_file").is_none()
        {
            notes.push(("tls.ca_only".into(), ca_only.at, "no broker is trusted, because there is no ca_file".into()));
        }
        if draft.has_url {
            draft.check_transports(&mut notes);
        }
        draft.check_tls(&mut notes);
        for (path, at, message) in notes {
            let path = format!("{}.{path}", draft.path);
            self.report(at, &path, &format!("{path}: {message}"), None);
        }
    }

    /// Tells whether a key of the file itself is one of `profile` and `schema`, and says what is wrong if not.
    pub(super) fn check_root(&mut self, root: &Table) {
        for (name, _) in root.iter().filter(|(name, _)| !matches!(*name, "schema" | "profile")) {
            let at = self.place(root, name).0;
            self.unknown(at, "", name, || match name {
                "profiles" => Some("did you mean [profile.NAME]?".to_owned()),
                _ if keys::find(name).is_some() => Some(format!("write `{name}` below [profile.NAME]")),
                _ => problem::nearest(name, ["schema", "profile"]).map(|near| format!("did you mean `{near}`?")),
            });
        }
    }
}

impl Draft {
    fn find(&self, path: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.path == path)
    }

    fn note(&mut self, path: &str, key: &Key, item: &Item, fault: Option<&Fault>, at: Option<Position>) {
        self.settings.push(Setting { path: path.to_owned(), text: shown(key.shows, item, fault), at });
    }
}

/// Lists the keys that are supported, as in `env, command or file`.
fn names(keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().filter(|key| key.is_supported()).map(|key| key.name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some(_) | None => names.concat(),
    }
}

/// Says what was probably meant by a key that is not known here.
fn suggest(name: &str, known: &'static [Key], profile: &str) -> Option<String> {
    let meant = MEANT.iter().find(|(words, _)| words.contains(&name)).map(|(_, meant)| *meant);
    if let Some(meant) = meant.filter(|meant| known.iter().any(|key| key.name == *meant)) {
        return Some(format!("did you mean `{meant}`?"));
    }
    if let Some(near) = problem::nearest(name, known.iter().map(|key| key.name)) {
        return Some(format!("did you mean `{near}`?"));
    }
    let mut elsewhere = Vec::new();
    keys::each(|path, _| match path.rsplit_once('.') {
        None if path == name => elsewhere.push(format!("[{profile}]")),
        Some(("subscription", last)) if last == name => elsewhere.push(format!("[[{profile}.subscription]]")),
        Some((section, last)) if last == name => elsewhere.push(format!("[{profile}.{section}]")),
        None | Some(_) => {}
    });
    (!elsewhere.is_empty()).then(|| format!("write it below {}", elsewhere.join(" or ")))
}
