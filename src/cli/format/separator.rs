//! `--separator`: what stands behind each message.

use clap::ValueEnum;

/// The value of `--separator`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Separator {
    /// A line feed.
    #[default]
    Nl,
    /// A NUL, for `xargs -0` and `read -d ''`.
    Nul,
    /// Nothing.
    None,
}

impl Separator {
    /// Returns its bytes.
    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Nl => b"\n",
            Self::Nul => b"\0",
            Self::None => b"",
        }
    }
}
