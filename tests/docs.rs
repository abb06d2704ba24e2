//! Holds the tables of the README equal to the code: `UPDATE_DOCS=1 cargo test --test docs` writes them anew.

// What the README tells is the program with its demo.
#![cfg(feature = "demo")]

use std::{fmt::Write as _, fs, path::Path};

use clap::{Arg, Command, CommandFactory};
use mqtap::{
    cli::args::Cli,
    keymap::{
        self, Keymap,
        action::{Action, Context},
    },
    profile::keys,
    store::{Filter, Formats, PacketFilter, TopicFilter},
    theme::Theme,
};
use ratatui::style::Color;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Files that the README names and that the user writes.
const OF_THE_USER: [&str; 3] = ["keys.toml", "profiles.toml", "themes/NAME.toml"];

/// The name in the markers `<!-- name -->` and `<!-- /name -->`, and what makes the text between them.
type Section = (&'static str, fn() -> String);

const SECTIONS: &[Section] = &[("verbs", verbs), ("keys", key_bindings), ("profile keys", profile_keys), ("themes", themes)];

#[test]
fn the_tables_of_the_readme_equal_the_code() {
    let readme = fs::read_to_string(README).expect("a README");
    let mut expected = readme.clone();
    let mut stale = Vec::new();
    for (name, generate) in SECTIONS {
        let with_section = splice(&expected, name, &generate()).unwrap_or_else(|why| panic!("README.md: {why}"));
        if with_section != expected {
            stale.push(*name);
        }
        expected = with_section;
    }
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(README, expected).expect("the README can be written");
        return;
    }
    assert!(stale.is_empty(), "not as the code says: {}; run: UPDATE_DOCS=1 cargo test --test docs", stale.join(", "));
}

#[test]
fn each_filter_works_where_the_readme_says() {
    let readme = fs::read_to_string(README).expect("a README");
    let (_, rest) = readme.split_once("| Term | Where | Lets through |\n").expect("a table of filters");
    let mut rows = 0;
    for row in rest.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, terms, place, ..] = cells[..] else { panic!("{row}") };
        for term in code_spans(terms) {
            assert_eq!(where_it_works(term), place, "{term}");
        }
        rows += 1;
    }
    assert!(rows > 5, "{rows} rows");
}

/// Returns the lists that take a filter, as the README names them.
fn where_it_works(filter: &str) -> String {
    let formats = Formats { names: &["json"], is: |_, _, _| false };
    let lists = [
        ("topics", TopicFilter::parse(filter).is_ok()),
        ("messages", Filter::parse(filter, formats).is_ok()),
        ("packets", PacketFilter::parse(filter).is_ok()),
    ];
    if lists.iter().all(|(_, works)| *works) {
        return "everywhere".to_owned();
    }
    let names: Vec<&str> = lists.iter().filter(|(_, works)| *works).map(|(name, _)| *name).collect();
    names.join(", ")
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = fs::read_to_string(README).expect("a README");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let named: Vec<&str> = local.chain(code_spans(&readme).filter(|code| is_of_the_repository(code, root))).collect();
    let missing: Vec<_> = named.iter().filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(named.contains(&"tests/run"), "{named:?}");
}

/// Returns what stands between backticks, blocks of code left out.
fn code_spans(markdown: &str) -> impl Iterator<Item = &str> {
    let prose = markdown.split("```").step_by(2);
    prose.flat_map(str::lines).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Tells whether a piece of code is the path of a file of the repository: it begins with a directory there, or is a document.
fn is_of_the_repository(code: &str, root: &Path) -> bool {
    let is_path = code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    let is_document = || Path::new(code).extension().is_some_and(|extension| extension == "toml");
    let begins = code.split_once('/').map_or_else(is_document, |(first, _)| !first.is_empty() && root.join(first).is_dir());
    is_path && begins && !OF_THE_USER.contains(&code)
}

#[test]
fn a_section_is_replaced_and_nothing_else() {
    let text = "a\n<!-- keys -->\nold\n<!-- /keys -->\nb\n";
    let new = "a\n<!-- keys -->\n\nnew\n\n<!-- /keys -->\nb\n";
    assert_eq!(splice(text, "keys", "new\n"), Ok(new.to_owned()));
    assert_eq!(splice(new, "keys", "new\n"), Ok(new.to_owned()));
}

#[test]
fn a_marker_that_is_missing_or_twice_is_named() {
    assert_eq!(splice("<!-- keys -->\n", "keys", ""), Err("`<!-- /keys -->` is there 0 times, not once".to_owned()));
    let twice = "<!-- keys --><!-- keys --><!-- /keys -->";
    assert_eq!(splice(twice, "keys", ""), Err("`<!-- keys -->` is there 2 times, not once".to_owned()));
    assert!(splice("<!-- /keys -->\n<!-- keys -->\n", "keys", "").is_err());
}

/// Replaces what is between the markers of a section.
fn splice(text: &str, name: &str, content: &str) -> Result<String, String> {
    let markers = [format!("<!-- {name} -->"), format!("<!-- /{name} -->")];
    for marker in &markers {
        let count = text.matches(marker).count();
        if count != 1 {
            return Err(format!("`{marker}` is there {count} times, not once"));
        }
    }
    let [begin, end] = &markers;
    let (before, rest) = text.split_once(begin.as_str()).expect("it was counted");
    let (_, after) = rest.split_once(end.as_str()).ok_or_else(|| format!("`{end}` stands before `{begin}`"))?;
    Ok(format!("{before}{begin}\n\n{content}\n{end}{after}"))
}

/// Writes a table of Markdown.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = cells(head.iter().map(|&cell| cell.to_owned()).collect());
    out.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    for row in rows {
        out.push_str(&cells(row.iter().map(|cell| cell.replace('|', "\\|")).collect()));
    }
    out
}

fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn codes<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(code).collect::<Vec<_>>().join(", ")
}

/// The verbs, with the program itself first.
fn verbs() -> String {
    let cli = Cli::command();
    let screen = Command::new("mqtap").about("Opens the screen.").args(cli.get_positionals().cloned().collect::<Vec<Arg>>());
    let row = |verb: &Command, prefix: &str| {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        vec![code(&format!("{prefix}{}", usage(verb))), format!("{}.", about.trim_end_matches('.'))]
    };
    let mut rows = vec![row(&screen, "")];
    rows.extend(cli.get_subcommands().map(|verb| row(verb, "mqtap ")));
    table(&["Call", "Does"], &rows)
}

/// Writes a verb and its arguments: `sub TARGET FILTER...`, `profiles list|show|add`.
fn usage(verb: &Command) -> String {
    let mut out = verb.get_name().to_owned();
    let inner: Vec<&str> = verb.get_subcommands().map(Command::get_name).collect();
    if !inner.is_empty() {
        write!(out, " {}", inner.join("|")).expect("a string takes all");
    }
    for argument in verb.get_positionals() {
        let name = argument.get_value_names().and_then(<[_]>::first).map_or(argument.get_id().as_str(), |name| name.as_str());
        let name = name.to_uppercase();
        let name = if argument.is_required_set() { name } else { format!("[{name}]") };
        let more = if matches!(argument.get_action(), clap::ArgAction::Append) { "..." } else { "" };
        write!(out, " {name}{more}").expect("a string takes all");
    }
    out
}

/// The keys, by the place where they mean something.
fn key_bindings() -> String {
    let keymap = Keymap::builtin();
    let mut rows = Vec::new();
    for context in Context::ALL {
        let mut actions: Vec<(Action, Vec<String>)> = Vec::new();
        for (keys, action) in keymap.keys_of(context) {
            let label = keymap::label(keys);
            match actions.iter_mut().find(|(known, _)| *known == action) {
                Some((_, labels)) => labels.push(label),
                None => actions.push((action, vec![label])),
            }
        }
        for (at, (action, labels)) in actions.iter().enumerate() {
            let place = if at == 0 { format!("**{}**", context.title()) } else { String::new() };
            rows.push(vec![place, codes(labels.iter().map(String::as_str)), action.doc().to_owned()]);
        }
    }
    table(&["Where", "Keys", "What"], &rows)
}

/// The keys of a profile that this version reads, and the names of the others.
fn profile_keys() -> String {
    let mut rows = Vec::new();
    let mut planned = Vec::new();
    keys::each(|path, key| {
        if key.is_supported() {
            let version = if key.is_v5 { " MQTT 5." } else { "" };
            rows.push(vec![code(path), key.expects().to_owned(), format!("{}{version}", key.doc)]);
        } else {
            planned.push(path.to_owned());
        }
    });
    let planned = codes(planned.iter().map(String::as_str));
    format!("{}\nKnown, and not supported by this version yet: {planned}.\n", table(&["Key", "Value", "What"], &rows))
}

/// The built-in themes, by the background that they are made for.
fn themes() -> String {
    let themes: Vec<Theme> = Theme::names().map(|name| Theme::builtin(name).expect("it is built in")).collect();
    let names =
        |wanted: &dyn Fn(&Theme) -> bool| codes(themes.iter().filter(|theme| wanted(theme)).map(|theme| theme.name.as_str()));
    // Without colours of its own, a theme is as dark or light as the terminal.
    let any = |theme: &Theme| !matches!(theme.background, Color::Rgb(..));
    let rows = [
        vec!["dark".to_owned(), names(&|theme| theme.dark && !any(theme))],
        vec!["light".to_owned(), names(&|theme| !theme.dark && !any(theme))],
        vec!["any, with the terminal's own colours or none".to_owned(), names(&any)],
    ];
    table(&["Background", "Themes"], &rows)
}
