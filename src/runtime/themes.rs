//! The themes there are: those of mqtap, and those in the user's directory, which go before them.

use std::{fs, io, path::Path};

use crate::{
    base::{
        disk::{self, ReadError},
        text,
    },
    theme::Theme,
};

/// The largest theme file that is read, in bytes.
const MOST_BYTES: u64 = 256 << 10;

/// The most themes of the user; further files are named and left.
const MOST: usize = 100;

/// The user's themes, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Themes(Vec<Theme>);

impl Themes {
    /// Reads the user's themes, and says what is wrong with those that cannot be used.
    pub(super) fn load(dir: &Path) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut names: Vec<String> = match fs::read_dir(dir) {
            Ok(entries) => entries.filter_map(|entry| name(&entry.ok()?.file_name())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                problems.push(format!("themes: {error}"));
                Vec::new()
            }
        };
        names.sort();
        if names.len() > MOST {
            problems.push(format!("themes: only the first {MOST} files are read"));
            names.truncate(MOST);
        }
        let mut themes = Vec::new();
        for name in names {
            match read(dir, &name) {
                Ok(theme) => themes.push(theme),
                Err(why) => problems.push(format!("themes/{name}.toml: {why}")),
            }
        }
        (Self(themes), problems)
    }

    /// Returns the theme of this name.
    pub(super) fn find(&self, name: &str) -> Option<Theme> {
        self.0.iter().find(|theme| theme.name == name).cloned().or_else(|| Theme::builtin(name))
    }

    /// Returns all names, those of mqtap first.
    pub(super) fn names(&self) -> Vec<String> {
        let own = self.0.iter().map(|theme| theme.name.clone()).filter(|name| !Theme::names().any(|known| known == name));
        Theme::names().map(str::to_owned).chain(own).collect()
    }
}

/// Returns the name of the theme in a file, nothing where it is no theme or has no name that can be typed.
fn name(file: &std::ffi::OsStr) -> Option<String> {
    let name = file.to_str()?.strip_suffix(".toml")?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (is_plain && !name.is_empty() && !name.starts_with(['.', '-'])).then(|| name.to_owned())
}

fn read(dir: &Path, name: &str) -> Result<Theme, String> {
    let contents = disk::read(&dir.join(format!("{name}.toml")), MOST_BYTES).map_err(|error: ReadError| error.to_string())?;
    let toml = std::str::from_utf8(&contents.bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Theme::parse(toml, name).map_err(|mistakes| text::safe(&mistakes.join("; ")).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Role;

    #[test]
    fn themes_of_the_user_go_before_those_of_the_same_name_and_mistakes_are_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |file: &str, text: &str| fs::write(dir.path().join(file), text).expect("written");
        put("mine.toml", "inherits = \"nord\"\n[roles]\nerror = \"#123456\"\n");
        put("nord.toml", "inherits = \"dracula\"\n");
        put("bad.toml", "[roles]\nerorr = \"red\"\n");
        put("notes.txt", "");
        put("-x.toml", "");
        let (themes, problems) = Themes::load(dir.path());
        assert_eq!(themes.0.iter().map(|theme| &*theme.name).collect::<Vec<_>>(), ["mine", "nord"]);
        assert!(matches!(&*problems, [one] if one.starts_with("themes/bad.toml: 2:") && one.contains("erorr")), "{problems:?}");
        let names = themes.names();
        assert_eq!(names.iter().filter(|name| *name == "nord").count(), 1);
        assert_eq!(names.last().map(String::as_str), Some("mine"));
        let style = |name: &str| themes.find(name).expect(name).style(Role::Error);
        assert_ne!(style("mine"), Theme::builtin("nord").expect("built in").style(Role::Error));
        assert_eq!(style("nord"), Theme::builtin("dracula").expect("built in").style(Role::Error));
        assert!(themes.find("nobody").is_none());
    }

    #[test]
    fn without_a_directory_there_are_those_of_mqtap() {
        let dir = tempfile::tempdir().expect("a directory");
        let (themes, problems) = Themes::load(&dir.path().join("themes"));
        assert_eq!((themes.names().len(), problems.len()), (Theme::names().count(), 0));
    }
}
