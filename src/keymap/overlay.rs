//! The keys of a file laid over those that are there, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{Document, Item, Key as Name};

use super::{Keymap, LONGEST, Place};
use crate::{
    base::text,
    keymap::{
        action::{Action, Context},
        key::Key,
    },
};

/// The most problems that are told; a file with more is no file of keys, and its rest is left.
const MOST_PROBLEMS: usize = 100;

/// What is said of that.
const TOO_MUCH: &str = "too much is wrong, and the rest is left";

/// The most sequences that are named in one problem.
const MOST_NAMED: usize = 5;

impl Keymap {
    /// Lays the keys of a file over these, and returns what is wrong in it; the rest is used.
    pub fn overlay(&mut self, toml: &str) -> Vec<String> {
        let line = |at: usize| toml.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let place = |name: Option<&Name>| name.and_then(Name::span).map_or(0, |span| span.start);
        let document = match Document::parse(toml) {
            Ok(document) => document,
            Err(error) => {
                let said = text::safe(&error.message().replace('\n', " ")).to_string();
                return vec![format!("line {}: {said}", error.span().map_or(1, |span| line(span.start)))];
            }
        };
        let (mut problems, mut bound) = (Vec::new(), Vec::new());
        'file: for (section, keys) in document.iter() {
            let here = place(document.key(section));
            if problems.len() == MOST_PROBLEMS {
                problems.push((here, TOO_MUCH.to_owned()));
                break;
            }
            let Some(context) = Context::ALL.into_iter().find(|context| context.name() == section) else {
                let names = Context::ALL.map(Context::name).join(", ");
                problems.push((here, format!("`{}` is no place for keys; there are {names}", text::line(section, 30))));
                continue;
            };
            let Some(keys) = keys.as_table_like() else {
                problems.push((here, format!("`{section}` is not a table of keys")));
                continue;
            };
            for (sequence, action) in keys.iter() {
                let here = place(keys.key(sequence));
                if problems.len() == MOST_PROBLEMS {
                    problems.push((here, TOO_MUCH.to_owned()));
                    break 'file;
                }
                match self.bind(context, sequence, action) {
                    Ok(Some(keys)) => bound.push((here, (context, keys))),
                    Ok(None) => {}
                    Err(problem) => problems.push((here, format!("[{section}] {problem}"))),
                }
            }
        }
        let index = Index::new(self, &bound);
        let clashes = bound.iter().flat_map(|(at, place)| {
            index.clashes(place).map(|clash| (*at, format!("[{}] {clash}", place.0.name()))).collect::<Vec<_>>()
        });
        problems.extend(clashes.take(MOST_PROBLEMS.saturating_sub(problems.len())));
        problems.into_iter().map(|(at, problem)| format!("line {}: {problem}", line(at))).collect()
    }

    /// Binds a sequence, and returns it unless it was taken away.
    fn bind(&mut self, context: Context, sequence: &str, action: &Item) -> Result<Option<Vec<Key>>, String> {
        let shown = text::line(sequence, 40);
        let keys = sequence.split(' ').map(str::parse).collect::<Result<Vec<Key>, String>>()?;
        if keys.len() > LONGEST {
            return Err(format!("`{shown}`: a sequence has at most {LONGEST} keys"));
        }
        let name = action.as_str().ok_or_else(|| format!("`{shown}` is not set to the name of an action"))?;
        if self.bindings.contains_key(&(context, keys.clone())) {
            self.order.retain(|(place, bound, _)| (*place, bound) != (context, &keys));
        }
        if name == "none" {
            self.bindings.remove(&(context, keys));
            return Ok(None);
        }
        let action = Action::ALL.iter().copied().find(|action| action.name() == name).ok_or_else(|| {
            let nearest = Action::ALL.iter().max_by(|a, b| similarity(a.name(), name).total_cmp(&similarity(b.name(), name)));
            let nearest = nearest.map_or("help", |action| action.name());
            format!("`{}` is not an action; did you mean `{nearest}`?", text::line(name, 40))
        })?;
        self.order.push((context, keys.clone(), action));
        self.bindings.insert((context, keys.clone()), action);
        Ok(Some(keys))
    }
}

/// The sequences by their beginnings, so that each is compared with few others.
struct Index<'a> {
    keymap: &'a Keymap,
    /// Longer sequences by each beginning that they have.
    longer: BTreeMap<&'a [Key], Vec<&'a Place>>,
    /// Those of the file.
    mine: BTreeSet<&'a Place>,
}

impl<'a> Index<'a> {
    fn new(keymap: &'a Keymap, bound: &'a [(usize, Place)]) -> Self {
        let mut longer: BTreeMap<&[Key], Vec<&Place>> = BTreeMap::new();
        for place in keymap.bindings.keys() {
            for length in 1..place.1.len() {
                longer.entry(&place.1[..length]).or_default().push(place);
            }
        }
        Self { keymap, longer, mine: bound.iter().map(|(_, place)| place).collect() }
    }

    /// Says which sequences this one hides, or is hidden by, because one is the beginning of the other.
    ///
    /// Where two sequences of the file clash, only the one that hides says so.
    fn clashes(&self, place: &Place) -> impl Iterator<Item = String> {
        let sequence = written(&place.1);
        let of = |other: &Place| format!("`{}` of [{}]", written(&other.1), other.0.name());
        let shorter = (1..place.1.len()).flat_map(|length| {
            let beginning = move |context: Context| self.keymap.bindings.get_key_value(&(context, place.1[..length].to_vec()));
            Context::ALL.into_iter().filter_map(beginning).map(|(other, _)| other)
        });
        let longer = self.longer.get(&*place.1).into_iter().flatten().copied();
        let (mut hidden, mut hiding) = (Vec::new(), Vec::new());
        for other in longer.chain(shorter) {
            if hides(place, other) {
                hidden.push(of(other));
            } else if hides(other, place) && !self.mine.contains(other) {
                hiding.push(of(other));
            }
        }
        let hides = (!hidden.is_empty()).then(|| format!("`{sequence}` hides {}", some(&hidden)));
        let is_hidden = (!hiding.is_empty()).then(|| format!("`{sequence}` is hidden by {}", some(&hiding)));
        hides.into_iter().chain(is_hidden)
    }
}

/// Tells whether a sequence keeps another from being reached where both are looked up.
///
/// The innermost context decides: there the beginning of a longer sequence is awaited, and a shorter one is found at once.
fn hides(place: &Place, other: &Place) -> bool {
    let is_inner = place.0 == other.0 || outer(place.0).contains(&other.0);
    let is_longer_within = place.0 != other.0 && place.1.starts_with(&other.1);
    is_inner && place.1.len() != other.1.len() && (other.1.starts_with(&place.1) || is_longer_within)
}

/// Returns where a key is looked up when it means nothing in a context.
fn outer(inner: Context) -> &'static [Context] {
    match inner {
        Context::Topics | Context::Messages | Context::Detail | Context::Protocol | Context::Broker => {
            &[Context::Workspace, Context::List, Context::Global]
        }
        Context::Workspace | Context::Connections | Context::Subscriptions => &[Context::List, Context::Global],
        Context::List | Context::Confirm => &[Context::Global],
        Context::Form | Context::Global => &[],
    }
}

/// Writes a sequence as the file has it.
fn written(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

/// Lists sequences, the first ones where there are many.
fn some(sequences: &[String]) -> String {
    match sequences.split_at_checked(MOST_NAMED) {
        Some((named, rest)) if !rest.is_empty() => format!("{} and {} more", named.join(", "), rest.len()),
        _ => sequences.join(", "),
    }
}

fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(toml: &str) -> Vec<String> {
        Keymap::builtin().overlay(toml)
    }

    #[test]
    fn a_bad_keymap_reports_every_line_and_keeps_the_rest() {
        let mut keymap = Keymap::builtin();
        let problems = keymap.overlay("[global]\nF12 = \"quit\"\nx = \"qiut\"\nQ = \"quit\"\nq = \"none\"\n[nowhere]\n");
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("line 2: ") && problems[2].starts_with("line 6: "), "{problems:?}");
        assert!(problems[1].contains("line 3: [global] `qiut` is not an action; did you mean `quit`"), "{problems:?}");
        assert_eq!(keymap.labels(Action::Quit), ["Q"]);
        let problems = overlay("[global]\nx = \"quit\"\ny = = \"quit\"\n");
        assert!(problems.len() == 1 && problems[0].starts_with("line 3: "), "{problems:?}");
    }

    #[test]
    fn a_key_that_is_the_beginning_of_another_is_reported() {
        let hides = "hides `g g` of [list], `g c` of [workspace]";
        assert_eq!(overlay("[workspace]\ng = \"theme\"\n"), [format!("line 2: [workspace] `g` {hides}")]);
        assert_eq!(overlay("\n[topics]\ng = \"theme\"\n"), [format!("line 3: [topics] `g` {hides}")]);
        let hidden = "line 2: [global] `y` is hidden by `y t` of [workspace], `y y` of [workspace], `y y` of [protocol]";
        assert_eq!(overlay("[global]\ny = \"theme\"\n"), [hidden]);
        let longer = overlay("[workspace]\n\"p p\" = \"publish\"\n");
        assert_eq!(longer, ["line 2: [workspace] `p p` is hidden by `p` of [workspace]"]);
        let both = overlay("[list]\nv = \"down\"\n\"v v\" = \"up\"\n");
        assert_eq!(both, ["line 2: [list] `v` hides `v v` of [list]"]);
    }

    #[test]
    fn the_cost_of_a_file_grows_as_its_size() {
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"];
        let clashing = |count: usize| {
            let sequence = |n: usize| format!("\"{} {} {}\" = \"down\"\n", keys[n % 20], keys[n / 20 % 20], keys[n / 400 % 20]);
            format!("[list]\na = \"up\"\n{}", (0..count).map(sequence).collect::<String>())
        };
        let wrong = |count: usize| (0..count).map(|n| format!("x{n} = \"nothing\"\n")).collect::<Vec<_>>().concat();
        for text in [&clashing as &dyn Fn(usize) -> String, &|count| format!("[list]\n{}", wrong(count)), &wrong] {
            let cost = |count| {
                let text = text(count);
                let once = || {
                    let started = std::time::Instant::now();
                    let mut keymap = Keymap::builtin();
                    assert!(keymap.overlay(&text).len() <= MOST_PROBLEMS + 1);
                    assert!(Action::ALL.iter().all(|action| keymap.labels(*action).len() <= 10));
                    started.elapsed()
                };
                (0..2).map(|_| once()).min().unwrap_or_default()
            };
            let (small, large) = (cost(500), cost(4_000));
            assert!(large < small * 24 + std::time::Duration::from_millis(20), "{large:?}, and {small:?} for an eighth");
        }
        let first = overlay(&clashing(4_000)).remove(0);
        assert!(first.starts_with("line 2: [list] `a` hides `a a a` of [list]") && first.ends_with(" and 195 more"), "{first}");
    }

    #[test]
    fn a_key_that_takes_the_place_of_others_is_no_clash() {
        let toml = "[list]\ng = \"first\"\n\"g g\" = \"none\"\n[workspace]\n\"g c\" = \"none\"\n";
        assert_eq!(overlay(toml), Vec::<String>::new());
        assert_eq!(overlay("[topics]\nn = \"theme\"\n[connections]\ny = \"theme\"\n"), Vec::<String>::new());
    }

    #[test]
    fn a_file_without_keys_changes_nothing() {
        assert_eq!(overlay(""), Vec::<String>::new());
    }
}
