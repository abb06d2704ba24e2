//! How many colours the terminal can show.

/// Terminals that show 24-bit colour and say so in `TERM` only, which is all that SSH hands on.
const TRUE_COLOUR_TERMS: [&str; 7] = ["alacritty", "contour", "foot", "rio", "wezterm", "xterm-ghostty", "xterm-kitty"];

/// How many colours the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 24-bit colour.
    TrueColor,
    /// The cube and the greys of the 256 colours.
    Ansi256,
    /// The sixteen colours that the user of the terminal has chosen.
    Ansi16,
    /// No colour at all; bold, underline and reverse remain.
    None,
}

impl Depth {
    /// Finds the depth from the environment, of which `variable` gives a value.
    ///
    /// In this order: `NO_COLOR`, then `TERM=dumb` unless `CLICOLOR_FORCE` asks for colour, then `COLORTERM`, then `TERM`.
    #[must_use]
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name| variable(name).filter(|value| !value.is_empty());
        if value("NO_COLOR").is_some() {
            return Self::None;
        }
        let forced = value("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let term = value("TERM").unwrap_or_default();
        if term == "dumb" {
            return if forced { Self::Ansi16 } else { Self::None };
        }
        if value("COLORTERM").is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit")) {
            // GNU screen hands `COLORTERM` on, but garbles 24-bit colour.
            return if value("STY").is_some() { Self::Ansi256 } else { Self::TrueColor };
        }
        if term.ends_with("-direct") || TRUE_COLOUR_TERMS.contains(&term.as_str()) || value("WT_SESSION").is_some() {
            Self::TrueColor
        } else if term.contains("256color") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }
}
