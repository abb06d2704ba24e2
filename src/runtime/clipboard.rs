//! Text to the clipboard of the person in front of the terminal, also over SSH and inside tmux.

use std::process::Stdio;

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{io::AsyncWriteExt, process::Command};

/// The most bytes that go to the clipboard; terminals drop more.
const MOST: usize = 64 << 10;

/// How the text got there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// tmux has it, and passes it on to the terminal outside.
    Tmux,
    /// These bytes must go to the terminal (OSC 52).
    Sequence(Vec<u8>),
    /// The text is too long, in bytes.
    TooLong(usize),
}

/// Copies `text`: through tmux where we are inside of one, which drops the sequence of a program, else by OSC 52.
pub(super) async fn copy(text: &str, in_tmux: bool) -> Copied {
    if text.len() > MOST {
        return Copied::TooLong(text.len());
    }
    if in_tmux && tmux(text).await.is_some() {
        return Copied::Tmux;
    }
    Copied::Sequence(format!("\x1b]52;c;{}\x07", STANDARD.encode(text)).into_bytes())
}

async fn tmux(text: &str) -> Option<()> {
    let mut child = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    stdin.write_all(text.as_bytes()).await.ok()?;
    drop(stdin);
    let status = tokio::time::timeout(std::time::Duration::from_secs(2), child.wait()).await.ok()?.ok()?;
    status.success().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn text_is_encoded_so_that_it_cannot_end_the_sequence() {
        assert_eq!(copy("a\x07b", false).await, Copied::Sequence(b"\x1b]52;c;YQdi\x07".to_vec()));
    }

    #[tokio::test]
    async fn a_text_that_terminals_drop_is_not_sent() {
        assert_eq!(copy(&"a".repeat(MOST + 1), false).await, Copied::TooLong(MOST + 1));
    }
}
