//! Theme files: TOML to a theme, with every mistake reported at once.
//!
//! ```toml
//! inherits = "mqtap-dark"     # optional; else mqtap-dark, or mqtap-light when dark = false
//! dark = true
//! background = "night"        # what the theme is made for; it is not painted
//!
//! [palette]
//! night = "#10151c"           # or a name of the sixteen colours, or an index of the 256
//! teal = "#5fd7c5"
//!
//! [roles]
//! accent = "teal"
//! selection = { bg = "#1b3347", bold = true }
//! ```
//!
//! A palette entry that is changed changes every inherited role that uses it.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{DARK, LIGHT, Role, Theme, source};
use crate::base::text;

/// The names of the sixteen colours, for suggestions.
const COLOUR_NAMES: [&str; 17] = [
    "reset",
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "darkgray",
    "lightred",
    "lightgreen",
    "lightyellow",
    "lightblue",
    "lightmagenta",
    "lightcyan",
    "white",
];

/// The keys of a file.
const FILE_KEYS: [&str; 5] = ["inherits", "dark", "background", "palette", "roles"];

/// The attributes of a style that a file may switch on.
const ATTRIBUTES: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
];

/// The likeness from which a name is worth suggesting.
const LIKELY: f64 = 0.75;

impl Theme {
    /// Reads a theme file.
    ///
    /// # Errors
    ///
    /// Returns every mistake in the file, in its order, each as `line:column: what`.
    pub fn parse(toml: &str, name: &str) -> Result<Self, Vec<String>> {
        let mut mistakes = Mistakes { text: toml, found: Vec::new() };
        let theme = read(&mut mistakes).resolve(name, &mut mistakes);
        mistakes.into_result(theme)
    }
}

/// The most mistakes that are told of a file.
const MOST_MISTAKES: usize = 100;

/// The mistakes found in a file, at most [`MOST_MISTAKES`].
struct Mistakes<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
}

impl Mistakes<'_> {
    fn push(&mut self, at: usize, what: String) {
        if self.found.len() < MOST_MISTAKES {
            self.found.push((at, what));
        }
    }

    /// Reports a name that nobody knows, with the one that was perhaps meant.
    fn unknown<'n>(&mut self, at: usize, what: &str, name: &str, known: impl Iterator<Item = &'n str>) {
        if self.found.len() == MOST_MISTAKES {
            return;
        }
        let nearest = known.map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = nearest
            .filter(|(likeness, _)| *likeness >= LIKELY)
            .map_or(String::new(), |(_, known)| format!(", did you mean `{known}`?"));
        self.push(at, format!("unknown {what} `{}`{hint}", text::safe(name)));
    }

    /// Returns `theme` if there was no mistake.
    fn into_result(mut self, theme: Theme) -> Result<Theme, Vec<String>> {
        if self.found.is_empty() {
            return Ok(theme);
        }
        self.found.sort();
        Err(self.found.iter().map(|(at, what)| format!("{}: {what}", position(self.text, *at))).collect())
    }
}

/// A theme file with what it inherits, its colours still names.
#[derive(Default)]
struct Sheet {
    dark: bool,
    background: Option<Word>,
    palette: BTreeMap<String, Color>,
    roles: BTreeMap<&'static str, Paint>,
}

/// A colour as it was written, and where.
struct Word {
    text: String,
    at: usize,
}

/// A style as it was written.
#[derive(Default)]
struct Paint {
    fg: Option<Word>,
    bg: Option<Word>,
    modifiers: Modifier,
}

impl Sheet {
    /// Lays the palette of a file over the inherited one.
    fn read_palette(&mut self, table: &DeTable<'_>, mistakes: &mut Mistakes<'_>) {
        for (key, value) in table {
            let at = value.span().start;
            let Some(word) = word(value, mistakes) else { continue };
            match word.text.parse() {
                Ok(color) => {
                    self.palette.insert(key.get_ref().to_string(), color);
                }
                Err(_) => mistakes.unknown(at, "colour", &word.text, COLOUR_NAMES.into_iter()),
            }
        }
    }

    /// Lays the roles of a file over the inherited ones.
    fn read_roles(&mut self, table: &DeTable<'_>, mistakes: &mut Mistakes<'_>) {
        for (key, value) in table {
            match Role::ALL.into_iter().find(|role| role.name() == key.get_ref()) {
                Some(role) => {
                    self.roles.insert(role.name(), paint(value, mistakes));
                }
                None => mistakes.unknown(key.span().start, "role", key.get_ref(), Role::ALL.into_iter().map(Role::name)),
            }
        }
    }

    /// Looks every colour up in the palette.
    fn resolve(&self, name: &str, mistakes: &mut Mistakes<'_>) -> Theme {
        let background = self.background.as_ref().map_or(Color::Reset, |word| self.color(word, mistakes));
        let styles = Role::ALL.map(|role| {
            let Some(paint) = self.roles.get(role.name()) else { return Style::new() };
            let mut style = Style::new().add_modifier(paint.modifiers);
            style.fg = paint.fg.as_ref().map(|word| self.color(word, mistakes));
            style.bg = paint.bg.as_ref().map(|word| self.color(word, mistakes));
            style
        });
        Theme { name: name.to_owned(), dark: self.dark, background, styles }
    }

    fn color(&self, word: &Word, mistakes: &mut Mistakes<'_>) -> Color {
        let known = self.palette.get(&word.text).copied().or_else(|| word.text.parse().ok());
        known.unwrap_or_else(|| {
            let names = self.palette.keys().map(String::as_str).chain(COLOUR_NAMES);
            mistakes.unknown(word.at, "colour", &word.text, names);
            Color::Reset
        })
    }
}

/// Reads a file and what it inherits.
fn read(mistakes: &mut Mistakes<'_>) -> Sheet {
    let (table, errors) = DeTable::parse_recoverable(mistakes.text);
    for error in errors {
        mistakes.push(error.span().map_or(0, |span| span.start), text::safe(error.message()).to_string());
    }
    let table = table.get_ref();
    let mut sheet = inherited(table, mistakes);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "inherits" => {}
            "dark" => sheet.dark = flag(value, mistakes),
            "background" => sheet.background = word(value, mistakes).or(sheet.background),
            "palette" => section(value, mistakes).into_iter().for_each(|table| sheet.read_palette(table, mistakes)),
            "roles" => section(value, mistakes).into_iter().for_each(|table| sheet.read_roles(table, mistakes)),
            other => mistakes.unknown(key.span().start, "key", other, FILE_KEYS.into_iter()),
        }
    }
    sheet
}

/// Reads what a file builds on.
fn inherited(table: &DeTable<'_>, mistakes: &mut Mistakes<'_>) -> Sheet {
    let light = table.get("dark").is_some_and(|dark| dark.get_ref().as_bool() == Some(false));
    let parent = match table.get("inherits") {
        Some(value) => word(value, mistakes).and_then(|word| {
            let text = source(&word.text);
            if text.is_none() {
                mistakes.unknown(word.at, "theme", &word.text, Theme::names());
            }
            text
        }),
        // The root of all themes builds on nothing.
        None if source(DARK) == Some(mistakes.text) => None,
        None => source(if light { LIGHT } else { DARK }),
    };
    // A built-in theme has no mistakes, which a test holds.
    parent.map_or_else(Sheet::default, |text| read(&mut Mistakes { text, found: Vec::new() }))
}

/// Reads a style: the name of a colour, or a table of colours and attributes.
fn paint(value: &Spanned<DeValue<'_>>, mistakes: &mut Mistakes<'_>) -> Paint {
    let mut paint = Paint::default();
    let Some(table) = value.get_ref().as_table() else {
        paint.fg = word(value, mistakes);
        return paint;
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if let Some((_, modifier)) = ATTRIBUTES.into_iter().find(|(known, _)| *known == name) {
            paint.modifiers.set(modifier, flag(value, mistakes));
        } else if name == "fg" {
            paint.fg = word(value, mistakes);
        } else if name == "bg" {
            paint.bg = word(value, mistakes);
        } else {
            let known = ["fg", "bg"].into_iter().chain(ATTRIBUTES.into_iter().map(|(known, _)| known));
            mistakes.unknown(key.span().start, "attribute", name, known);
        }
    }
    paint
}

/// Reads a colour or a name.
fn word(value: &Spanned<DeValue<'_>>, mistakes: &mut Mistakes<'_>) -> Option<Word> {
    let at = value.span().start;
    let text = value.get_ref().as_str().map(ToOwned::to_owned);
    if text.is_none() {
        mistakes.push(at, format!("expected a name in quotes, found {}", value.get_ref().type_str()));
    }
    text.map(|text| Word { text, at })
}

/// Reads `true` or `false`.
fn flag(value: &Spanned<DeValue<'_>>, mistakes: &mut Mistakes<'_>) -> bool {
    let flag = value.get_ref().as_bool();
    if flag.is_none() {
        mistakes.push(value.span().start, format!("expected true or false, found {}", value.get_ref().type_str()));
    }
    flag.unwrap_or_default()
}

/// Reads a table.
fn section<'v, 't>(value: &'v Spanned<DeValue<'t>>, mistakes: &mut Mistakes<'_>) -> Option<&'v DeTable<'t>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        mistakes.push(value.span().start, format!("expected a table, found {}", value.get_ref().type_str()));
    }
    table
}

/// Returns the line and column of a byte, both counted from one.
fn position(text: &str, at: usize) -> String {
    let before = &text[..text.floor_char_boundary(at)];
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{}:{column}", before.matches('\n').count() + 1)
}
