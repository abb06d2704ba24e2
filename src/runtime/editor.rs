//! The user's editor, which has the terminal while it is open; the loop goes on meanwhile.

use std::{io, path::Path};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{
    app::event::Outcome,
    base::{disk, text},
};

/// An editor that is open.
#[derive(Debug)]
pub(super) struct Editor {
    name: String,
    child: Child,
}

impl Editor {
    /// Opens a file in what `VISUAL` or `EDITOR` names; the terminal must have been given away.
    ///
    /// # Errors
    ///
    /// Returns what to tell the user.
    pub(super) fn open(path: &Path, variable: fn(&str) -> Option<String>) -> Result<Self, Outcome> {
        let name = ["VISUAL", "EDITOR"].into_iter().filter_map(variable).find(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| "vi".to_owned());
        match start(&name, path) {
            Ok(child) => Ok(Self { name, child }),
            Err(error) => Err(failed(&name, &error.to_string())),
        }
    }

    /// Waits until it is closed; returns what to tell the user, if anything.
    pub(super) async fn closed(&mut self) -> Option<Outcome> {
        match self.child.wait().await {
            Ok(status) if status.success() => None,
            Ok(status) => Some(failed(&self.name, &status.to_string())),
            Err(error) => Some(failed(&self.name, &error.to_string())),
        }
    }

    /// Asks it to close, as it would otherwise share the terminal with the shell.
    pub(super) fn close(&self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

fn start(name: &str, path: &Path) -> io::Result<Child> {
    if let Some(dir) = path.parent() {
        disk::create_private_dir(dir)?;
    }
    // An editor may come with arguments, as in `code --wait`.
    let mut words = name.split_whitespace();
    Command::new(words.next().unwrap_or_default()).args(words).arg(path).spawn()
}

fn failed(name: &str, why: &str) -> Outcome {
    let hint = "set EDITOR to an editor of this machine".to_owned();
    Outcome::Failed(format!("{} did not work: {why}", text::line(name, 40)), hint)
}
