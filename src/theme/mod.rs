//! Themes: semantic roles to styles, at the colour depth of the terminal.

use ratatui::style::{Color, Style};

pub mod colour;
mod convert;
mod depth;
mod parse;
mod role;
#[cfg(test)]
mod tests;

pub use depth::Depth;
pub use role::Role;

/// The theme for a dark terminal when none is chosen; a theme file that inherits nothing falls back to it.
pub const DARK: &str = "mqtap-dark";

/// The theme for a light terminal when none is chosen.
pub const LIGHT: &str = "mqtap-light";

/// The theme without any colour.
const MONO: &str = "mono";

/// Declares the built-in themes: each name is a file in `themes`.
macro_rules! built_in {
    ($($name:literal)+) => {
        /// The built-in themes, name and text, in the order in which they are offered.
        const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../themes/", $name, ".toml")))),+];
    };
}

built_in! {
    "mqtap-dark" "catppuccin-mocha" "dracula" "gruvbox-dark" "nord" "one-dark" "solarized-dark" "tokyo-night" "high-contrast"
    "mqtap-light" "catppuccin-latte" "gruvbox-light" "rose-pine-dawn" "solarized-light"
    "ansi" "mono"
}

/// A style for every role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// The name by which the user chooses it.
    pub name: String,
    /// Whether it is made for a dark background.
    pub dark: bool,
    /// The background that it is made for; mqtap does not paint it, so that a terminal may be transparent.
    pub background: Color,
    styles: [Style; Role::ALL.len()],
}

impl Theme {
    /// Returns the built-in theme of this name.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        source(name).and_then(|text| Self::parse(text, name).ok())
    }

    /// Iterates over the names of the built-in themes, the dark ones first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Returns the style of a role.
    ///
    /// `Selection`, `SelectionUnfocused`, `TopBarProtected`, `New` and `Match` are laid over what is drawn already, as they
    /// may bring the colour of their text; `TopBar`, `Input` and `Popup` are filled in before their text is drawn.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// Returns the theme without any colour.
    fn mono() -> Self {
        Self::builtin(MONO).expect("a test parses every built-in theme")
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::builtin(DARK).expect("a test parses every built-in theme")
    }
}

/// Returns the text of a built-in theme.
fn source(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
