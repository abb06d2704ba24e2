//! The state to cells: one call a frame, reading only what is on the screen.
//!
//! ```text
//!  plant ● online since 12:04  MQTT 5  RTT 12 ms  ↓312/s   kept 3,912  lost 0
//! ┏1 Topics━━━━━━━━━━1,204 ┓┌2 Messages sensors ─────────────────── ● follow 3,912 ┐
//! ┃▼ sensors          1,102┃│ 12:04:31.207 1·· a/temp   {"t":21.5,"h":40}          │
//! ┃    temp   21.6    4/s  ┃└──────────────────────────────────────────────────────┘
//! ┃    state  online       ┃┌3 Detail  Payload  Properties  Hex ───────────────────┐
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━┛└──────────────────────────────────────────────────────┘
//!  ↵ open  f freeze  p publish  s subscribe                     ✓ connected in 3 ms
//! ```

mod broker;
mod detail;
mod filter;
mod hints;
pub mod layout;
mod messages;
mod popup;
mod protocol;
mod start;
mod top;
mod topics;
mod trouble;
pub mod widget;

use ratatui::{buffer::Buffer, layout::Position};

use crate::{
    app::{App, Screen, geometry::Geometry},
    theme::{Role, Theme},
};

/// Draws the whole screen into an empty buffer, and returns where the cursor is when a text is entered.
#[must_use]
pub fn render(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    if geometry.too_small {
        too_small(app, geometry, theme, buffer);
        return None;
    }
    top::render(app, geometry, theme, buffer);
    match (app.screen, app.workspace()) {
        (Screen::Workspace(_), Some(workspace)) => {
            topics::render(app, workspace, geometry, theme, buffer);
            messages::render(app, workspace, geometry, theme, buffer);
            detail::render(app, workspace, geometry, theme, buffer);
            protocol::render(app, workspace, geometry, theme, buffer);
            broker::render(app, workspace, geometry, theme, buffer);
        }
        (Screen::Start, _) | (Screen::Workspace(_), None) => start::render(app, geometry, theme, buffer),
    }
    hints::render(app, geometry, theme, buffer);
    let typing = filter::render(app, geometry, theme, buffer);
    popup::render(app, geometry, theme, buffer).or(typing)
}

fn too_small(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let (columns, rows) = app.size;
    let said = [
        format!("mqtap needs {}x{}", layout::MIN.0, layout::MIN.1),
        format!("this terminal has {columns}x{rows}"),
        "connections keep running".to_owned(),
    ];
    for (row, line) in said.iter().enumerate() {
        widget::Pen::new(buffer, theme, geometry.screen, row).put(line, if row == 0 { Role::Warning } else { Role::Text });
    }
}
