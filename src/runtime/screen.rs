//! The screen: draws the state into memory and hands the difference to the writer.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{encode, writer::Writer};
use crate::{
    app::App,
    theme::{Depth, Theme},
    ui,
};

/// The last frame, and the theme that it was drawn with.
pub(super) struct Screen {
    last: Option<Buffer>,
    cursor: Option<Position>,
    theme: Theme,
    depth: Depth,
}

impl Screen {
    /// Makes a screen that draws everything at first.
    pub(super) fn new(depth: Depth) -> Self {
        Self { last: None, cursor: None, theme: Theme::default().at_depth(depth), depth }
    }

    /// Forgets the last frame, so that the next one is drawn whole.
    pub(super) fn forget(&mut self) {
        self.last = None;
        self.cursor = None;
    }

    /// Draws a frame and hands it over; returns whether there was anything to hand over.
    pub(super) fn draw(&mut self, app: &mut App, writer: &mut Writer) -> bool {
        if self.theme.name != app.theme
            && let Some(theme) = Theme::builtin(&app.theme)
        {
            self.theme = theme.at_depth(self.depth);
        }
        let geometry = ui::layout::geometry(app);
        app.prepare(geometry);
        let (columns, rows) = app.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        let cursor = ui::render(app, &geometry, &self.theme, &mut buffer);
        let bytes = encode::frame(self.last.as_ref(), &buffer, self.cursor, cursor);
        self.last = Some(buffer);
        self.cursor = cursor;
        let changed = !bytes.is_empty();
        if changed {
            writer.write(bytes);
        }
        changed
    }
}
