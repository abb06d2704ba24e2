//! `profiles.toml` as it was read: the profiles that can be used, and everything that is wrong.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Table};

use super::{
    Profile,
    problem::{self, Lines, Position, Problem},
    read::{Reader, Surroundings},
    table_path,
};
use crate::base::{
    disk::{self, ReadError},
    text,
};

/// The version of the file's layout that is read and written.
pub const SCHEMA: i64 = 1;

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 4 << 20;

/// The saved connections.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    path: PathBuf,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

/// A profile of the file, in its order.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name, which is safe to show.
    pub name: String,
    /// Where it starts.
    pub at: Option<Position>,
    /// The profile; nothing when it cannot be used, for a reason that is among the problems.
    pub profile: Option<Profile>,
    /// What the file says of it, key by key, in the order of the file.
    pub settings: Vec<Setting>,
}

/// A key of a profile and what is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key from the profile on: `tls.ca_file`, `subscription[0].qos`.
    pub path: String,
    /// A text as it is, anything else as TOML; stars for a secret. It may hold control characters.
    pub text: String,
    /// Where the value is.
    pub at: Option<Position>,
}

impl Profiles {
    /// Reads the file; one that does not exist has no profiles, and one that cannot be read has a problem.
    ///
    /// `home` is what `~/` stands for.
    #[must_use]
    pub fn load(path: &Path, home: Option<&Path>) -> Self {
        let mut profiles = Self { path: path.to_owned(), ..Self::default() };
        let contents = match disk::read(path, MAX_FILE) {
            Ok(contents) => contents,
            Err(ReadError::Missing) => return profiles,
            Err(error) => {
                profiles.problems.push(whole_file(path, &error.to_string()));
                return profiles;
            }
        };
        let surroundings = Surroundings {
            file: file_name(path),
            dir: path.parent().unwrap_or(Path::new("")),
            home,
            keeps_secrets: disk::check_private(path, &contents.metadata),
            names_sources: disk::check_unshared(path, &contents.metadata),
        };
        match decode(path, &contents.bytes) {
            Ok(text) => (profiles.entries, profiles.problems) = parse(text, surroundings),
            Err(problem) => profiles.problems.push(problem),
        }
        profiles
    }

    /// Returns where the file is, or would be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the profiles in the order of the file, those that cannot be used too.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the profile of a name, also one that cannot be used.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Returns everything that is wrong, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Iterates over what is wrong with one profile.
    pub fn problems_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Problem> + use<'a> {
        let table = table_path(name);
        self.problems.iter().filter(move |problem| problem.is_in(&table))
    }
}

/// Takes bytes for text, without the mark that some editors put in front.
pub(super) fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            let before = String::from_utf8_lossy(valid);
            let at = Some(Lines::new(&before).position(before.len()));
            Err(Problem { at, ..whole_file(path, "is not UTF-8 text") })
        }
    }
}

/// Parses a document; what is wrong with its syntax is one problem, without the line's text, which may hold a password.
pub(super) fn parse_document<'a>(file: &str, text: &'a str) -> Result<Document<&'a str>, Problem> {
    Document::parse(text).map_err(|error| {
        let at = Lines::new(text).of_span(error.span());
        let message = text::safe(&format!("not valid TOML: {}", error.message().replace('\n', ", "))).to_string();
        Problem { file: file.to_owned(), at, path: String::new(), message, suggestion: None }
    })
}

/// Reads a whole text.
pub(super) fn parse(text: &str, surroundings: Surroundings<'_>) -> (Vec<Entry>, Vec<Problem>) {
    let document = match parse_document(&surroundings.file, text) {
        Ok(document) => document,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let root = document.as_table();
    let mut reader = Reader::new(text, surroundings, is_newer(root));
    check_schema(root, &mut reader);
    reader.check_root(root);
    let mut entries = Vec::new();
    if let Some(item) = root.get("profile") {
        if let Some(table) = item.as_table_like() {
            for (name, item) in table.iter() {
                let at = reader.place(table, name).0;
                entries.extend(reader.profile(name, item, at));
            }
        } else {
            let at = reader.place(root, "profile").1;
            reader.report(at, "profile", "profile: expected tables such as [profile.plant]", None);
        }
    }
    (entries, reader.into_problems())
}

/// Tells whether a newer version of mqtap wrote the file.
pub(super) fn is_newer(root: &Table) -> bool {
    root.get("schema").and_then(Item::as_integer).is_some_and(|schema| schema > SCHEMA)
}

fn check_schema(root: &Table, reader: &mut Reader<'_>) {
    let Some(item) = root.get("schema") else { return };
    let message = match item.as_integer() {
        Some(schema) if schema > SCHEMA => {
            format!("schema: {schema} is newer than this version knows ({SCHEMA}); read as far as it goes, and never saved")
        }
        Some(SCHEMA) => return,
        Some(_) | None => format!("schema: expected the number {SCHEMA}"),
    };
    let at = reader.place(root, "schema").1;
    reader.report(at, "schema", &message, None);
}

/// Makes a problem of a file as a whole.
pub(super) fn whole_file(path: &Path, message: &str) -> Problem {
    Problem { file: file_name(path), at: None, path: String::new(), message: message.to_owned(), suggestion: None }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| problem::shown(&name.to_string_lossy())).unwrap_or_default()
}

#[cfg(test)]
mod tests;
