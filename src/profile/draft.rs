//! A profile as a form has it: texts under the names of the keys, checked by the reader of the file, and saved into it.

use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{
    check_name, file,
    keys::{self, Kind},
    problem::Problem,
    read::Surroundings,
    save::{self, SaveError},
    table_path,
};
use crate::{base::text, mqtt::options::Subscription};

/// What shall be written of a profile; keys that it does not name stay as they are.
///
/// `Debug` is left out on purpose: a password may be among the texts.
#[derive(Clone)]
pub struct Draft {
    name: String,
    changes: Vec<(String, String)>,
    subscriptions: Option<Vec<Subscription>>,
}

/// Whether a profile of the same name is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// There must be none.
    New,
    /// There must be one, which is changed.
    Change,
}

impl Draft {
    /// Starts with nothing but a name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), changes: Vec::new(), subscriptions: None }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a key, such as `url` or `tls.ca_file`, to a text as the user writes it; an empty text removes the key.
    ///
    /// A list is written as TOML; words without brackets are separated by spaces.
    pub fn set(&mut self, path: &str, text: &str) {
        self.changes.retain(|(other, _)| other != path);
        self.changes.push((path.to_owned(), text.to_owned()));
    }

    /// Sets all subscriptions.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
        self.subscriptions = Some(subscriptions);
    }

    /// Lists what would be wrong with a new profile like this one; `path` says which keys are meant, positions nothing.
    ///
    /// `dir` is where relative paths start, `home` what `~/` stands for.
    #[must_use]
    pub fn problems(&self, dir: &Path, home: Option<&Path>) -> Vec<Problem> {
        let mut document = DocumentMut::new();
        if let Err(error) = self.put(&mut document) {
            return vec![file::whole_file(Path::new("profiles.toml"), &error.to_string())];
        }
        problems_in(&document.to_string(), &self.name, dir, home)
    }

    /// Writes the draft into the file.
    ///
    /// # Errors
    ///
    /// Returns why nothing was saved: for one, what would be wrong with the profile and was not wrong before.
    pub fn save(&self, path: &Path, home: Option<&Path>, saving: Saving) -> Result<(), SaveError> {
        let name = text::line(&self.name, 60).to_string();
        if let Err(reason) = check_name(&self.name) {
            return Err(SaveError::Layout(reason));
        }
        let dir = path.parent().unwrap_or(Path::new(""));
        save::edit(path, |document| {
            let exists = document.get("profile").and_then(|profiles| profiles.get(&self.name)).is_some();
            match saving {
                Saving::New if exists => return Err(SaveError::Exists(name)),
                Saving::Change if !exists => return Err(SaveError::Missing(name)),
                Saving::New | Saving::Change => {}
            }
            let before = problems_in(&document.to_string(), &self.name, dir, home);
            self.put(document)?;
            let mut after = problems_in(&document.to_string(), &self.name, dir, home);
            after.retain(|new| !before.iter().any(|old| (&old.path, &old.message) == (&new.path, &new.message)));
            if after.is_empty() { Ok(()) } else { Err(SaveError::Invalid(after)) }
        })
    }

    fn put(&self, document: &mut DocumentMut) -> Result<(), SaveError> {
        let is_new = document.get("profile").and_then(|profiles| profiles.get(&self.name)).is_none();
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        let mut root = Place { table: document.as_table_mut(), is_inline: false };
        let mut profiles = root.child("profile", Shape::Implicit)?;
        let mut profile = profiles.child(&self.name, Shape::Table)?;
        for (path, text) in &self.changes {
            profile.set(path, path, text)?;
        }
        if let Some(subscriptions) = &self.subscriptions {
            profile.set_subscriptions(subscriptions);
        }
        let table = document.get_mut("profile").and_then(|profiles| profiles.get_mut(&self.name)).and_then(Item::as_table_mut);
        if let Some(table) = table.filter(|_| is_new) {
            // After everything that is there; a comment at the end stays before it.
            table.set_position(Some(isize::MAX));
            if !trailing.trim().is_empty() {
                table.decor_mut().set_prefix(format!("{trailing}\n"));
                document.set_trailing("");
            }
        }
        Ok(())
    }
}

/// How a table that is missing is made.
#[derive(Clone, Copy)]
enum Shape {
    /// Without a header of its own.
    Implicit,
    /// With a header.
    Table,
    /// On one line, in braces.
    Inline,
}

/// A table of the document, which in a table in braces can hold only such tables.
struct Place<'a> {
    table: &'a mut dyn TableLike,
    is_inline: bool,
}

impl Place<'_> {
    fn child(&mut self, name: &str, shape: Shape) -> Result<Place<'_>, SaveError> {
        if self.table.get(name).is_none_or(Item::is_none) {
            let item = match shape {
                Shape::Implicit | Shape::Table if !self.is_inline => {
                    let mut table = Table::new();
                    table.set_implicit(matches!(shape, Shape::Implicit));
                    Item::Table(table)
                }
                Shape::Implicit | Shape::Table | Shape::Inline => Item::Value(Value::InlineTable(InlineTable::new())),
            };
            self.table.insert(name, item);
        }
        let wrong = || SaveError::Layout(format!("`{}` is not a table", super::problem::shown(name)));
        let item = self.table.get_mut(name).ok_or_else(wrong)?;
        let is_inline = item.is_value();
        Ok(Place { table: item.as_table_like_mut().ok_or_else(wrong)?, is_inline })
    }

    /// Sets the key at `rest` of the whole `path` below this table.
    fn set(&mut self, path: &str, rest: &str, text: &str) -> Result<(), SaveError> {
        let unknown = || SaveError::Layout(format!("there is no key `{}`", super::problem::shown(path)));
        let Some((first, inner)) = rest.split_once('.') else {
            let key = keys::find(path).filter(|key| key.is_supported()).ok_or_else(unknown)?;
            if !text.is_empty() {
                self.replace(rest, value_of(&key.kind, text));
            } else if key.inner().is_empty() || !self.table.get(rest).is_some_and(Item::is_table_like) {
                // Taking a password out of the file leaves the table that says where else it is.
                self.table.remove(rest);
            }
            return Ok(());
        };
        let outer = path.strip_suffix(inner).and_then(|outer| keys::find(outer.trim_end_matches('.'))).ok_or_else(unknown)?;
        if text.is_empty() && !self.table.get(first).is_some_and(Item::is_table_like) {
            return Ok(());
        }
        let shape = match outer.kind {
            Kind::Password(..) => {
                // One way to the password shuts the others out.
                if !text.is_empty() {
                    self.empty(first);
                }
                Shape::Inline
            }
            Kind::Switch(..) => {
                if self.table.get(first).is_some_and(|item| !item.is_table_like()) {
                    self.empty(first);
                }
                Shape::Inline
            }
            Kind::Section(_) => Shape::Table,
            Kind::List(..)
            | Kind::Text(_)
            | Kind::Flag(_)
            | Kind::Guard(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Expiry(_)
            | Kind::Size(_)
            | Kind::File(_)
            | Kind::Words(_)
            | Kind::Pairs(_)
            | Kind::Vital(..)
            | Kind::Secret(_)
            | Kind::Headers(_)
            | Kind::Planned => return Err(unknown()),
        };
        let mut child = self.child(first, shape)?;
        child.set(path, inner, text)?;
        // What was emptied by this change goes; a comment of its own keeps it.
        if text.is_empty() && child.table.is_empty() && child.is_inline {
            self.table.remove(first);
        }
        Ok(())
    }

    /// Sets a value, with the comment of the one that was there.
    fn replace(&mut self, name: &str, mut value: Value) {
        if let Some(old) = self.table.get_mut(name).and_then(Item::as_value_mut) {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        } else {
            self.table.insert(name, Item::Value(value));
        }
    }

    /// Makes what is there an empty table, in its place and with its comment.
    fn empty(&mut self, name: &str) {
        if self.table.get(name).is_some_and(Item::is_value) {
            self.replace(name, Value::InlineTable(InlineTable::new()));
        } else if let Some(table) = self.table.get_mut(name).and_then(Item::as_table_like_mut) {
            table.clear();
        }
    }

    fn set_subscriptions(&mut self, subscriptions: &[Subscription]) {
        const KEY: &str = "subscription";
        if self.is_inline || self.table.get(KEY).is_some_and(|item| item.as_array_of_tables().is_none()) {
            let tables = subscriptions.iter().map(|subscription| {
                let mut table = InlineTable::new();
                write_subscription(&mut Place { table: &mut table, is_inline: true }, subscription);
                Value::InlineTable(table)
            });
            let array: Array = tables.collect();
            return self.replace(KEY, Value::Array(array));
        }
        if self.table.get(KEY).is_none() {
            self.table.insert(KEY, Item::ArrayOfTables(ArrayOfTables::new()));
        }
        let Some(tables) = self.table.get_mut(KEY).and_then(Item::as_array_of_tables_mut) else { return };
        while tables.len() > subscriptions.len() {
            tables.remove(tables.len() - 1);
        }
        for (index, subscription) in subscriptions.iter().enumerate() {
            if tables.get(index).is_none() {
                tables.push(Table::new());
            }
            if let Some(table) = tables.get_mut(index) {
                write_subscription(&mut Place { table, is_inline: false }, subscription);
            }
        }
    }
}

/// Writes what is not a default, and what was written before.
fn write_subscription(place: &mut Place<'_>, wanted: &Subscription) {
    let default = Subscription::new("", crate::mqtt::message::Qos::AtMostOnce);
    let identifier = wanted.identifier.map(|identifier| ("identifier", i64::from(identifier).into(), true));
    let values: [(&str, Value, bool); 5] = [
        ("filter", wanted.filter.as_str().into(), true),
        ("qos", i64::from(wanted.qos.level()).into(), true),
        ("no_local", wanted.no_local.into(), wanted.no_local != default.no_local),
        ("retain_as_published", wanted.retain_as_published.into(), wanted.retain_as_published != default.retain_as_published),
        ("retain_handling", i64::from(wanted.retain_handling).into(), wanted.retain_handling != default.retain_handling),
    ];
    if identifier.is_none() {
        place.table.remove("identifier");
    }
    for (name, value, is_said) in values.into_iter().chain(identifier) {
        if is_said || place.table.get(name).is_some() {
            place.replace(name, value);
        }
    }
}

/// Makes the value that a text stands for; what does not fit stays a text, which the reader then refuses with the reason.
fn value_of(kind: &Kind, text: &str) -> Value {
    let written = || Value::from(text);
    match kind {
        Kind::Flag(_) | Kind::Guard(_) | Kind::Switch(..) => text.trim().parse::<bool>().map_or_else(|_| written(), Value::from),
        Kind::Number(_) => text.trim().parse::<i64>().map_or_else(|_| written(), Value::from),
        Kind::Words(_) => list(text).unwrap_or_else(|| Value::Array(text.split_whitespace().collect())),
        Kind::Pairs(_) | Kind::Headers(_) => list(text).unwrap_or_else(written),
        Kind::Text(_)
        | Kind::Duration(_)
        | Kind::Expiry(_)
        | Kind::Size(_)
        | Kind::File(_)
        | Kind::Password(..)
        | Kind::Vital(..)
        | Kind::Secret(_)
        | Kind::Section(_)
        | Kind::List(..)
        | Kind::Planned => written(),
    }
}

fn list(text: &str) -> Option<Value> {
    text.trim().parse::<Value>().ok().filter(Value::is_array).map(|value| value.decorated(" ", ""))
}

fn problems_in(document: &str, name: &str, dir: &Path, home: Option<&Path>) -> Vec<Problem> {
    // The file that is saved is private, whatever it was.
    let surroundings = Surroundings { file: "profiles.toml".into(), dir, home, keeps_secrets: Ok(()), names_sources: Ok(()) };
    let (_, mut problems) = file::parse(document, surroundings);
    let table = table_path(name);
    problems.retain(|problem| problem.path.is_empty() || problem.is_in(&table));
    problems
}

#[cfg(test)]
mod tests;
