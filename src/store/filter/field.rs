//! The fields of the filter language, and the lists that each of them is asked of.

use std::ops::Range;

use super::FilterError;

/// What a filter narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Topics,
    Messages,
    Packets,
}

/// What stands before the colon of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Topic,
    Qos,
    Retain,
    Dup,
    Size,
    Since,
    Type,
    Property,
    Direction,
    Id,
    Reason,
}

impl List {
    fn place(self) -> &'static str {
        match self {
            Self::Topics => "among the topics",
            Self::Messages => "among the messages",
            Self::Packets => "in the protocol view",
        }
    }
}

impl Field {
    pub(super) const ALL: [Self; 11] = [
        Self::Topic,
        Self::Qos,
        Self::Retain,
        Self::Dup,
        Self::Size,
        Self::Since,
        Self::Type,
        Self::Property,
        Self::Direction,
        Self::Id,
        Self::Reason,
    ];

    /// Returns the name, and the lists that have the field.
    fn row(self) -> (&'static str, &'static [List]) {
        use List::{Messages, Packets, Topics};

        match self {
            Self::Topic => ("topic", &[Topics, Messages, Packets]),
            Self::Qos => ("qos", &[Messages, Packets]),
            Self::Retain => ("retain", &[Messages, Packets]),
            Self::Dup => ("dup", &[Messages, Packets]),
            Self::Size => ("size", &[Messages, Packets]),
            Self::Since => ("since", &[Messages, Packets]),
            Self::Type => ("type", &[Messages, Packets]),
            Self::Property => ("prop", &[Messages]),
            Self::Direction => ("dir", &[Packets]),
            Self::Id => ("id", &[Packets]),
            Self::Reason => ("reason", &[Packets]),
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) fn is_of(self, list: List) -> bool {
        self.row().1.contains(&list)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Returns the field of a list that a name almost is.
    pub(super) fn almost(name: &str, list: List) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.is_of(list) && strsim::osa_distance(field.name(), name) == 1)
    }

    /// Says where the field works, to who asked it of another list.
    pub(super) fn elsewhere(self, span: Range<usize>) -> FilterError {
        let (name, lists) = self.row();
        elsewhere(&format!("{name}:"), lists, span)
    }
}

/// Says where a path into JSON works, to who asked it of another list.
pub(super) fn path_elsewhere(span: Range<usize>) -> FilterError {
    elsewhere(".path", &[List::Messages], span)
}

fn elsewhere(term: &str, lists: &[List], span: Range<usize>) -> FilterError {
    let places: Vec<_> = lists.iter().map(|list| list.place()).collect();
    FilterError { span, message: format!("`{term}` works {}; as a word it needs quotes", places.join(" and ")) }
}
