//! Where the panes are on the screen: made by the layout, read by the state for paging and by the drawing.

/// From this size on, in columns and rows, several panes are on the screen at once.
const SEVERAL_PANES: (u16, u16) = (80, 20);

/// Tells whether a screen of this size shows several panes at once.
#[must_use]
pub fn has_room((columns, rows): (u16, u16)) -> bool {
    columns >= SEVERAL_PANES.0 && rows >= SEVERAL_PANES.1
}

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    /// Columns from the left.
    pub x: u16,
    /// Rows from the top.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// Returns the area without a border of one cell.
    #[must_use]
    pub fn inner(self) -> Self {
        Self { x: self.x + 1, y: self.y + 1, width: self.width.saturating_sub(2), height: self.height.saturating_sub(2) }
    }

    /// Tells whether nothing fits in.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Returns the number of rows as an index type.
    #[must_use]
    pub fn rows(self) -> usize {
        usize::from(self.height)
    }

    /// Returns the number of columns as an index type.
    #[must_use]
    pub fn columns(self) -> usize {
        usize::from(self.width)
    }
}

/// The parts of one frame; a part that is not shown is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Geometry {
    /// The whole screen.
    pub screen: Area,
    /// The row of status at the top.
    pub top: Area,
    /// Everything between the top row and the hints.
    pub body: Area,
    /// The topic tree with its border.
    pub topics: Area,
    /// The rows of the tree, within the pane.
    pub tree: Area,
    /// The subscriptions below the tree, within the pane.
    pub subscriptions: Area,
    /// The message log with its border.
    pub messages: Area,
    /// The detail with its border.
    pub detail: Area,
    /// The Broker view with its border.
    pub broker: Area,
    /// The protocol view with its border.
    pub protocol: Area,
    /// The rows of the ladder, within it.
    pub ladder: Area,
    /// The selected packet, within it.
    pub packet: Area,
    /// The row of the filter, above that of keys.
    pub filter: Area,
    /// The row of keys and notices at the bottom.
    pub hints: Area,
    /// The popup on top, with its border.
    pub popup: Area,
    /// Whether the screen is too small for anything but saying so.
    pub too_small: bool,
}

impl Geometry {
    /// Returns the rows of the detail pane below the two that sum the message up.
    #[must_use]
    pub fn detail_text(&self) -> Area {
        let inner = self.detail.inner();
        Area { y: inner.y + 2.min(inner.height), height: inner.height.saturating_sub(2), ..inner }
    }
}
