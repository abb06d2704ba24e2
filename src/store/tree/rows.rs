//! The visible rows of the tree: the first levels, and the children of what is open.

use super::order::{Link, ROOT};
use super::{NodeId, Tree, exists};

/// One visible row.
#[expect(clippy::struct_excessive_bools, reason = "four marks of a row, each drawn on its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The node.
    pub node: NodeId,
    /// Levels above it.
    pub depth: usize,
    /// The name of its level as it came from the broker, not yet safe to show.
    pub name: &'a str,
    /// Whether there is anything below.
    pub has_children: bool,
    /// Whether what is below is shown.
    pub open: bool,
    /// Whether messages came for exactly this topic.
    pub is_topic: bool,
    /// Whether the broker retains a message of this topic, as far as seen.
    pub retained: bool,
}

impl Tree {
    /// Returns how many rows are visible.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.order.rows()
    }

    /// Returns the row at an index.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        self.order.row(index).map(|node| self.make_row(node))
    }

    /// Returns at most `count` rows from an index on.
    #[must_use]
    pub fn rows_from(&self, index: usize, count: usize) -> Rows<'_> {
        Rows { tree: self, node: self.order.row(index).unwrap_or(ROOT), left: count }
    }

    /// Returns the row of a node, nothing while it is hidden in a closed branch.
    #[must_use]
    pub fn row_of(&self, node: NodeId) -> Option<usize> {
        self.link(node).and_then(|_| self.order.row_of(node.0))
    }

    /// Tells whether the children of a node are shown, or would be, if the branches above it were open.
    #[must_use]
    pub fn is_open(&self, node: NodeId) -> bool {
        self.link(node).is_some_and(Link::is_open)
    }

    /// Opens or closes a node; one without children stays closed.
    pub fn set_open(&mut self, node: NodeId, open: bool) {
        if self.link(node).is_some() {
            self.order.set_open(node.0, open);
        }
    }

    /// Opens or closes a node and all below it, or everything.
    pub fn set_open_below(&mut self, node: Option<NodeId>, open: bool) {
        let branch = node.unwrap_or(NodeId(ROOT));
        let nodes = branch.0..u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        // Opening goes from the lowest branches up and closing from the top down: what lies above is closed each time,
        // so that the new count is not carried any further.
        if open {
            for node in nodes.rev() {
                self.set_open_within(node, branch, true);
            }
        } else {
            for node in nodes {
                self.set_open_within(node, branch, false);
            }
        }
    }

    fn set_open_within(&mut self, node: u32, branch: NodeId, open: bool) {
        let link = self.order.at(node);
        if link.has_children() && link.is_open() != open && self.is_within(NodeId(node), branch) {
            self.order.set_open(node, open);
        }
    }

    /// Opens every branch above a node.
    pub fn reveal(&mut self, node: NodeId) {
        let mut above = self.parent(node);
        while let Some(branch) = above {
            self.order.set_open(branch.0, true);
            above = self.parent(branch);
        }
    }

    fn make_row(&self, node: u32) -> Row<'_> {
        let link = self.order.at(node);
        Row {
            node: NodeId(node),
            depth: usize::from(link.depth),
            name: self.name_of(link),
            has_children: link.has_children(),
            open: link.is_open(),
            is_topic: self.tallies[node as usize].is_topic(),
            retained: link.retained,
        }
    }
}

/// The rows from one on, in order.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    tree: &'a Tree,
    node: u32,
    left: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        let NodeId(node) = exists(self.node)?;
        self.left = self.left.checked_sub(1)?;
        self.node = self.tree.order.next_row(node);
        Some(self.tree.make_row(node))
    }
}
