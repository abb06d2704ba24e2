use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::profile::{
    EXAMPLE, Profiles,
    draft::{Draft, Saving},
};

fn disk(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("profiles.toml");
    fs::write(&path, text).expect("written");
    (dir, path)
}

fn add(path: &Path, name: &str) -> Result<(), SaveError> {
    let mut draft = Draft::new(name);
    draft.set("url", "mqtt://localhost");
    draft.save(path, None, Saving::New)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").mode() & 0o7777
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).expect("listed").map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_first_profile_makes_a_private_file_in_a_private_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("config/mqtap/profiles.toml");
    add(&path, "local").expect("saved");
    assert_eq!(fs::read_to_string(&path).expect("read"), "schema = 1\n\n[profile.local]\nurl = \"mqtt://localhost\"\n");
    assert_eq!((mode(&path), mode(&dir.path().join("config"))), (0o600, 0o700));
    assert_eq!(files(&dir.path().join("config/mqtap")), ["profiles.lock", "profiles.toml"]);
}

#[test]
fn a_file_that_others_could_read_is_private_after_a_save() {
    let (_dir, path) = disk("schema = 1\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    add(&path, "local").expect("saved");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn two_that_save_at_once_lose_nothing() {
    let (_dir, path) = disk("schema = 1\n");
    std::thread::scope(|scope| {
        for writer in ["a", "b"] {
            let path = &path;
            scope.spawn(move || {
                for number in 0..100 {
                    // On a machine with much else to do the other may keep the lock from us for long.
                    while let Err(error) = add(path, &format!("{writer}{number}")) {
                        assert!(matches!(error, SaveError::Busy(_)), "{error}");
                    }
                }
            });
        }
    });
    let profiles = Profiles::load(&path, None);
    assert_eq!((profiles.entries().len(), profiles.problems().len()), (200, 0));
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one() {
    let (_dir, path) = disk("");
    add(&path, "p0").expect("saved");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..50 {
                add(&path, &format!("p{number}")).expect("saved");
            }
        });
        let mut seen = 0;
        while !writer.is_finished() {
            let profiles = Profiles::load(&path, None);
            assert_eq!(profiles.problems(), []);
            assert!(profiles.entries().len() >= seen.max(1), "a profile vanished");
            seen = profiles.entries().len();
        }
    });
}

#[test]
fn comments_order_and_unknown_keys_are_kept() {
    let (_dir, path) = disk(EXAMPLE);
    add(&path, "new").expect("saved");
    let expected = format!("{EXAMPLE}\n[profile.new]\nurl = \"mqtt://localhost\"\n");
    assert_eq!(fs::read_to_string(&path).expect("read"), expected);
    remove(&path, "new").expect("removed");
    assert_eq!(fs::read_to_string(&path).expect("read"), EXAMPLE);
}

#[test]
fn a_removed_profile_takes_its_tables_along_and_nothing_else() {
    let (_dir, path) = disk(
        "# head\nschema = 1\nfuture = 1 # kept\n\n[profile.a]\nurl = \"mqtt://a\"\n[profile.a.tls]\nca_only = true\n\n# of b\n\
         [profile.b] # b\nurl = \"mqtt://b\"\n[[profile.a.subscription]]\nfilter = \"#\"\n\n[other]\nx = 1\n",
    );
    remove(&path, "a").expect("removed");
    let expected = "# head\nschema = 1\nfuture = 1 # kept\n\n# of b\n[profile.b] # b\nurl = \"mqtt://b\"\n\n[other]\nx = 1\n";
    assert_eq!(fs::read_to_string(&path).expect("read"), expected);
    assert!(matches!(remove(&path, "a"), Err(SaveError::Missing(name)) if name == "a"));
}

#[test]
fn a_comment_at_the_end_stays_before_what_is_added() {
    let (_dir, path) = disk("[profile.a]\nurl = \"mqtt://a\"\n# end of a\n\n[other]\nx = 1\n# the end\n");
    add(&path, "b").expect("saved");
    let expected =
        "[profile.a]\nurl = \"mqtt://a\"\n# end of a\n\n[other]\nx = 1\n# the end\n\n[profile.b]\nurl = \"mqtt://localhost\"\n";
    assert_eq!(fs::read_to_string(&path).expect("read"), expected);
}

#[test]
fn line_ends_stay_as_they_are() {
    let (_dir, path) = disk("schema = 1\r\n\r\n[profile.a] # a\r\nurl = \"mqtt://a\"\r\n");
    add(&path, "b").expect("saved");
    let text = fs::read_to_string(&path).expect("read");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(text.starts_with("schema = 1\r\n\r\n[profile.a] # a\r\nurl = \"mqtt://a\"\r\n"), "{text:?}");
    assert_eq!(Profiles::load(&path, None).entries().len(), 2);
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    let (_dir, path) = disk("\u{feff}[profile.a]\nurl = \"mqtt://a\"\n");
    add(&path, "b").expect("saved");
    assert_eq!(Profiles::load(&path, None).entries().len(), 2);
}

#[test]
fn what_cannot_be_understood_is_never_written_over() {
    let broken: [&[u8]; 5] =
        [b"[profile.a\nurl = 1\n", b"a = \"\xff\"\n", b"schema = 2\n", b"profile = 5\n", b"[profile.a]\nurl = 1\nurl = 2\n"];
    for bytes in broken {
        let (dir, path) = disk(bytes);
        let refusal = add(&path, "b").expect_err("refused").to_string();
        assert!(!refusal.is_empty());
        assert_eq!(fs::read(&path).expect("read"), bytes, "{refusal}");
        assert_eq!(files(dir.path()), ["profiles.lock", "profiles.toml"]);
    }
}

#[test]
fn the_refusal_to_save_has_the_place() {
    let (_dir, path) = disk("schema = 1\n[profile.a\n");
    let refusal = add(&path, "b").expect_err("refused").to_string();
    assert!(refusal.starts_with("profiles.toml:2:11: not valid TOML") && refusal.ends_with("; nothing was saved"), "{refusal}");
    let (_dir, path) = disk("schema = 2\n");
    assert!(add(&path, "b").expect_err("refused").to_string().contains("newer version"));
}

#[test]
fn a_huge_file_and_a_directory_are_refused() {
    let (dir, path) = disk("");
    fs::File::options().write(true).open(&path).expect("open").set_len(5 << 20).expect("grown");
    assert!(add(&path, "a").expect_err("refused").to_string().contains("larger than 4.0 MiB"));
    assert_eq!(fs::metadata(&path).expect("it exists").len(), 5 << 20);
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).expect("made");
    assert!(add(&inner, "a").expect_err("refused").to_string().contains("is a directory"));
}

#[test]
fn a_link_stays_and_its_file_is_replaced() {
    let (dir, path) = disk("schema = 1\n");
    let config = dir.path().join("config");
    fs::create_dir(&config).expect("made");
    let link = config.join("profiles.toml");
    std::os::unix::fs::symlink("../profiles.toml", &link).expect("linked");
    add(&link, "a").expect("saved");
    assert!(fs::symlink_metadata(&link).expect("it exists").is_symlink());
    assert_eq!(Profiles::load(&path, None).entries().len(), 1);
    assert_eq!(files(&config), ["profiles.toml"]);
}

#[test]
fn a_link_to_nothing_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let link = dir.path().join("profiles.toml");
    std::os::unix::fs::symlink(dir.path().join("none/profiles.toml"), &link).expect("linked");
    assert!(matches!(add(&link, "a"), Err(SaveError::Io { .. })));
    assert!(fs::symlink_metadata(&link).expect("it exists").is_symlink());
}

#[test]
fn a_change_that_fails_or_changes_nothing_writes_nothing() {
    let (_dir, path) = disk("schema = 1 # one\n");
    let before = fs::metadata(&path).expect("it exists").ino();
    assert!(edit(&path, |_| Err::<(), _>(SaveError::Missing("x".into()))).is_err());
    assert!(matches!(edit(&path, |_| Ok(7)), Ok(7)));
    assert_eq!(fs::metadata(&path).expect("it exists").ino(), before);
}

#[test]
fn one_that_is_locked_out_says_so() {
    let (dir, path) = disk("schema = 1\n");
    let _held = disk::lock(&dir.path().join(LOCK_NAME), Duration::ZERO).expect("free");
    assert!(matches!(edit_within(&path, Duration::from_millis(20), |_| Ok(())), Err(SaveError::Busy(_))));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let (_dir, path) = disk("");
    assert!(matches!(add(&path.join("below/profiles.toml"), "a"), Err(SaveError::Io { .. })));
}
