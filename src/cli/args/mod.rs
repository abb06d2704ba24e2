//! The command line: one definition that feeds the parser, the help, the man page and the completions.

mod connect;
pub(super) mod elsewhere;
mod help;
mod value;
mod verbs;

use clap::{ArgAction, Args, Parser, Subcommand};

pub use self::{
    connect::{
        AuthenticationArgs, ConnectArgs, ConnectPropertyArgs, PasswordArgs, TermArgs, TlsArgs, TraceArgs, WayArgs, WillArgs,
    },
    verbs::{
        AddArgs, CompletionsArgs, DoctorArgs, EditArgs, GetArgs, ManArgs, MendingArgs, ProfilesVerb, PubArgs, PublishPropertyArgs,
        RetainedArgs, SubArgs,
    },
};

#[cfg(feature = "demo")]
pub use self::verbs::DemoArgs;

const EXAMPLES: &str = "\
Examples:
  mqtap mqtt://localhost 'plant/#'          watch a part of a broker
  mqtap plant                               connect as the profile `plant` says
  mqtap sub plant 'plant/+/state' --format json | jq .payload
  mqtap pub plant plant/line1/set '{\"on\":true}' -q 1
  mqtap get mqtt://localhost config/version
  mqtap demo                                an embedded broker with a simulated plant

A verb wins over a profile of the same name. `mqtap VERB --help` tells more about each.

Exit codes:
  0 done                         4 the broker refused the connection
  1 other error                  5 a subscription or publish was refused
  2 wrong usage                  27 timed out
  3 could not reach the broker   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";

/// An MQTT client for the terminal: watch a broker live, see every message, publish the fix.
#[derive(Debug, Parser)]
#[command(
    name = "mqtap",
    version,
    about,
    after_help = EXAMPLES,
    max_term_width = 100,
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    override_usage = "mqtap [OPTIONS] [TARGET] [FILTER]...\n       mqtap VERB ..."
)]
pub struct Cli {
    /// What to do instead of opening the screen.
    #[command(subcommand)]
    pub verb: Option<Verb>,

    /// Prints the version.
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,

    /// What the screen connects to.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// The arguments of the terminal UI.
#[derive(Debug, Clone, Args)]
pub struct ScreenArgs {
    /// A profile's name, or a URL such as `mqtt://localhost`; without it, the start screen.
    pub target: Option<String>,

    /// Topic Filters to subscribe to; without them, what the profile says.
    #[arg(value_name = "FILTER", value_parser = value::filter)]
    pub filters: Vec<String>,

    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// What CONNECT carries besides.
    #[command(flatten)]
    pub properties: ConnectPropertyArgs,

    /// Where packets are written down.
    #[command(flatten)]
    pub trace: TraceArgs,

    /// What it looks like.
    #[command(flatten)]
    pub look: LookArgs,

    /// Publishes nothing, not even by mistake.
    #[arg(long)]
    pub read_only: bool,
}

/// What the screen looks like.
#[derive(Debug, Clone, Args)]
pub struct LookArgs {
    /// The colours, such as mqtap-light, nord, ansi or mono; without it, what suits the terminal.
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
}

/// What mqtap does without its screen.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Prints messages.
    Sub(Box<SubArgs>),
    /// Publishes.
    Pub(Box<PubArgs>),
    /// Prints the payload of the first message.
    Get(Box<GetArgs>),
    /// Tells what works on the way to a broker and what does not; without TARGET, what it finds on this machine.
    Doctor(Box<DoctorArgs>),
    /// Opens the screen on an embedded broker with a simulated plant.
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Lists, shows, adds, changes, removes and checks saved connections.
    #[command(subcommand)]
    Profiles(ProfilesVerb),
    /// Prints the completions for a shell.
    Completions(CompletionsArgs),
    /// Prints the man page.
    Man(ManArgs),
}

#[cfg(test)]
mod tests;
