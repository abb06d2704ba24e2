//! The arguments of each verb.

use std::{num::NonZeroU64, path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueHint};
use clap_complete::Shell;

use super::{
    connect::{ConnectArgs, ConnectPropertyArgs, TraceArgs},
    help, value,
};
use crate::{
    cli::format::{Format, Separator, Time},
    mqtt::message::Qos,
};

/// The arguments of `sub`.
#[derive(Debug, Clone, Args)]
#[command(after_help = help::SUB, after_long_help = format!("{}\n\n{}", help::SUB, help::SUB_MORE))]
pub struct SubArgs {
    /// A profile's name, or a URL such as `mqtt://localhost` or `mqtts://USER@HOST:PORT`.
    pub target: String,

    /// Topic Filters; without them, those of the profile, under the options that are given.
    #[arg(value_name = "FILTER", value_parser = value::filter)]
    pub filters: Vec<String>,

    /// The most QoS that the broker may use [default: 0, or that of the profile's filter].
    #[arg(short = 'q', long, value_name = "0|1|2", value_parser = value::qos(), hide_possible_values = true)]
    pub qos: Option<Qos>,

    /// Ends after N messages; with 0, when the broker has answered to every subscription.
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,

    /// Ends after this time, with exit code 27.
    #[arg(short = 'W', long, value_name = "TIME", value_parser = value::some_duration)]
    pub timeout: Option<Duration>,

    /// text, json, payload, hex or a template.
    #[arg(long, value_parser = Format::parse, default_value = "text")]
    pub format: Format,

    /// How {time} is written: utc, local, unix or a pattern of strftime; the format text then begins with it.
    #[arg(long, value_name = "FORM", value_parser = Time::parse)]
    pub time: Option<Time>,

    /// What stands behind each message: a line feed, a NUL or nothing.
    #[arg(long, value_enum, value_name = "nl|nul|none", hide_possible_values = true, default_value = "nl")]
    pub separator: Separator,

    /// Writes bytes as they are, also to a terminal.
    #[arg(long)]
    pub raw: bool,

    /// Leaves out the topics that match this filter; may be repeated.
    #[arg(short = 'T', long, value_name = "FILTER", value_parser = value::filter)]
    pub exclude: Vec<String>,

    /// Leaves out what this client published itself (MQTT 5).
    #[arg(long, hide_short_help = true)]
    pub no_local: bool,

    /// Subscription Identifier, 1 to 268435455, which comes back with each message (MQTT 5).
    #[arg(long, value_name = "N", value_parser = value::subscription_identifier, hide_short_help = true)]
    pub subscription_identifier: Option<u32>,

    /// Unsubscribes from this filter of a kept session first; may be repeated.
    #[arg(short = 'U', long, value_name = "FILTER", value_parser = value::filter)]
    pub unsubscribe: Vec<String>,

    /// What to do about retained messages.
    #[command(flatten)]
    pub retained: RetainedArgs,

    /// What to do when the connection is lost.
    #[command(flatten)]
    pub mending: MendingArgs,

    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// What CONNECT carries besides.
    #[command(flatten)]
    pub properties: ConnectPropertyArgs,

    /// Where packets are written down.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// What `sub` does about retained messages.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct RetainedArgs {
    /// Leaves out what the broker had kept from before.
    #[arg(long, conflicts_with_all = ["retained_only", "retain_handling"])]
    pub no_retained: bool,

    /// Prints only what the broker had kept from before, and ends when it has sent all of it.
    #[arg(long, conflicts_with = "retain_as_published")]
    pub retained_only: bool,

    /// Keeps the RETAIN flag as the publisher set it (MQTT 5).
    #[arg(long, hide_short_help = true)]
    pub retain_as_published: bool,

    /// Retained messages: 0 at subscribe, 1 if the subscription is new, 2 never (MQTT 5).
    #[arg(long, value_name = "0|1|2", value_parser = value::retain_handling(), hide_possible_values = true, hide_short_help = true)]
    pub retain_handling: Option<u8>,
}

/// What a verb that runs on does when the connection is lost.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct MendingArgs {
    /// Ends with exit code 3 when the connection is lost.
    #[arg(long)]
    pub no_reconnect: bool,

    /// Does not say that the connection was lost or made again, or with which version; errors are said.
    #[arg(long)]
    pub quiet: bool,
}

/// The arguments of `pub`.
#[derive(Debug, Clone, Args)]
#[command(after_help = help::PUB, after_long_help = format!("{}\n\n{}", help::PUB, help::PUB_MORE))]
pub struct PubArgs {
    /// A profile's name, or a URL such as `mqtt://localhost` or `mqtts://USER@HOST:PORT`.
    pub target: String,

    /// The topic.
    #[arg(value_parser = value::topic_name)]
    pub topic: String,

    /// The payload; '' is an empty one.
    #[arg(conflicts_with_all = ["file", "lines"], allow_negative_numbers = true)]
    pub payload: Option<String>,

    /// Takes the payload from this file, `-` for standard input.
    #[arg(long, value_hint = ValueHint::FilePath, conflicts_with = "lines")]
    pub file: Option<PathBuf>,

    /// Publishes each line of standard input.
    #[arg(long)]
    pub lines: bool,

    /// Quality of Service.
    #[arg(short = 'q', long, value_name = "0|1|2", value_parser = value::qos(), hide_possible_values = true, default_value = "0")]
    pub qos: Qos,

    /// Makes the broker keep the message.
    #[arg(short = 'r', long)]
    pub retain: bool,

    /// Publishes the message N times.
    #[arg(long, value_name = "N", conflicts_with = "lines")]
    pub repeat: Option<NonZeroU64>,

    /// The time between two messages.
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub interval: Option<Duration>,

    /// The longest that the broker may take to acknowledge a message, with exit code 27 at its end [default: 30s for one message,
    /// no end with --lines or --repeat].
    #[arg(short = 'W', long, value_name = "TIME", value_parser = value::some_duration)]
    pub timeout: Option<Duration>,

    /// Asks no question where the profile is protected.
    #[arg(short = 'y', long)]
    pub yes: bool,

    /// What to do when the connection is lost.
    #[command(flatten)]
    pub mending: MendingArgs,

    /// The properties.
    #[command(flatten)]
    pub properties: PublishPropertyArgs,

    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// Where packets are written down.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// The properties of a published message.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Properties (MQTT 5)")]
pub struct PublishPropertyArgs {
    /// Content Type, such as application/json.
    #[arg(long, value_name = "TYPE", hide_short_help = true)]
    pub content_type: Option<String>,

    /// Response Topic.
    #[arg(long, value_name = "TOPIC", value_parser = value::topic_name, hide_short_help = true)]
    pub response_topic: Option<String>,

    /// Correlation Data.
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    pub correlation_data: Option<String>,

    /// Message Expiry Interval, whole seconds.
    #[arg(long, value_name = "TIME", value_parser = value::seconds, hide_short_help = true)]
    pub message_expiry: Option<u32>,

    /// Payload Format Indicator: 0 bytes, 1 UTF-8 text.
    #[arg(long, value_name = "0|1", value_parser = value::payload_format(), hide_possible_values = true, hide_short_help = true)]
    pub payload_format: Option<u8>,

    /// Topic Alias, 1 to what the broker takes: later messages go without the topic.
    #[arg(long, value_name = "N", value_parser = value::some_number, hide_short_help = true)]
    pub topic_alias: Option<u16>,

    /// User Property of the message; may be repeated.
    #[arg(long = "user-property", value_name = "KEY=VALUE", value_parser = value::user_property, hide_short_help = true)]
    pub user_properties: Vec<(String, String)>,
}

/// The arguments of `get`.
#[derive(Debug, Clone, Args)]
#[command(after_help = help::GET, after_long_help = format!("{}\n\n{}", help::GET, help::GET_MORE))]
pub struct GetArgs {
    /// A profile's name, or a URL such as `mqtt://localhost` or `mqtts://USER@HOST:PORT`.
    pub target: String,

    /// The topic, or a filter.
    #[arg(value_parser = value::filter)]
    pub topic: String,

    /// The most QoS that the broker may use.
    #[arg(short = 'q', long, value_name = "0|1|2", value_parser = value::qos(), hide_possible_values = true, default_value = "0")]
    pub qos: Qos,

    /// The longest to wait, with exit code 27 at its end.
    #[arg(short = 'W', long, value_name = "TIME", value_parser = value::some_duration, default_value = "10s")]
    pub timeout: Duration,

    /// Writes bytes as they are, also to a terminal.
    #[arg(long)]
    pub raw: bool,

    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// What CONNECT carries besides.
    #[command(flatten)]
    pub properties: ConnectPropertyArgs,

    /// Where packets are written down.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// The arguments of `doctor`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = help::DOCTOR,
    after_long_help = format!("{}\n\n{}", help::DOCTOR, help::DOCTOR_MORE),
    override_usage = "mqtap doctor [OPTIONS] [TARGET] [FILTER]..."
)]
pub struct DoctorArgs {
    /// A profile's name, or a URL such as `mqtt://localhost` or `mqtts://USER@HOST:PORT`.
    pub target: Option<String>,

    /// Topic Filters to subscribe to; without them, those of the profile.
    #[arg(value_name = "FILTER", value_parser = value::filter)]
    pub filters: Vec<String>,

    /// The QoS to subscribe with.
    #[arg(short = 'q', long, value_name = "0|1|2", value_parser = value::qos(), hide_possible_values = true, requires = "filters")]
    pub qos: Option<Qos>,

    /// Tests the will: cuts a client off, and waits for what the broker publishes.
    #[arg(long, requires = "target")]
    pub will: bool,

    /// Asks no question about --will where the profile is protected.
    #[arg(short = 'y', long, requires = "will")]
    pub yes: bool,

    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,

    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// What CONNECT carries besides.
    #[command(flatten)]
    pub properties: ConnectPropertyArgs,

    /// Where packets are written down.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// The arguments of `demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Messages a second, from 1 to 100,000.
    #[arg(long, value_name = "N", value_parser = value::demo_rate())]
    pub rate: Option<u32>,

    /// Devices of the plant, from 1 to 100,000.
    #[arg(long, value_name = "N", value_parser = value::demo_devices())]
    pub devices: Option<usize>,

    /// Where other clients may connect, such as 127.0.0.1:1883.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,

    /// Runs broker and plant alone, without the screen.
    #[arg(long, conflicts_with = "trace")]
    pub headless: bool,

    /// Where packets are written down.
    #[command(flatten)]
    pub trace: TraceArgs,

    /// What the screen looks like.
    #[command(flatten)]
    pub look: super::LookArgs,
}

/// What `profiles` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ProfilesVerb {
    /// Lists the saved connections.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows one saved connection; a secret is shown as where it comes from.
    Show {
        /// The profile's name.
        name: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Saves a connection.
    Add(Box<AddArgs>),
    /// Changes a saved connection; comments and what is not named stay.
    Edit(Box<EditArgs>),
    /// Removes a saved connection, after a question.
    Remove {
        /// The profile's name.
        name: String,
        /// Asks no question.
        #[arg(short = 'y', long)]
        yes: bool,
    },
    /// Reports everything that is wrong in the file.
    Check,
    /// Prints where the file is.
    Path,
}

/// The arguments of `profiles add`.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// The name of the new profile.
    pub name: String,

    /// The broker's URL, such as `mqtt://localhost` or `mqtts://USER@HOST:PORT`.
    pub url: String,

    /// Topic Filters to subscribe to.
    #[arg(value_name = "FILTER", value_parser = value::filter)]
    pub filters: Vec<String>,

    /// Asks for the password at each connection.
    #[arg(long, conflicts_with_all = ["password_env", "password_file"])]
    pub password_prompt: bool,

    /// What else to save.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// The arguments of `profiles edit`.
#[derive(Debug, Clone, Args)]
pub struct EditArgs {
    /// The profile's name.
    pub name: String,

    /// The broker's URL.
    #[arg(long)]
    pub url: Option<String>,

    /// Topic Filter to subscribe to, in place of all that were; may be repeated.
    #[arg(long = "filter", value_name = "FILTER", value_parser = value::filter)]
    pub filters: Vec<String>,

    /// Removes this key of the file, such as will or `tls.ca_file`; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,

    /// Asks for the password at each connection.
    #[arg(long, conflicts_with_all = ["password_env", "password_file"])]
    pub password_prompt: bool,

    /// What else to change.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// The arguments of `completions`.
#[derive(Debug, Clone, Copy, Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The verb whose page is printed; without it, the page of mqtap.
    pub verb: Option<String>,
}
