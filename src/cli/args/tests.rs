use clap::CommandFactory;

use super::*;
use crate::mqtt::{message::Qos, options::Protocol};

fn parse(line: &str) -> Result<Cli, String> {
    Cli::try_parse_from(std::iter::once("mqtap").chain(line.split_whitespace())).map_err(|error| error.to_string())
}

fn sub(line: &str) -> SubArgs {
    match parse(line).expect(line).verb {
        Some(Verb::Sub(args)) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_verb_wins_and_what_follows_a_target_is_a_filter() {
    assert!(parse("sub local a/#").expect("valid").verb.is_some());
    let cli = parse("local sub").expect("valid");
    assert!(cli.verb.is_none());
    assert_eq!((cli.screen.target.as_deref(), cli.screen.filters), (Some("local"), vec!["sub".to_owned()]));
}

#[test]
fn nothing_at_all_is_the_start_screen() {
    let cli = parse("").expect("valid");
    assert!(cli.verb.is_none() && cli.screen.target.is_none());
}

#[test]
fn options_of_connecting_are_read() {
    let args = sub("sub mqtt://h # -V 3.1.1 -i me -u ops -k 5s --clean-start no -q 2 -n 3 -W 1m");
    assert_eq!(args.connect.protocol, Some(Protocol::V311));
    assert_eq!(args.connect.client_id.as_deref(), Some("me"));
    assert_eq!(args.connect.clean_start, Some(false));
    assert_eq!(args.qos, Some(Qos::ExactlyOnce));
    assert_eq!(args.timeout, Some(std::time::Duration::from_mins(1)));
}

#[cfg(feature = "demo")]
#[test]
fn a_demo_out_of_bounds_is_refused_and_its_help_names_them() {
    use crate::{base::human, demo};

    for line in ["demo --rate 0", "demo --rate 100001", "demo --devices 0", "demo --devices 100001"] {
        assert!(parse(line).is_err_and(|why| why.contains("1..=100000")), "{line}");
    }
    assert!(parse("demo --rate 100000 --devices 100000").is_ok());
    let help = parse("demo --help").expect_err("help ends the call");
    for most in [u64::from(demo::MOST_RATE), demo::MOST_DEVICES as u64] {
        assert!(help.contains(&format!(", from 1 to {}", human::count(most))), "{help}");
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for line in [
        "sub t a --no-retained --retained-only",
        "sub t a --password-env A --password-file B",
        "sub t a --will-payload gone",
        "sub t a --key me.key",
        "sub t a --insecure --ca-file ca.pem",
        "sub t a --proxy socks5://ops:secret@h",
        "sub t a --ws-header Upgrade:x",
        "pub t a payload --lines",
        "pub t a --lines --repeat 3",
        "pub t a payload --file f",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn no_option_takes_a_password() {
    for line in
        ["sub t a --password CANARY", "sub t a --password=CANARY", "sub t a -P CANARY", "sub t a -PCANARY", "sub t a --pw CANARY"]
    {
        let error = parse(line).expect_err(line);
        assert!(!error.contains("CANARY"), "{error}");
    }
}

#[test]
fn the_help_of_every_verb_fits_a_hundred_columns() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut pages = vec![command.clone()];
    pages.extend(command.get_subcommands().cloned());
    for mut page in pages {
        let help = page.render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", page.get_name());
        }
    }
}

#[test]
fn the_help_of_h_is_short_and_that_of_help_is_whole() {
    for verb in ["sub", "pub", "get", "doctor"] {
        let help = |option| parse(&format!("{verb} {option}")).expect_err("help ends the call");
        let (short, long) = (help("-h"), help("--help"));
        assert!(short.lines().count() <= 60, "{verb}: {} lines", short.lines().count());
        assert!(long.lines().count() > short.lines().count() + 40, "{verb}: {} lines", long.lines().count());
        assert!(short.contains("--help") && !short.contains("--will-delay") && long.contains("--will-delay"), "{short}");
    }
}

#[test]
fn a_version_is_read_as_other_tools_write_it() {
    use Protocol::{V5, V31, V311};

    let names = [("3.1", V31), ("31", V31), ("mqttv31", V31), ("3.1.1", V311), ("311", V311), ("4", V311), ("mqttv311", V311)];
    for (name, version) in names.into_iter().chain([("5", V5), ("5.0", V5), ("mqttv5", V5)]) {
        assert_eq!(sub(&format!("sub mqtt://h a -V {name}")).connect.protocol, Some(version), "{name}");
    }
    assert!(parse("sub mqtt://h a -V 6").is_err_and(|why| why.contains("3.1, 3.1.1, 5")));
}

#[test]
fn a_negative_number_is_a_payload() {
    for payload in ["-5", "-1.5", "-1e3"] {
        let Some(Verb::Pub(args)) = parse(&format!("pub mqtt://h t {payload} -r")).expect(payload).verb else {
            panic!("{payload}")
        };
        assert_eq!((args.payload.as_deref(), args.retain), (Some(payload), true));
    }
}

#[test]
fn the_help_of_sub_names_every_field_of_a_template() {
    let mut command = Cli::command();
    let sub = command.find_subcommand_mut("sub").expect("the verb");
    let help = sub.render_long_help().to_string();
    for field in crate::cli::format::field_names() {
        assert!(help.contains(&format!("{{{field}}}")), "{field}");
    }
}
