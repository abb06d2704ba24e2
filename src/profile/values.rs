//! From one value of a document to the profile: its type, its unit, its limits.

use std::{path::PathBuf, time::Duration};

use toml_edit::{Array, Item};

use super::{
    Profile,
    keys::{Key, Kind},
    read::Surroundings,
};
use crate::{
    base::human,
    mqtt::{bounds, options::SessionExpiry},
};

/// Why a value was not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is of another type.
    Type,
    /// It is impossible, and why.
    Value(String),
}

impl Fault {
    /// Says what is wrong, as the end of a sentence that begins with the key.
    pub(super) fn reason(&self, key: &Key, item: &Item) -> String {
        match self {
            Self::Type => format!("expected {}, found {}", key.expects(), found(item)),
            Self::Value(reason) => reason.clone(),
        }
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Value(reason)
    }
}

/// Says what type a value has, with its article.
pub(super) fn found(item: &Item) -> String {
    let name = item.type_name();
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// Puts the value of a key that is no table into the profile.
pub(super) fn apply(kind: &Kind, item: &Item, surroundings: &Surroundings<'_>, profile: &mut Profile) -> Result<(), Fault> {
    match kind {
        Kind::Text(set) | Kind::Vital(set, _) => set(profile, item.as_str().ok_or(Fault::Type)?)?,
        Kind::Flag(set) => set(profile, item.as_bool().ok_or(Fault::Type)?)?,
        Kind::Guard(set) => {
            let on = item.as_bool();
            set(profile, on.unwrap_or(true))?;
            on.ok_or(Fault::Type)?;
        }
        Kind::Number(set) => set(profile, item.as_integer().ok_or(Fault::Type)?)?,
        Kind::Duration(set) => set(profile, duration(item)?)?,
        Kind::Expiry(set) => set(profile, expiry(item)?)?,
        Kind::Size(set) => set(profile, size(item)?)?,
        Kind::File(set) => set(profile, path(item, surroundings)?)?,
        Kind::Words(set) => set(profile, texts(item.as_array().ok_or(Fault::Type)?)?)?,
        Kind::Pairs(set) => set(profile, pairs(item)?)?,
        Kind::Password(..)
        | Kind::Secret(_)
        | Kind::Headers(_)
        | Kind::Section(_)
        | Kind::Switch(..)
        | Kind::List(..)
        | Kind::Planned => return Err(Fault::Type),
    }
    Ok(())
}

fn duration(item: &Item) -> Result<Duration, Fault> {
    if let Some(text) = item.as_str() {
        return Ok(human::parse_duration(text)?);
    }
    let possible = match (item.as_integer(), item.as_float()) {
        (Some(seconds), _) => u64::try_from(seconds).ok().map(Duration::from_secs),
        (None, Some(seconds)) => Duration::try_from_secs_f64(seconds).ok(),
        (None, None) => return Err(Fault::Type),
    };
    possible.ok_or_else(|| Fault::Value("is not a possible number of seconds".into()))
}

fn expiry(item: &Item) -> Result<SessionExpiry, Fault> {
    if item.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case("never")) {
        return Ok(SessionExpiry::Never);
    }
    Ok(bounds::session_expiry(duration(item)?)?)
}

fn size(item: &Item) -> Result<u64, Fault> {
    if let Some(text) = item.as_str() {
        return Ok(human::parse_size(text)?);
    }
    let bytes = item.as_integer().ok_or(Fault::Type)?;
    u64::try_from(bytes).map_err(|_| Fault::Value("must not be negative".into()))
}

fn path(item: &Item, surroundings: &Surroundings<'_>) -> Result<PathBuf, Fault> {
    let text = item.as_str().ok_or(Fault::Type)?;
    if text.is_empty() || text.contains('\0') {
        return Err(Fault::Value("is not the path of a file".into()));
    }
    match (text.strip_prefix("~/"), surroundings.home) {
        (Some(rest), Some(home)) => Ok(home.join(rest)),
        (Some(_), None) => Err(Fault::Value("there is no home directory for ~/; write the whole path".into())),
        (None, _) => Ok(surroundings.dir.join(text)),
    }
}

fn texts(array: &Array) -> Result<Vec<String>, Fault> {
    array.iter().map(|value| value.as_str().map(str::to_owned).ok_or(Fault::Type)).collect()
}

fn pairs(item: &Item) -> Result<Vec<(String, String)>, Fault> {
    let pair = |value: &toml_edit::Value| {
        let [name, value] = <[String; 2]>::try_from(texts(value.as_array().ok_or(Fault::Type)?)?).map_err(|_| Fault::Type)?;
        for text in [&name, &value] {
            bounds::text(text).map_err(|why| format!("one of the texts {why}"))?;
        }
        Ok((name, value))
    };
    item.as_array().ok_or(Fault::Type)?.iter().map(pair).collect()
}
