//! Saved connections: `profiles.toml`, secrets, and what a session needs to know of them.

pub mod client_id;
pub mod draft;
pub mod elsewhere;
pub mod file;
pub mod keys;
pub mod need;
pub mod problem;
mod read;
pub mod resolve;
pub mod save;
pub mod secret;
mod set;
mod shown;
mod values;

use self::{client_id::Identity, need::Sources, secret::PasswordSource};
pub use self::{file::Profiles, problem::Problem};
use crate::{
    mqtt::options::{Options, Protocol, Subscription, Will},
    wire::endpoint::{Endpoint, Url},
};

/// The client identifier of a connection that does not say another.
pub const DEFAULT_CLIENT_ID: &str = "mqtap-{user}-{host}-{random}";

/// The same for MQTT 3.1, which allows 23 characters.
const SHORT_CLIENT_ID: &str = "mqtap-{random}";

/// How many bytes of messages are kept unless the profile says otherwise.
pub const DEFAULT_MEMORY: u64 = 256 << 20;

/// The longest name of a profile, in bytes.
const MAX_NAME: usize = 64;

/// `profiles.example.toml`: every key, with what it does.
pub const EXAMPLE: &str = include_str!("../../profiles.example.toml");

/// A connection as it was saved, or as a URL alone describes it.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name in the file; a URL has none.
    pub name: Option<String>,
    /// Where the password comes from; nothing where none is sent.
    pub password: Option<PasswordSource>,
    /// Whether nothing can be published.
    pub read_only: bool,
    /// Whether each publish is confirmed first.
    pub protect: bool,
    /// How many bytes of messages are kept, where the profile says so.
    pub memory: Option<u64>,
    /// Where the other secrets come from.
    sources: Sources,
    /// The options, with the client identifier still a template and without secrets.
    template: Options,
}

impl Profile {
    /// Makes the profile of a URL, with the defaults of the file.
    #[must_use]
    pub fn ad_hoc(url: Url) -> Self {
        let mut template = Options::new(url.endpoint, DEFAULT_CLIENT_ID);
        template.username = url.username;
        Self { name: None, password: None, read_only: false, protect: false, memory: None, sources: Sources::default(), template }
    }

    /// Gives it a name, under which it is shown.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Changes what a session will be told, for what the command line or a form says on top of the file.
    pub fn amend(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.template);
    }

    /// Returns how many bytes of messages are kept.
    #[must_use]
    pub fn memory(&self) -> usize {
        usize::try_from(self.memory.unwrap_or(DEFAULT_MEMORY)).unwrap_or(usize::MAX)
    }

    /// Returns what a session needs, with the client identifier filled in; the secrets are for [`Profile::wanted`] and [`Profile::fetch`].
    #[must_use]
    pub fn options(&self, identity: &Identity) -> Options {
        let mut options = self.template.clone();
        let is_short = options.protocol == Protocol::V31 && options.client_id == DEFAULT_CLIENT_ID;
        let template = if is_short { SHORT_CLIENT_ID } else { &self.template.client_id };
        options.client_id = client_id::expand(template, identity);
        options
    }

    /// Returns `true` if the Client Identifier is another one in each run.
    #[must_use]
    pub fn changes_id(&self) -> bool {
        let template = &self.template.client_id;
        // An identifier that the broker assigns is a new one, too.
        template.is_empty() || template.contains("{random}") || template.contains("{pid}")
    }

    /// Returns the name, or the endpoint where there is none.
    #[must_use]
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.template.endpoint.to_string())
    }

    /// Returns where the broker is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.template.endpoint
    }

    /// Returns the version of MQTT to speak.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.template.protocol
    }

    /// Returns the User Name.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.template.username.as_deref()
    }

    /// Tells whether there is an authentication method (MQTT 5).
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.template.authentication.is_some()
    }

    /// Returns the Will Message.
    #[must_use]
    pub fn will(&self) -> Option<&Will> {
        self.template.will.as_ref()
    }

    /// Returns what to subscribe to.
    #[must_use]
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.template.subscriptions
    }
}

/// Returns the path of a profile's table as TOML has it: `profile.plant`, `profile."plant.north"`.
fn table_path(name: &str) -> String {
    if name.contains('.') { format!("profile.\"{name}\"") } else { format!("profile.{name}") }
}

/// Checks the name of a profile: 1 to 64 letters, digits, dots, dashes and underscores, and no dash in front.
///
/// # Errors
///
/// Returns a sentence that says what is allowed.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if allowed && !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('-') {
        return Ok(());
    }
    let shown = crate::base::text::line(name, 40);
    Err(format!("`{shown}` is not a name for a profile; use 1 to {MAX_NAME} of A-Z a-z 0-9 . _ - and no dash in front"))
}
