//! The row of the filter: its text, and how much it lets through or what is wrong with it.
//!
//! ```text
//!  / topic:temp .t > 21                                      14 of 3,912 messages
//!  / qos:7                           `qos:` takes 0, 1 or 2, as in qos:1 or qos:>0
//! ```

use std::iter;

use ratatui::{buffer::Buffer, layout::Position};

use super::widget::{
    Pen,
    input::{input, shown_from},
};
use crate::{
    app::{
        App,
        filter::{Target, Typing},
        geometry::Geometry,
        popup::Popup,
        workspace::{View, Workspace},
    },
    base::{human, text},
    theme::{Role, Theme},
};

const HINTS: [(Target, &str); 3] = [
    (Target::Topics, "words of a topic, topic:a/+/c, /expression/, !not"),
    (Target::Packets, "words, type:PUB*, dir:in, topic:a/+/c, id:7, reason:fail, since:5m, !not"),
    (Target::Messages, "words, topic:a/+/c, qos:1, size:>1k, .json.path > 21, since:5m, !not"),
];

/// Draws the row where there is one, and returns where the cursor is while it is typed into.
pub(super) fn render(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let workspace = app.workspace().filter(|_| !geometry.filter.is_empty())?;
    let mut pen = Pen::new(buffer, theme, geometry.filter, 0);
    let typing = app.popups.iter().find_map(|popup| if let Popup::Filter(typing) = popup { Some(typing) } else { None });
    pen.put(" / ", Role::Key);
    if let Some(typing) = typing {
        return Some(typed(workspace, typing, &mut pen));
    }
    let own = workspace.target().filter(|target| workspace.filter(*target).is_some());
    let target = own.or_else(|| in_force(workspace))?;
    let count = count(workspace, target);
    let columns = pen.left().saturating_sub(count.chars().count() + 2);
    pen.column(workspace.filter(target).unwrap_or_default(), columns, Role::Text);
    pen.skip(1).put(&count, Role::Accent);
    None
}

/// Returns a list of the view that is narrowed.
pub(super) fn in_force(workspace: &Workspace) -> Option<Target> {
    let targets: &[Target] = match workspace.view {
        View::Panes => &[Target::Topics, Target::Messages],
        View::Protocol => &[Target::Packets],
        View::Broker => &[],
    };
    targets.iter().copied().find(|target| workspace.filter(*target).is_some())
}

/// Draws the row while it is typed into; a token that is wrong is underlined.
fn typed(workspace: &Workspace, typing: &Typing, pen: &mut Pen<'_>) -> Position {
    let (said, role) = match &typing.error {
        Some(why) => (text::fit(&why.message, pen.left() * 2 / 3), Role::Error),
        None => (count(workspace, typing.target), Role::Accent),
    };
    let columns = pen.left().saturating_sub(said.chars().count() + 2);
    let hint = HINTS.iter().find(|(target, _)| *target == typing.target).map_or("", |(_, hint)| hint);
    let start = pen.column_at();
    let cursor = input(pen, &typing.input, columns, hint, false);
    if let Some(why) = &typing.error {
        let value = typing.input.value();
        // The filter was read without the blanks before it, and its end alone may be in sight.
        let blanks = value.len() - value.trim_start().len();
        let hidden = shown_from(&typing.input, columns);
        let place = |at: usize| (at + blanks).saturating_sub(hidden);
        pen.underline(start, |_| iter::once(place(why.span.start)..place(why.span.end)).collect(), Role::Error);
    }
    pen.skip(1).put(&said, role);
    cursor
}

/// Says how much of a list the filter lets through, and how far it got.
fn count(workspace: &Workspace, target: Target) -> String {
    let of =
        |shown: usize, total: usize, what: &str| format!("{} of {} {what}", human::count(shown as u64), human::count(total as u64));
    match target {
        Target::Topics => {
            let tree = workspace.store.tree();
            let wait = if workspace.topics.searching { "searching  " } else { "" };
            format!("{wait}{}", of(tree.topics_shown(), tree.topics(), "topics"))
        }
        Target::Messages => {
            let messages = &workspace.messages;
            let wait = searching(messages.progress(&workspace.store));
            format!("{wait}{}", of(messages.view().len(), messages.total(), "messages"))
        }
        Target::Packets => {
            let kept = workspace.exchange.range();
            let wait = searching(workspace.protocol.progress(&workspace.exchange));
            format!("{wait}{}", of(workspace.protocol.len(), usize::try_from(kept.end - kept.start).unwrap_or(usize::MAX), "rows"))
        }
    }
}

fn searching(progress: Option<u64>) -> String {
    progress.map(|percent| format!("searching {percent} %  ")).unwrap_or_default()
}
