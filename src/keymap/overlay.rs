//! The keys of a file laid over those that are there, and what is wrong with them.

use toml_edit::{Document, Item, Key as Name};

use super::{Keymap, LONGEST, Place};
use crate::{
    base::text,
    keymap::{
        action::{Action, Context},
        key::Key,
    },
};

impl Keymap {
    /// Lays the keys of a file over these, and returns what is wrong in it; the rest is used.
    pub fn overlay(&mut self, toml: &str) -> Vec<String> {
        let line = |at: usize| toml.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let at = |name: Option<&Name>| name.and_then(Name::span).map_or(1, |span| line(span.start));
        let document = match Document::parse(toml) {
            Ok(document) => document,
            Err(error) => {
                let said = text::safe(&error.message().replace('\n', " ")).to_string();
                return vec![format!("line {}: {said}", error.span().map_or(1, |span| line(span.start)))];
            }
        };
        let (mut problems, mut bound) = (Vec::new(), Vec::new());
        for (section, keys) in document.iter() {
            let here = at(document.key(section));
            let Some(context) = Context::ALL.into_iter().find(|context| context.name() == section) else {
                let names = Context::ALL.map(Context::name).join(", ");
                problems.push(format!("line {here}: `{}` is no place for keys; there are {names}", text::line(section, 30)));
                continue;
            };
            let Some(keys) = keys.as_table_like() else {
                problems.push(format!("line {here}: `{section}` is not a table of keys"));
                continue;
            };
            for (sequence, action) in keys.iter() {
                let here = at(keys.key(sequence));
                match self.bind(context, sequence, action) {
                    Ok(Some(keys)) => bound.push((here, (context, keys))),
                    Ok(None) => {}
                    Err(problem) => problems.push(format!("line {here}: [{section}] {problem}")),
                }
            }
        }
        let mine: Vec<&Place> = bound.iter().map(|(_, place)| place).collect();
        for (line, place) in &bound {
            problems.extend(self.clashes(place, &mine).map(|clash| format!("line {line}: [{}] {clash}", place.0.name())));
        }
        problems
    }

    /// Binds a sequence, and returns it unless it was taken away.
    fn bind(&mut self, context: Context, sequence: &str, action: &Item) -> Result<Option<Vec<Key>>, String> {
        let shown = text::line(sequence, 40);
        let keys = sequence.split(' ').map(str::parse).collect::<Result<Vec<Key>, String>>()?;
        if keys.len() > LONGEST {
            return Err(format!("`{shown}`: a sequence has at most {LONGEST} keys"));
        }
        let name = action.as_str().ok_or_else(|| format!("`{shown}` is not set to the name of an action"))?;
        self.order.retain(|(place, bound, _)| (*place, bound) != (context, &keys));
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

    /// Says which sequences this one hides, or is hidden by, because one is the beginning of the other.
    ///
    /// `mine` are those of the file: where two of them clash, only the one that hides says so.
    fn clashes(&self, place: &Place, mine: &[&Place]) -> impl Iterator<Item = String> {
        let sequence = written(&place.1);
        let of = |other: &Place| format!("`{}` of [{}]", written(&other.1), other.0.name());
        let others = self.bindings.keys().filter(|other| *other != place);
        let (mut hidden, mut hiding) = (Vec::new(), Vec::new());
        for other in others {
            if hides(place, other) {
                hidden.push(of(other));
            } else if hides(other, place) && !mine.contains(&other) {
                hiding.push(of(other));
            }
        }
        let hides = (!hidden.is_empty()).then(|| format!("`{sequence}` hides {}", hidden.join(", ")));
        let is_hidden = (!hiding.is_empty()).then(|| format!("`{sequence}` is hidden by {}", hiding.join(", ")));
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
