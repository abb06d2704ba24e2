//! Holds the house together: reads all of `src` and fails where a file breaks a rule of the tables in `rules.rs`.

#[path = "architecture/planted.rs"]
mod planted;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use self::{
    rules::{BESIDE, CLOCK, DOORS, FILLED_BY_UI, HOUSE, MACROS, MOST_LINES, NEVER, ONLY},
    scan::{Kind, Mention, Scan},
};

/// A rule that a file breaks, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// One file of the crate.
struct Source {
    /// The path below the package, such as `src/app/mod.rs`.
    file: String,
    text: String,
}

/// Checks the files of a crate against all rules.
fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = BTreeSet::new();
    let mut scans = Vec::new();
    for source in sources {
        let module = module(&source.file);
        match scan::scan(&module, &source.text) {
            Ok(scan) => scans.push((source, module, scan)),
            Err(error) => {
                let line = error.span().start().line;
                findings.insert(Finding { file: source.file.clone(), line, text: format!("cannot be read: {error}") });
            }
        }
    }
    let test_files: Vec<String> = scans.iter().flat_map(|(.., scan)| scan.test_files.clone()).collect();
    for (source, module, scan) in &scans {
        let is_test = test_files.iter().any(|file| is_in(module, file));
        let mut report = |line, text| {
            findings.insert(Finding { file: source.file.clone(), line, text });
        };
        if !is_test {
            check_text(&source.text, scan, &mut report);
        }
        let room = module.split("::").nth(1).unwrap_or_default();
        if !room.is_empty() && place(room).is_none() {
            report(1, format!("`{room}` is no room of the house"));
        }
        for mention in &scan.mentions {
            let mut report = |text| report(mention.line, text);
            check_order(room, mention, &mut report);
            if !is_test && !mention.in_test {
                check_names(room, mention, &mut report);
                check_clock(module, mention, &mut report);
            }
        }
    }
    findings.into_iter().collect()
}

/// The first line says what the file is, and the file is not too long.
fn check_text(text: &str, scan: &Scan, report: &mut impl FnMut(usize, String)) {
    let mut lines = text.lines();
    if !lines.next().is_some_and(|line| line.starts_with("//! ") && line.ends_with('.')) {
        report(1, "does not start with one `//!` line that says what the file is".to_owned());
    }
    if !lines.next().is_none_or(|line| line.is_empty() || line == "//!") {
        report(2, "the line that says what the file is has a second one".to_owned());
    }
    let length = text.lines().count() - scan.test_lines;
    if length > MOST_LINES {
        report(1, format!("has {length} lines without its tests; more than {MOST_LINES}"));
    }
}

/// A room imports only from its left.
fn check_order(room: &str, mention: &Mention, report: &mut impl FnMut(String)) {
    let Some(target) = mention.name.strip_prefix("crate::").and_then(|name| name.split("::").next()) else { return };
    let (Some(from), Some(to)) = (place(room), place(target)) else { return };
    let is_door = DOORS.iter().any(|door| (door.0, door.1) == (room, target));
    if room != target && to.1 >= from.0 && !is_door {
        report(format!("`{room}` imports `{}`, and `{target}` is not to its left", mention.name));
    }
}

/// Names that belong to other rooms, or to none.
fn check_names(room: &str, mention: &Mention, report: &mut impl FnMut(String)) {
    let name = mention.name.as_str();
    match mention.kind {
        Kind::Path => {
            for only in ONLY {
                if !room.is_empty() && !only.rooms.contains(&room) && only.names.iter().any(|prefix| is_in(name, prefix)) {
                    report(format!("`{name}` is only for {}: {}", only.rooms.join(", "), only.why));
                }
            }
            for never in NEVER {
                if never.rooms.contains(&room) && never.names.iter().any(|prefix| is_in(name, prefix)) {
                    report(format!("`{room}` never names `{name}`: {}", never.why));
                }
            }
        }
        Kind::MutRef => {
            if room == "ui" && is_in(name, "crate::app") && !FILLED_BY_UI.iter().any(|filled| is_in(name, filled)) {
                report(format!("`ui` changes no state, and takes `&mut {name}`"));
            }
        }
        Kind::Macro => {
            if let Some((_, why)) = MACROS.iter().find(|(forbidden, _)| *forbidden == name) {
                report(format!("`{name}!`: {why}"));
            }
        }
        Kind::Allow => report(format!("`allow({name})`: it takes `#[expect(lint, reason = \"...\")]`")),
        Kind::Method => {}
    }
}

/// Who asks what time it is.
fn check_clock(module: &str, mention: &Mention, report: &mut impl FnMut(String)) {
    let name = mention.name.as_str();
    let asks = match mention.kind {
        Kind::Path => name.ends_with("::now") || is_in(name, "crate::base::clock::Clock::start"),
        Kind::Method => [".now()", ".elapsed()"].contains(&name),
        Kind::Macro | Kind::Allow | Kind::MutRef => false,
    };
    let listed = |(place, calls, _): &(&str, &[&str], &str)| is_in(module, &format!("crate::{place}")) && calls.contains(&name);
    if asks && !CLOCK.iter().any(listed) {
        report(format!("`{name}` asks what time it is; time enters as a value"));
    }
}

/// Returns the first and the last row of a room.
fn place(room: &str) -> Option<(usize, usize)> {
    let row = |room: &str| HOUSE.iter().position(|row| row.contains(&room));
    match BESIDE.iter().find(|(beside, ..)| *beside == room) {
        Some((_, first, last)) => Some((row(first)?, row(last)?)),
        None => row(room).map(|row| (row, row)),
    }
}

/// Tells whether a path is `prefix` or something in it.
fn is_in(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Returns the module of a file: `crate::app` for `src/app/mod.rs`, `crate` for the roots.
fn module(file: &str) -> String {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let names = path.split('/').filter(|name| !["mod", "lib", "main"].contains(name));
    std::iter::once("crate").chain(names).collect::<Vec<_>>().join("::")
}

/// Reads all files of `src`.
fn sources() -> Vec<Source> {
    fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("the directory is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&package.join("src"), &mut files);
    let source = |path: PathBuf| Source {
        file: path.strip_prefix(package).expect("below the package").to_string_lossy().into_owned(),
        text: fs::read_to_string(&path).expect("a readable file"),
    };
    files.into_iter().map(source).collect()
}

#[test]
fn every_file_keeps_the_rules_of_the_house() {
    let sources = sources();
    assert!(sources.len() > 100, "found only {} files", sources.len());
    let findings = check(&sources);
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} places break a rule of tests/architecture/rules.rs:\n{}", list.len(), list.join("\n"));
}

#[test]
fn every_exception_is_needed() {
    let sources = sources();
    let scans: Vec<_> = sources
        .iter()
        .map(|source| (module(&source.file), scan::scan(&module(&source.file), &source.text).expect("it compiles")))
        .collect();
    let named = |place: &str, name: &str| {
        let place = format!("crate::{place}");
        scans
            .iter()
            .filter(|(module, _)| is_in(module, &place))
            .any(|(_, scan)| scan.mentions.iter().any(|mention| !mention.in_test && is_in(&mention.name, name)))
    };
    for (place, calls, _) in CLOCK {
        for call in *calls {
            assert!(named(place, call), "{place} no longer calls {call}: strike it from CLOCK");
        }
    }
    for (room, target, _) in DOORS {
        assert!(named(room, &format!("crate::{target}")), "{room} no longer imports {target}: strike it from DOORS");
    }
}
