//! The screen: draws the state into memory, and says what makes the terminal show it.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    encode::{Budget, Encoder, Frame},
    themes::Themes,
};
use crate::{
    app::App,
    theme::{Depth, Theme},
    ui,
};

/// What the terminal shows, and the theme that it is drawn with.
pub(super) struct Screen {
    encoder: Encoder,
    /// A buffer that is of no use any more, for the next frame.
    spare: Option<Buffer>,
    theme: Theme,
    /// The name for which that was looked up.
    chosen: Option<String>,
    themes: Themes,
    depth: Depth,
}

impl Screen {
    /// Makes a screen that draws everything at first.
    pub(super) fn new(depth: Depth, themes: Themes) -> Self {
        // The built-in one, until the first frame looks for the one that was chosen.
        Self { encoder: Encoder::new(), spare: None, theme: Theme::default().at_depth(depth), themes, chosen: None, depth }
    }

    /// Forgets what the terminal shows, so that everything is drawn anew.
    pub(super) fn forget(&mut self) {
        self.encoder.forget();
    }

    /// Draws a frame, or the part of it that there is room for.
    pub(super) fn draw(&mut self, app: &mut App, budget: Budget) -> Frame {
        if self.chosen.as_deref() != Some(&app.theme) {
            self.chosen = Some(app.theme.clone());
            if let Some(theme) = self.themes.find(&app.theme) {
                self.theme = theme.at_depth(self.depth);
            }
        }
        let geometry = ui::layout::geometry(app);
        app.prepare(geometry);
        let mut buffer = self.blank(app.size);
        let cursor = ui::render(app, &geometry, &self.theme, &mut buffer);
        let (frame, spare) = self.encoder.frame(buffer, cursor, budget);
        self.spare = spare;
        frame
    }

    fn blank(&mut self, (columns, rows): (u16, u16)) -> Buffer {
        let area = Rect::new(0, 0, columns, rows);
        match self.spare.take() {
            Some(mut spare) if spare.area == area => {
                spare.reset();
                spare
            }
            Some(_) | None => Buffer::empty(area),
        }
    }
}
