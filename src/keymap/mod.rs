//! From a key to an action: the table of actions, the keys, and the lookup by context.

pub mod action;
pub mod key;
mod overlay;

use std::collections::BTreeMap;

use self::{
    action::{Action, Context},
    key::Key,
};

/// The longest sequence of keys.
const LONGEST: usize = 3;

/// The most sequences of one action that are shown.
const MOST_LABELS: usize = 10;

const DEFAULT: &str = include_str!("default.toml");

/// A sequence of keys in a context.
type Place = (Context, Vec<Key>);

/// Which keys mean what, by context.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    bindings: BTreeMap<Place, Action>,
    /// The same, in the order of the file: the first key of an action is the one that is shown.
    order: Vec<(Context, Vec<Key>, Action)>,
}

/// What a sequence of keys means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// This action.
    Found(Action),
    /// The beginning of a longer sequence.
    Prefix,
    /// Nothing.
    Unbound,
}

impl Keymap {
    /// Returns the keys that mqtap comes with.
    ///
    /// # Panics
    ///
    /// Never: a test reads the embedded file.
    #[must_use]
    pub fn builtin() -> Self {
        let mut keymap = Self::default();
        let problems = keymap.overlay(DEFAULT);
        debug_assert!(problems.is_empty(), "{problems:?}");
        keymap
    }

    /// Looks a sequence up in `contexts`, innermost first.
    #[must_use]
    pub fn lookup(&self, contexts: &[Context], keys: &[Key]) -> Lookup {
        for &context in contexts {
            if let Some(&action) = self.bindings.get(&(context, keys.to_vec())) {
                return Lookup::Found(action);
            }
            let from = (context, keys.to_vec());
            let longer = self.bindings.range(from..).next();
            if longer.is_some_and(|((place, bound), _)| *place == context && bound.starts_with(keys)) {
                return Lookup::Prefix;
            }
        }
        Lookup::Unbound
    }

    /// Iterates over the keys of a context in the order of the file.
    pub fn keys_of(&self, context: Context) -> impl Iterator<Item = (&[Key], Action)> {
        self.order.iter().filter(move |(place, ..)| *place == context).map(|(_, keys, action)| (keys.as_slice(), *action))
    }

    /// Returns the labels of the key sequences of an action, the preferred one first: `["q", "Ctrl+c"]`; at most ten.
    #[must_use]
    pub fn labels(&self, action: Action) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        for label in self.order.iter().filter(|(.., bound)| *bound == action).map(|(_, keys, _)| label(keys)) {
            if !labels.contains(&label) {
                labels.push(label);
            }
            if labels.len() == MOST_LABELS {
                break;
            }
        }
        labels
    }
}

/// Writes a sequence for a person: `gg`, `Ctrl+d`.
#[must_use]
pub fn label(keys: &[Key]) -> String {
    let labels: Vec<_> = keys.iter().map(|key| key.label()).collect();
    if labels.iter().all(|label| label.chars().count() == 1) { labels.concat() } else { labels.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.split(' ').map(|key| key.parse().expect("a key")).collect()
    }

    #[test]
    fn the_builtin_keys_are_without_fault() {
        assert_eq!(Keymap::default().overlay(DEFAULT), Vec::<String>::new());
    }

    #[test]
    fn every_action_has_a_key() {
        let keymap = Keymap::builtin();
        for &action in Action::ALL {
            assert!(!keymap.labels(action).is_empty(), "{action:?}");
        }
    }

    #[test]
    fn the_innermost_context_wins() {
        let keymap = Keymap::builtin();
        let contexts = [Context::Subscriptions, Context::Workspace, Context::Global];
        assert_eq!(keymap.lookup(&contexts, &keys("s")), Lookup::Found(Action::SubscribeMore));
        assert_eq!(keymap.lookup(&contexts[1..], &keys("s")), Lookup::Found(Action::Subscribe));
        assert_eq!(keymap.lookup(&contexts, &keys("ctrl-q")), Lookup::Unbound);
    }

    #[test]
    fn a_sequence_is_awaited_and_found() {
        let keymap = Keymap::builtin();
        let contexts = [Context::List, Context::Global];
        assert_eq!(keymap.lookup(&contexts, &keys("g")), Lookup::Prefix);
        assert_eq!(keymap.lookup(&contexts, &keys("g g")), Lookup::Found(Action::First));
        assert_eq!(keymap.lookup(&contexts, &keys("g x")), Lookup::Unbound);
    }

    #[test]
    fn no_key_is_both_an_action_and_a_prefix() {
        let keymap = Keymap::builtin();
        for (context, bound, _) in &keymap.order {
            for end in 1..bound.len() {
                assert!(!keymap.bindings.contains_key(&(*context, bound[..end].to_vec())), "{}", label(bound));
            }
        }
    }
}
