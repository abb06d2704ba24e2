//! What a file says, as it may be shown: without what is secret in it.

use toml_edit::{Array, Item};

use super::values::Fault;
use crate::wire::endpoint::masked;

/// What stands for a secret.
const STARS: &str = "***";

/// How much of a key's value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// All of it.
    All,
    /// A URL, or a list of them, without passwords and what queries say.
    Url,
    /// Where a secret is; of a program only its name, and nothing that may be the secret itself in the wrong place.
    Source,
}

/// Writes a value: a text as it is, anything else as TOML; `fault` says why it was not taken, if so.
pub(super) fn shown(shows: Shows, item: &Item, fault: Option<&Fault>) -> String {
    let written = || item.as_str().map_or_else(|| item.to_string().trim().to_owned(), str::to_owned);
    match (shows, item.as_array()) {
        (Shows::Source, _) if matches!(fault, Some(Fault::Type)) => STARS.to_owned(),
        (Shows::All, _) | (Shows::Source, None) => written(),
        (Shows::Url, None) => item.as_str().map_or_else(|| STARS.to_owned(), masked),
        (Shows::Url, Some(urls)) => {
            urls.iter().map(|url| url.as_str().map_or_else(|| STARS.to_owned(), masked)).collect::<Array>().to_string()
        }
        (Shows::Source, Some(words)) => {
            let name = words.get(0).and_then(toml_edit::Value::as_str).unwrap_or_default();
            [name].into_iter().chain((words.len() > 1).then_some(STARS)).collect::<Array>().to_string()
        }
    }
}
