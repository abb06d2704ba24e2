//! Where the files of mqtap are: the XDG base directories, or what `MQTAP_CONFIG_DIR` and its like say.

use std::{ffi::OsString, path::PathBuf};

/// The directories of mqtap; none of them need exist, and finding them creates none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What the user wrote: settings, profiles, keys, themes.
    pub config_dir: PathBuf,
    /// What mqtap keeps between two runs: the log, histories.
    pub state_dir: PathBuf,
    /// What the user saved: captures, retained messages, templates.
    pub data_dir: PathBuf,
    /// The home directory, for `~/` in a file; nothing where there is none.
    pub home: Option<PathBuf>,
}

impl Paths {
    /// Finds the directories with the environment of this process, and the home that the system knows where `HOME` is not set.
    ///
    /// # Errors
    ///
    /// Returns a sentence when there is no home directory and nothing else says where the files are.
    pub fn of_process() -> Result<Self, String> {
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self::find(&|name| std::env::var_os(name), home)
    }

    /// Finds the directories with `environment`, which looks a variable up, and the home to use where `HOME` is not set.
    ///
    /// # Errors
    ///
    /// Returns a sentence when neither a variable nor a home says where a directory is.
    pub fn find(environment: &dyn Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Result<Self, String> {
        let path = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // The XDG specification says to ignore a relative path; a relative HOME is as useless.
        let home = path("HOME").filter(|home| home.is_absolute()).or(home);
        let find = |own: &str, xdg: &str, in_home: &str| {
            path(own)
                .or_else(|| path(xdg).filter(|dir| dir.is_absolute()).map(|dir| dir.join("mqtap")))
                .or_else(|| home.as_ref().map(|home| home.join(in_home).join("mqtap")))
                .ok_or_else(|| format!("there is no home directory; set HOME or {own}"))
        };
        Ok(Self {
            config_dir: find("MQTAP_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")?,
            state_dir: find("MQTAP_STATE_DIR", "XDG_STATE_HOME", ".local/state")?,
            data_dir: find("MQTAP_DATA_DIR", "XDG_DATA_HOME", ".local/share")?,
            home,
        })
    }

    /// Returns the path of the settings.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.config_dir.join("config.toml")
    }

    /// Returns the path of the saved connections.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.config_dir.join("profiles.toml")
    }

    /// Returns the path of the user's keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.config_dir.join("keys.toml")
    }

    /// Returns the directory of the user's themes.
    #[must_use]
    pub fn themes(&self) -> PathBuf {
        self.config_dir.join("themes")
    }

    /// Returns the path of the log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.state_dir.join("mqtap.log")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn find(variables: &[(&str, &str)], home: Option<&str>) -> Result<Paths, String> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Paths::find(&lookup, home.map(PathBuf::from))
    }

    fn dirs(variables: &[(&str, &str)], home: Option<&str>) -> [String; 3] {
        let paths = find(variables, home).expect("found");
        [paths.config_dir, paths.state_dir, paths.data_dir].map(|dir| dir.to_string_lossy().into_owned())
    }

    #[test]
    fn the_home_is_enough() {
        let expected = ["/h/.config/mqtap", "/h/.local/state/mqtap", "/h/.local/share/mqtap"];
        assert_eq!(dirs(&[("HOME", "/h")], Some("/known")), expected);
    }

    #[test]
    fn the_home_that_the_system_knows_replaces_one_that_is_not_set() {
        assert_eq!(find(&[], Some("/known")).expect("found").profiles(), Path::new("/known/.config/mqtap/profiles.toml"));
        assert_eq!(find(&[("HOME", "")], Some("/known")).expect("found").home.as_deref(), Some(Path::new("/known")));
    }

    #[test]
    fn the_own_variables_come_before_those_of_xdg() {
        let xdg = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s"), ("XDG_DATA_HOME", "/d")];
        assert_eq!(dirs(&xdg, None), ["/c/mqtap", "/s/mqtap", "/d/mqtap"]);
        let own = [&xdg[..], &[("MQTAP_CONFIG_DIR", "/own"), ("MQTAP_STATE_DIR", "/st"), ("MQTAP_DATA_DIR", "rel")]].concat();
        assert_eq!(dirs(&own, None), ["/own", "/st", "rel"]);
    }

    #[test]
    fn a_relative_xdg_directory_is_ignored() {
        assert_eq!(dirs(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "c")], None)[0], "/h/.config/mqtap");
    }

    #[test]
    fn without_any_home_the_variable_to_set_is_named() {
        let refusal = find(&[("MQTAP_CONFIG_DIR", "/c")], None).expect_err("no state directory");
        assert!(refusal.contains("HOME") && refusal.contains("MQTAP_STATE_DIR"), "{refusal}");
        let own = [("MQTAP_CONFIG_DIR", "/c"), ("MQTAP_STATE_DIR", "/s"), ("MQTAP_DATA_DIR", "/d")];
        assert_eq!(find(&own, None).expect("found").home, None);
    }

    #[test]
    fn the_process_has_its_directories() {
        let paths = Paths::of_process().expect("found");
        assert!(paths.log().ends_with("mqtap.log") && paths.config().ends_with("config.toml"));
    }
}
