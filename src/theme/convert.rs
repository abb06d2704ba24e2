//! A theme brought down to the colours that the terminal can show.

use ratatui::style::{Color, Modifier, Style};

use super::{
    Depth, Role, Theme,
    colour::{READABLE, Rgb, contrast, nearest_of_16, nearest_of_256, rgb},
};

/// The roles whose background lies behind text of other roles.
const GROUNDS: [Role; 5] = [Role::Selection, Role::SelectionUnfocused, Role::TopBar, Role::Input, Role::Popup];

impl Theme {
    /// Returns the theme as a terminal of this depth can show it.
    ///
    /// Text stays as readable as it was, up to the contrast that text needs, even where it loses its hue for that.
    /// With sixteen colours only what is laid over text keeps a background, and brings the colour of its text. Without
    /// colour the built-in theme `mono` lends its styles, so that cursor and focus are still to be seen.
    #[must_use]
    pub fn at_depth(&self, depth: Depth) -> Self {
        match depth {
            Depth::TrueColor => self.clone(),
            Depth::Ansi256 => self.in_256(),
            Depth::Ansi16 => self.in_16(),
            Depth::None => Self { styles: Self::mono().styles, ..self.clone() },
        }
    }

    /// Returns the theme in the fixed colours of a 256-colour terminal.
    fn in_256(&self) -> Self {
        let nearest = |color, allowed: &dyn Fn(Rgb) -> bool| match color {
            Color::Rgb(r, g, b) => nearest_of_256([r, g, b], allowed),
            other => other,
        };
        // A ground that became the theme's own background, or the other cursor's, would hide the cursor.
        let apart = |bg, from: &[Color]| nearest(bg, &|shade| from.iter().all(|other| rgb(*other) != Some(shade)));
        let [focused, unfocused] = [Role::Selection, Role::SelectionUnfocused].map(|role| self.style(role).bg);
        let background = apart(self.background, &[]);
        let beside = unfocused.map_or(background, |bg| apart(bg, &[background]));
        let ground = |bg| {
            if bg == self.background {
                background
            } else if Some(bg) == focused && focused != unfocused {
                apart(bg, &[background, beside])
            } else {
                apart(bg, &[background])
            }
        };
        let behind: Vec<_> = GROUNDS.into_iter().filter_map(|role| self.style(role).bg).collect();
        let mut theme = Self { background, ..self.clone() };
        for style in &mut theme.styles {
            let grounds = match style.bg {
                Some(bg) => vec![(bg, ground(bg))],
                // The background is not painted, so it stays what it was.
                None => behind.iter().map(|bg| (*bg, ground(*bg))).chain([(self.background, self.background)]).collect(),
            };
            style.fg = style.fg.map(|fg| nearest(fg, &|shade| reads_as_before(fg, shade, &grounds)));
            style.bg = style.bg.map(ground);
        }
        theme
    }

    /// Returns the theme in the sixteen colours that every terminal paints as it likes.
    fn in_16(&self) -> Self {
        let nearest = |color, allowed: &dyn Fn(Rgb) -> bool| rgb(color).map_or(color, |rgb| nearest_of_16(rgb, allowed));
        let background = if self.dark { Color::Black } else { Color::White };
        let readable = |fg, was, now| nearest(fg, &|shade| reads_as_before(fg, shade, &[(was, now)]));
        let text = self.style(Role::Text).fg.unwrap_or(Color::Reset);
        let mut theme = Self { background, ..self.clone() };
        for role in Role::ALL {
            let style = self.style(role);
            let rich = |color: Option<Color>| matches!(color, Some(Color::Rgb(..) | Color::Indexed(_)));
            if !rich(style.fg) && !rich(style.bg) {
                // Made for sixteen colours already.
                continue;
            }
            let plain = Style::new().add_modifier(style.add_modifier);
            theme.styles[role as usize] = if role == Role::Selection {
                plain.fg(background).bg(readable(text, self.background, background))
            } else if matches!(role, Role::SelectionUnfocused | Role::Input) {
                plain.add_modifier(Modifier::UNDERLINED)
            } else {
                let bg = style.bg.filter(|_| !GROUNDS.contains(&role));
                let bg = bg.map(|bg| nearest(bg, &|shade| Some(shade) != rgb(background)));
                let (was, now) = (style.bg.unwrap_or(self.background), bg.unwrap_or(background));
                Style { fg: Some(readable(style.fg.unwrap_or(text), was, now)), bg, ..plain }
            };
        }
        theme
    }
}

/// Tells whether `shade` reads on each ground, old and new, as `fg` did, up to the contrast that text needs.
fn reads_as_before(fg: Color, shade: Rgb, grounds: &[(Color, Color)]) -> bool {
    let Some(fg) = rgb(fg) else { return true };
    grounds
        .iter()
        .filter_map(|(was, now)| rgb(*was).zip(rgb(*now)))
        .all(|(was, now)| contrast(shade, now) >= contrast(fg, was).min(READABLE))
}
