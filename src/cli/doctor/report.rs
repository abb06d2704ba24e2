//! What the doctor finds: checks in sections, printed as they are made or as one JSON object at the end.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::text;
use crate::{
    base::human,
    cli::{
        exit::{Exit, Problem},
        format::harmless,
        output,
    },
};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// It works, and somebody should know something about it.
    Warning,
    /// It does not work.
    Bad,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Bad => "failed",
        }
    }
}

/// A thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    /// What was looked at, as scripts find it: `tcp`, `connect`.
    pub(super) key: &'static str,
    /// The same for people: `TCP`, `CONNECT`.
    pub(super) label: &'static str,
    /// How it came out.
    pub(super) mark: Mark,
    /// How long it took, where that says something.
    pub(super) took: Option<Duration>,
    /// What came out, or what went wrong; it may hold what a broker said.
    pub(super) said: String,
    /// What to do; may be empty.
    pub(super) hint: String,
    /// What else is known.
    pub(super) facts: Vec<Fact>,
}

/// Something that is known; a part that is empty is not shown in that form.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    /// The name in JSON.
    key: &'static str,
    /// The value in JSON.
    value: Value,
    /// The name for people.
    pub(super) label: &'static str,
    /// The value for people, one item a line.
    pub(super) shown: Vec<String>,
}

impl Check {
    /// Makes a check that came out well.
    pub(super) fn good(key: &'static str, label: &'static str, said: impl Into<String>) -> Self {
        Self { key, label, mark: Mark::Good, took: None, said: said.into(), hint: String::new(), facts: Vec::new() }
    }

    /// Makes a check that did not come out well.
    pub(super) fn bad(key: &'static str, label: &'static str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, hint: hint.into(), ..Self::good(key, label, said) }
    }

    /// Says that somebody should know this.
    pub(super) fn warn(mut self, hint: impl Into<String>) -> Self {
        self.mark = Mark::Warning;
        self.hint = hint.into();
        self
    }

    /// Adds how long it took.
    pub(super) fn took(mut self, took: Option<Duration>) -> Self {
        self.took = took;
        self
    }

    /// Adds what else is known.
    pub(super) fn facts(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts.extend(facts);
        self
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("check".into(), self.key.into());
        object.insert("status".into(), self.mark.word().into());
        if let Some(took) = self.took {
            object.insert("ms".into(), json!(millis(took)));
        }
        object.insert("said".into(), self.said.as_str().into());
        if !self.hint.is_empty() {
            object.insert("hint".into(), self.hint.as_str().into());
        }
        let facts = self::object(&self.facts);
        if !facts.is_empty() {
            object.insert("facts".into(), facts.into());
        }
        Value::Object(object)
    }
}

impl Fact {
    /// Makes a fact that is a text.
    pub(super) fn text(key: &'static str, label: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { key, value: text.as_str().into(), label, shown: vec![text] }
    }

    /// Makes a fact with a value for scripts and words for people.
    pub(super) fn both(key: &'static str, value: impl Into<Value>, label: &'static str, shown: impl Into<String>) -> Self {
        Self { key, value: value.into(), label, shown: vec![shown.into()] }
    }

    /// Makes a fact that is a number.
    pub(super) fn count(key: &'static str, label: &'static str, count: u64) -> Self {
        Self::both(key, count, label, human::count(count))
    }

    /// Makes a fact that is yes or no.
    pub(super) fn flag(key: &'static str, label: &'static str, flag: bool) -> Self {
        Self::both(key, flag, label, if flag { "yes" } else { "no" })
    }

    /// Makes a fact that is a list of texts.
    pub(super) fn list(key: &'static str, label: &'static str, items: Vec<String>) -> Self {
        Self { key, value: items.clone().into(), label, shown: items }
    }

    /// Makes a fact that only scripts need.
    pub(super) fn hidden(key: &'static str, value: impl Into<Value>) -> Self {
        Self { key, value: value.into(), label: "", shown: Vec::new() }
    }

    /// Makes a fact that scripts find elsewhere.
    pub(super) fn shown(label: &'static str, shown: impl Into<String>) -> Self {
        Self { key: "", value: Value::Null, label, shown: vec![shown.into()] }
    }

    /// Makes the facts of several things of one kind: a list of objects for scripts, one after the other for people.
    pub(super) fn groups(key: &'static str, groups: Vec<Vec<Self>>) -> Vec<Self> {
        let value: Vec<Value> = groups.iter().map(|group| object(group).into()).collect();
        let shown = groups.into_iter().flatten().map(|fact| Self { key: "", value: Value::Null, ..fact });
        std::iter::once(Self::hidden(key, value)).chain(shown).collect()
    }
}

/// Takes checks in, and prints them.
#[derive(Debug)]
pub(super) struct Report {
    target: Option<String>,
    /// Whether one object is printed at the end, instead of lines as they come.
    as_json: bool,
    sections: Vec<(String, Vec<Value>)>,
    /// The exit code of the first check that failed.
    exit: Exit,
}

impl Report {
    pub(super) fn new(target: Option<&str>, as_json: bool) -> Self {
        Self { target: target.map(str::to_owned), as_json, sections: Vec::new(), exit: Exit::Done }
    }

    /// Begins a section.
    ///
    /// # Errors
    ///
    /// Returns why it could not be printed.
    pub(super) fn section(&mut self, name: impl Into<String>) -> Result<(), Problem> {
        let name = name.into();
        let heading = text::heading(&name, self.sections.is_empty());
        self.sections.push((name, Vec::new()));
        if self.as_json { Ok(()) } else { output::print(heading.as_bytes()) }
    }

    /// Takes a check in; `exit` is what a failure means.
    ///
    /// # Errors
    ///
    /// Returns why it could not be printed.
    pub(super) fn check(&mut self, check: &Check, exit: Exit) -> Result<(), Problem> {
        if check.mark == Mark::Bad && self.exit == Exit::Done {
            self.exit = exit;
        }
        if !self.as_json {
            return output::print(text::check(check).as_bytes());
        }
        if let Some((_, checks)) = self.sections.last_mut() {
            checks.push(check.json());
        }
        Ok(())
    }

    /// Ends the report, and returns the exit code.
    ///
    /// # Errors
    ///
    /// Returns why it could not be printed.
    pub(super) fn end(self) -> Result<Exit, Problem> {
        if self.as_json {
            let sections: Vec<Value> =
                self.sections.into_iter().map(|(name, checks)| json!({ "section": name, "checks": checks })).collect();
            let whole = json!({
                "target": self.target,
                "ok": self.exit == Exit::Done,
                "exit": self.exit.code(),
                "sections": sections,
            });
            let mut out = Vec::new();
            harmless(&whole, &mut out);
            out.push(b'\n');
            output::print(&out)?;
        }
        Ok(self.exit)
    }
}

fn object(facts: &[Fact]) -> Map<String, Value> {
    facts.iter().filter(|fact| !fact.key.is_empty()).map(|fact| (fact.key.to_owned(), fact.value.clone())).collect()
}

/// Returns milliseconds to the microsecond.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
