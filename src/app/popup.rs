//! What lies over the panes: forms, lists, questions. One variant each, on a stack.

use tui_input::Input;
use zeroize::Zeroizing;

use super::{
    event::ConnId,
    filter::Typing,
    form::{Field, Form, Row},
    publish::Publishing,
    workspace::Workspace,
};
use crate::{
    base::{secret::Secret, text},
    keymap::action::{Action, Context},
    mqtt::{
        message::{Message, Qos},
        options::Subscription,
        topic,
    },
    profile::{self, Profile, draft::Draft, need::Need, secret::PasswordSource},
    wire::endpoint::{self, Endpoint, Url},
};

/// The words for the levels of QoS.
pub(super) const LEVELS: &[&str] = &["0", "1", "2"];
const PASSWORDS: &[&str] = &["none", "ask at each connect"];

/// The label of the row into which a secret is typed.
pub const SECRET_ROW: &str = "Password";

/// The rows of the palette that hold no action: what is typed, what the selected one does, and blanks.
pub const PALETTE_ROWS: usize = 6;

/// A layer over the panes.
#[derive(Debug)]
pub enum Popup {
    /// The keys of the place it was opened from.
    Help {
        /// That place, innermost first.
        contexts: Vec<Context>,
        /// The first visible row.
        top: usize,
    },
    /// All actions, found by their words.
    Palette {
        /// What was typed.
        input: Input,
        /// The selected row of those that match.
        selected: usize,
    },
    /// The filter row, while it is typed into.
    Filter(Typing),
    /// Subscribes to a filter on a connection.
    Subscribe(ConnId, Form),
    /// Publishes a message.
    Publish(Publishing),
    /// Makes a connection.
    Connect(Form),
    /// Asks for a secret of a connection; with those that were typed before.
    Secret(ConnId, Need, Vec<(Need, Secret)>, Form),
    /// Asks for another user name and password of a connection.
    LogIn(ConnId, Form),
    /// The subscriptions of the connection.
    Subscriptions {
        /// The selected row.
        selected: usize,
    },
    /// What was said.
    Notices {
        /// The first visible row, counted from the newest.
        top: usize,
    },
    /// The colours.
    Themes {
        /// The selected row.
        selected: usize,
        /// The theme to go back to.
        before: String,
    },
    /// A question before something that cannot be undone.
    Confirm {
        /// The question.
        question: String,
        /// What is done on yes.
        then: Confirmed,
    },
}

/// What a question was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// Leaving with publishes under way.
    Quit,
    /// Ending a connection.
    Disconnect(ConnId),
    /// Deleting a saved connection.
    Delete(String),
    /// Publishing on a protected connection, from the form below the question.
    Publish(ConnId, Box<Message>),
    /// Connecting to the server that a broker names in place of itself.
    Follow(ConnId, Endpoint),
    /// Having a broker publish the will.
    TestWill(ConnId),
}

impl Popup {
    /// Returns where its keys are looked up, innermost first.
    #[must_use]
    pub fn contexts(&self) -> &'static [Context] {
        match self {
            Self::Help { .. } | Self::Notices { .. } | Self::Themes { .. } => &[Context::List, Context::Global],
            Self::Subscriptions { .. } => &[Context::Subscriptions, Context::List, Context::Global],
            Self::Filter(_)
            | Self::Subscribe(..)
            | Self::Publish(_)
            | Self::Connect(_)
            | Self::Secret(..)
            | Self::LogIn(..)
            | Self::Palette { .. } => &[Context::Form],
            Self::Confirm { .. } => &[Context::Confirm, Context::Global],
        }
    }

    /// Returns the form, where it is one.
    #[must_use]
    pub fn form(&self) -> Option<&Form> {
        match self {
            Self::Publish(Publishing { form, .. })
            | Self::Subscribe(_, form)
            | Self::Connect(form)
            | Self::Secret(.., form)
            | Self::LogIn(_, form) => Some(form),
            Self::Help { .. }
            | Self::Palette { .. }
            | Self::Filter(_)
            | Self::Subscriptions { .. }
            | Self::Notices { .. }
            | Self::Themes { .. }
            | Self::Confirm { .. } => None,
        }
    }

    /// Changes what is typed into the form, where it is one.
    pub fn edit<T>(&mut self, change: impl FnOnce(&mut Form) -> T) -> Option<T> {
        let changed = change(self.form_mut()?);
        if let Self::Connect(form) = self {
            take_password(form);
        }
        Some(changed)
    }

    /// Returns the form to change it, where it is one.
    #[must_use]
    pub fn form_mut(&mut self) -> Option<&mut Form> {
        match self {
            Self::Publish(Publishing { form, .. })
            | Self::Subscribe(_, form)
            | Self::Connect(form)
            | Self::Secret(.., form)
            | Self::LogIn(_, form) => Some(form),
            Self::Help { .. }
            | Self::Palette { .. }
            | Self::Filter(_)
            | Self::Subscriptions { .. }
            | Self::Notices { .. }
            | Self::Themes { .. }
            | Self::Confirm { .. } => None,
        }
    }
}

/// Makes the form that subscribes.
#[must_use]
pub fn subscribe_form(filter: &str) -> Form {
    Form::new("Subscribe", vec![Row::line("Filter", "plant/#, plant/+/state", filter), Row::choice("QoS", LEVELS, 0)])
}

/// Reads the form that subscribes.
///
/// # Errors
///
/// Returns a sentence that says what is wrong.
pub fn read_subscribe(form: &Form) -> Result<Subscription, String> {
    let filter = form.text("Filter").trim().to_owned();
    topic::check_filter(&filter)?;
    Ok(Subscription::new(filter, level(form)))
}

/// Returns the QoS that was chosen in a form.
pub(super) fn level(form: &Form) -> Qos {
    u8::try_from(form.chosen("QoS")).ok().and_then(Qos::from_level).unwrap_or_default()
}

/// Makes the form for a new connection; `url` may come from a paste.
#[must_use]
pub fn connect_form(url: &str) -> Form {
    let mut form = Form::new(
        "New connection",
        vec![
            Row::line("URL", "mqtt://host:1883 or mqtts://host", ""),
            Row::line("Name", "how it is called in the list", ""),
            Row::line("User", "empty for none", ""),
            Row::choice(SECRET_ROW, PASSWORDS, 0),
            Row::toggle("Save", true),
        ],
    );
    form.paste(url);
    take_password(&mut form);
    if !url.is_empty() {
        let host = Url::parse(&form.text("URL")).map(|url| url.endpoint.host).unwrap_or_default();
        let is_good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        form.rewrite("Name", host.chars().filter(is_good).take(40).collect());
        form.focus_on("Name");
    }
    form
}

/// Takes a password out of the URL, where it is never shown, into the row that is for it.
pub fn take_password(form: &mut Form) {
    let typed = Zeroizing::new(form.text("URL"));
    if let Some((url, password)) = endpoint::take_password(&typed) {
        form.rewrite("URL", url);
        form.set(SECRET_ROW, Field::Given(password, PASSWORDS));
    }
}

/// A new connection as it was entered.
pub struct Connect {
    /// What to connect to.
    pub profile: Profile,
    /// What to save; nothing when it shall not be saved.
    pub draft: Option<Box<Draft>>,
    /// The password that was in the URL.
    pub password: Option<Secret>,
}

/// Reads the form for a new connection.
///
/// # Errors
///
/// Returns a sentence that says what is wrong.
pub fn read_connect(form: &Form) -> Result<Connect, String> {
    let given = form.text("URL").trim().to_owned();
    let given = if given.is_empty() || Url::is_url(&given) { given } else { format!("mqtt://{given}") };
    let url = Url::parse(&given)?;
    let typed = form.text("Name").trim().to_owned();
    let name = if typed.is_empty() { url.endpoint.host.clone() } else { typed };
    let username = form.text("User").trim().to_owned();
    let username = if username.is_empty() { url.username.unwrap_or_default() } else { username };
    let password = match form.field(SECRET_ROW) {
        Some(Field::Given(password, _)) => Some(password.clone()),
        _ => None,
    };
    // One from the URL is in memory only: another start asks for it.
    let prompt = password.is_some() || form.chosen(SECRET_ROW) == 1;
    profile::check_name(&name)?;
    let mut draft = Draft::new(name.clone());
    draft.set("url", &url.endpoint.url());
    draft.set("username", &username);
    if prompt {
        draft.set("password.prompt", "true");
    }
    let mut profile = Profile::ad_hoc(Url { username: Some(username).filter(|name| !name.is_empty()), ..url }).named(name);
    profile.password = prompt.then_some(PasswordSource::Prompt);
    Ok(Connect { profile, draft: form.is_on("Save").then(|| Box::new(draft)), password })
}

/// Makes the form that asks for a secret.
#[must_use]
pub fn secret_form(need: &Need, connection: &str) -> Form {
    let title = format!("{need} for {}", text::line(connection, 40));
    Form::new(title, vec![Row::secret(SECRET_ROW, "kept in memory only")])
}

/// Makes the form that asks for another user name and password, with what the broker said to those before.
#[must_use]
pub fn log_in_form(workspace: &Workspace) -> Form {
    let username = workspace.profile.username().unwrap_or_default();
    let title = format!("Log in to {}", text::line(&workspace.profile.title(), 40));
    let mut form =
        Form::new(title, vec![Row::line("User", "empty for none", username), Row::secret(SECRET_ROW, "kept in memory only")]);
    if !username.is_empty() {
        form.focus_on(SECRET_ROW);
    }
    form.error = workspace.status.failure().map(ToString::to_string);
    form
}

/// Reads that form: the user name and the password, where there are any.
#[must_use]
pub fn read_log_in(form: &Form) -> (Option<String>, Option<Secret>) {
    let (username, password) = (form.text("User"), Secret::from(form.text(SECRET_ROW)));
    (Some(username).filter(|username| !username.is_empty()), Some(password).filter(|password| !password.expose().is_empty()))
}

/// Lists the actions whose words hold all that was typed, the best first.
#[must_use]
pub fn palette(typed: &str) -> Vec<Action> {
    let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
    let offered = |action: &&Action| !matches!(action.context(), Context::List | Context::Form | Context::Confirm);
    let rank = |action: &Action| {
        let name = action.name().replace('-', " ");
        let doc = action.doc().to_lowercase();
        words.iter().try_fold(0, |sum, word| match (name.contains(word.as_str()), doc.contains(word.as_str())) {
            (true, _) => Some(sum),
            (false, true) => Some(sum + 1),
            (false, false) => None,
        })
    };
    let mut hits: Vec<(usize, Action)> =
        Action::ALL.iter().filter(offered).filter_map(|action| rank(action).map(|rank| (rank, *action))).collect();
    hits.sort_by_key(|(rank, _)| *rank);
    hits.into_iter().map(|(_, action)| action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_url_becomes_a_named_connection() {
        let form = connect_form("mqtts://broker.example");
        let connect = read_connect(&form).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(connect.profile.title(), "broker.example");
        assert_eq!(connect.profile.endpoint().to_string(), "mqtts://broker.example:8883");
        assert_eq!(connect.draft.map(|draft| draft.name().to_owned()).as_deref(), Some("broker.example"));
    }

    #[test]
    fn a_bare_host_is_a_url() {
        let mut form = connect_form("");
        assert!(read_connect(&form).is_err());
        form.paste("broker:2000");
        let connect = read_connect(&form).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(connect.profile.endpoint().to_string(), "mqtt://broker:2000");
    }

    #[test]
    fn the_palette_finds_by_name_first() {
        assert_eq!(palette("publ").first(), Some(&Action::Publish));
        assert!(palette("no such words").is_empty());
        assert!(palette("").len() > 20);
    }
}
