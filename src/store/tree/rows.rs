//! The visible rows of the tree: the first levels, and the children of what is open, as far as a filter lets them through.

use super::order::{Order, ROOT};
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
        self.shown().rows()
    }

    /// Returns the row at an index.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        self.shown().row(index).map(|link| self.make_row(link))
    }

    /// Returns at most `count` rows from an index on.
    #[must_use]
    pub fn rows_from(&self, index: usize, count: usize) -> Rows<'_> {
        Rows { tree: self, link: self.shown().row(index).unwrap_or(ROOT), left: count }
    }

    /// Returns the row of a node, nothing while it is hidden in a closed branch or by a filter.
    #[must_use]
    pub fn row_of(&self, node: NodeId) -> Option<usize> {
        self.shown().row_of(self.shown_link(node)?)
    }

    /// Tells whether the children of a node are shown, or would be, if the branches above it were open.
    #[must_use]
    pub fn is_open(&self, node: NodeId) -> bool {
        self.shown_link(node).is_some_and(|link| self.shown().at(link).is_open())
    }

    /// Opens or closes a node; one without children stays closed.
    pub fn set_open(&mut self, node: NodeId, open: bool) {
        if let Some(link) = self.shown_link(node) {
            self.shown_mut().set_open(link, open);
        }
    }

    /// Opens or closes a node and all below it, or everything.
    pub fn set_open_below(&mut self, node: Option<NodeId>, open: bool) {
        let first = match node {
            None => ROOT,
            Some(node) => match self.shown_link(node) {
                None => return,
                Some(link) => link,
            },
        };
        let branch = node.unwrap_or(NodeId(ROOT));
        let links = first..u32::try_from(self.shown().len()).unwrap_or(u32::MAX);
        // Opening goes from the lowest branches up and closing from the top down: what lies above is closed each time,
        // so that the new count is not carried any further.
        if open {
            for link in links.rev() {
                self.set_open_within(link, branch, true);
            }
        } else {
            for link in links {
                self.set_open_within(link, branch, false);
            }
        }
    }

    fn set_open_within(&mut self, link: u32, branch: NodeId, open: bool) {
        let shown = self.shown().at(link);
        if shown.has_children() && shown.is_open() != open && self.is_within(self.shown_node(link), branch) {
            self.shown_mut().set_open(link, open);
        }
    }

    /// Opens every branch above a node.
    pub fn reveal(&mut self, node: NodeId) {
        let mut above = self.parent(node);
        while let Some(branch) = above {
            self.set_open(branch, true);
            above = self.parent(branch);
        }
    }

    fn make_row(&self, link: u32) -> Row<'_> {
        let NodeId(node) = self.shown_node(link);
        let link = self.shown().at(link);
        Row {
            node: NodeId(node),
            depth: usize::from(link.depth),
            name: self.name_of(link),
            has_children: link.has_children(),
            open: link.is_open(),
            is_topic: self.tallies[node as usize].is_topic(),
            retained: self.order.at(node).retained,
        }
    }

    /// Returns the order that makes the rows: that of all nodes, or of those that a filter leaves.
    fn shown(&self) -> &Order {
        self.narrow.as_ref().map_or(&self.order, |narrow| narrow.order())
    }

    pub(super) fn shown_mut(&mut self) -> &mut Order {
        self.narrow.as_mut().map_or(&mut self.order, |narrow| narrow.order_mut())
    }

    /// Returns the node of a link of the shown order.
    pub(super) fn shown_node(&self, link: u32) -> NodeId {
        NodeId(self.narrow.as_ref().map_or(link, |narrow| narrow.node(link)))
    }

    /// Returns the link of a node in the shown order, nothing for the root and for what a filter hides.
    fn shown_link(&self, node: NodeId) -> Option<u32> {
        self.link(node)?;
        self.narrow.as_ref().map_or(Some(node.0), |narrow| narrow.link(node.0))
    }
}

/// The rows from one on, in order.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    tree: &'a Tree,
    link: u32,
    left: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        let NodeId(link) = exists(self.link)?;
        self.left = self.left.checked_sub(1)?;
        self.link = self.tree.shown().next_row(link);
        Some(self.tree.make_row(link))
    }
}
