//! Changing `profiles.toml`: under a lock, from what is there now, with comments and unknown keys kept, in one step.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use toml_edit::{DocumentMut, Item};

use super::{
    file::{self, MAX_FILE},
    problem::Problem,
};
use crate::base::{
    disk::{self, ReadError},
    text,
};

/// How long another instance that is saving is waited for; it needs milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The lock beside the file; it stays, because removing it would let two in.
const LOCK_NAME: &str = "profiles.lock";

/// Why nothing was saved; the file is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// What is there cannot be understood, so it is not written over.
    #[error("{0}; nothing was saved")]
    Unreadable(Problem),
    /// A newer version wrote the file.
    #[error("{0} was written by a newer version of mqtap; nothing was saved")]
    Newer(String),
    /// Another instance keeps the file locked.
    #[error("another mqtap is saving {0}; nothing was saved")]
    Busy(String),
    /// There is a profile of that name.
    #[error("there is a profile `{0}` already")]
    Exists(String),
    /// There is no profile of that name.
    #[error("there is no profile `{0}`")]
    Missing(String),
    /// The profile would be wrong.
    #[error("{}", sentences(.0))]
    Invalid(Vec<Problem>),
    /// The file is laid out in a way that cannot be changed by a program.
    #[error("{0}; change the file by hand")]
    Layout(String),
    /// The system refused.
    #[error("cannot save {path}: {}", crate::base::human::cause(source))]
    Io {
        /// The file, safe to show.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Changes the file under its lock: reads it anew, lets `change` work on the document, and replaces it in one step.
///
/// A symbolic link stays, and the file that it names is replaced. A missing file and its directory are made, with modes
/// 0600 and 0700. A change that changes nothing writes nothing. It may wait for another instance, some seconds at most.
///
/// # Errors
///
/// Returns why nothing was saved, such as what `change` returned.
pub fn edit<T>(path: &Path, change: impl FnOnce(&mut DocumentMut) -> Result<T, SaveError>) -> Result<T, SaveError> {
    edit_within(path, LOCK_PATIENCE, change)
}

fn edit_within<T>(
    path: &Path,
    patience: Duration,
    change: impl FnOnce(&mut DocumentMut) -> Result<T, SaveError>,
) -> Result<T, SaveError> {
    let failed = |source| SaveError::Io { path: shown(path), source };
    let path = &real_path(path).map_err(failed)?;
    let dir = path.parent().ok_or_else(|| failed(ErrorKind::InvalidInput.into()))?;
    let _lock = disk::lock(&dir.join(LOCK_NAME), patience).map_err(|source| match source.kind() {
        ErrorKind::WouldBlock => SaveError::Busy(shown(path)),
        _ => failed(source),
    })?;
    let old = read(path)?;
    let mut document = file::parse_document(&file::file_name(path), &old).map_err(SaveError::Unreadable)?.into_mut();
    if file::is_newer(document.as_table()) {
        return Err(SaveError::Newer(shown(path)));
    }
    if document.as_table().is_empty() {
        document.insert("schema", toml_edit::value(file::SCHEMA));
    }
    let done = change(&mut document)?;
    let new = with_line_ends_of(&old, document.to_string());
    // What was written must be readable, or the next start would find nothing.
    file::parse_document(&file::file_name(path), &new).map_err(SaveError::Unreadable)?;
    if new != *old {
        disk::replace(path, new.as_bytes()).map_err(failed)?;
    }
    Ok(done)
}

/// Removes a profile.
///
/// # Errors
///
/// Returns why nothing was removed.
pub fn remove(path: &Path, name: &str) -> Result<(), SaveError> {
    edit(path, |document| {
        let profiles = document.get_mut("profile").and_then(Item::as_table_like_mut);
        profiles
            .and_then(|profiles| profiles.remove(name))
            .map(drop)
            .ok_or_else(|| SaveError::Missing(text::line(name, 60).to_string()))
    })
}

/// Follows links to the file that is replaced, and makes its directory.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Err(ErrorKind::InvalidInput.into()) };
            let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
            disk::create_private_dir(dir)?;
            Ok(fs::canonicalize(dir)?.join(name))
        }
        found => found,
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<String>, SaveError> {
    let unreadable = |message: &str| SaveError::Unreadable(file::whole_file(path, message));
    match disk::read(path, MAX_FILE) {
        // A rename would give the file to us, and its owner could not read it any more.
        Ok(contents) if contents.metadata.uid() != rustix::process::geteuid().as_raw() => {
            Err(unreadable("belongs to another user"))
        }
        Ok(contents) => {
            let text = file::decode(path, &contents.bytes).map_err(SaveError::Unreadable)?;
            Ok(zeroize::Zeroizing::new(text.to_owned()))
        }
        Err(ReadError::Missing) => Ok(zeroize::Zeroizing::default()),
        Err(error) => Err(unreadable(&error.to_string())),
    }
}

/// Gives a text the line ends of the one that it replaces.
fn with_line_ends_of(old: &str, new: String) -> String {
    let has_cr = old.find('\n').is_some_and(|at| old[..at].ends_with('\r'));
    if has_cr { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new }
}

fn shown(path: &Path) -> String {
    text::safe(&path.to_string_lossy()).to_string()
}

fn sentences(problems: &[Problem]) -> String {
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    messages.join("; ")
}

#[cfg(test)]
mod tests;
