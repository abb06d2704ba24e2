//! Files of the user: read with a bound, judged by owner and mode, locked, and replaced in one step.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use zeroize::Zeroizing;

/// How often a lock that somebody else holds is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// Why a file was not read; `Display` continues a sentence that starts with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("does not exist")]
    Missing,
    /// The path names a directory.
    #[error("is a directory, not a file")]
    Directory,
    /// The path names a pipe, a socket or a device.
    #[error("is not a regular file")]
    Special,
    /// The file is larger than the bound.
    #[error("is larger than {}", crate::base::human::size(*.0))]
    TooLarge(u64),
    /// The system refused.
    #[error("cannot be read: {}", crate::base::human::cause(.0))]
    Io(#[from] io::Error),
}

/// A file as it was at one moment: its bytes, wiped when dropped, and what the system says of that same open file.
#[derive(Debug)]
pub struct Contents {
    /// All bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Owner and mode of the file that the bytes came from.
    pub metadata: Metadata,
}

/// Creates a directory and its parents, open to nobody else (mode 0700).
///
/// # Errors
///
/// Returns the error of the system.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Reads a regular file of at most `most` bytes; it never waits, as a pipe would make it.
///
/// # Errors
///
/// Tells a missing file from one that is not a file, is too large or cannot be read.
pub fn read(path: &Path, most: u64) -> Result<Contents, ReadError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(error) => {
            let error = io::Error::from(error);
            return Err(if error.kind() == io::ErrorKind::NotFound { ReadError::Missing } else { error.into() });
        }
    };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ReadError::Directory);
    }
    if !metadata.is_file() {
        return Err(ReadError::Special);
    }
    if metadata.len() > most {
        return Err(ReadError::TooLarge(most));
    }
    let size = usize::try_from(metadata.len()).unwrap_or(0);
    // One byte more than there should be, so that the buffer does not move and leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > most) {
        return Err(ReadError::TooLarge(most));
    }
    Ok(Contents { bytes, metadata })
}

/// Tells whether a file keeps a secret: ours or root's, and closed to everybody else.
///
/// # Errors
///
/// Returns what is wrong and what to do, as a sentence that continues the file's name.
pub fn check_private(path: &Path, metadata: &Metadata) -> Result<(), String> {
    let shown = shown(path);
    check_owner(metadata).map_err(|user| format!("belongs to another user; run chown {user} {shown}"))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(format!("can be read by others (mode {:04o}); run chmod 600 {shown}", metadata.mode() & 0o7777));
    }
    Ok(())
}

/// Checks that nobody but us and root can change a file, or put another one in its place.
///
/// # Errors
///
/// Returns what is wrong and what to do, as a sentence that continues the file's name.
pub fn check_unshared(path: &Path, metadata: &Metadata) -> Result<(), String> {
    let file = shown(path);
    check_owner(metadata).map_err(|user| format!("belongs to another user; run chown {user} {file}"))?;
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("can be changed by others (mode {:04o}); run chmod go-w {file}", metadata.mode() & 0o7777));
    }
    // A link is in one directory, and what it leads to in another.
    let real = fs::canonicalize(path).map_err(|error| format!("cannot be found: {}", super::human::cause(&error)))?;
    for dir in [directory(path), directory(&real)].into_iter().flatten() {
        let metadata =
            fs::metadata(dir).map_err(|error| format!("is in a directory that cannot be read: {}", super::human::cause(&error)))?;
        let (dir, mode) = (shown(dir), metadata.mode() & 0o7777);
        check_owner(&metadata).map_err(|user| format!("is in a directory of another user; run chown {user} {dir}"))?;
        // Where the sticky bit is set, as for /tmp, others can add files and not replace ours.
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Err(format!("is in a directory that others can change (mode {mode:04o}); run chmod go-w {dir}"));
        }
    }
    Ok(())
}

/// Checks that something belongs to us or to root; the error is who we are.
fn check_owner(metadata: &Metadata) -> Result<(), u32> {
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() == user || metadata.uid() == 0 { Ok(()) } else { Err(user) }
}

fn shown(path: &Path) -> String {
    super::text::safe(&path.to_string_lossy()).to_string()
}

/// Waits until no other process or thread holds the lock file, at most `patience`; the lock ends when the file is dropped.
///
/// # Errors
///
/// Returns [`io::ErrorKind::WouldBlock`] when it is still held at the end.
pub fn lock(path: &Path, patience: Duration) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = open_without_waiting(options.write(true).create(true).truncate(false), path)?;
    if !file.metadata()?.is_file() {
        return Err(not_a_file());
    }
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if started.elapsed() >= patience => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
        }
    }
}

/// Replaces a file, or makes it, with mode 0600: whoever reads sees the old bytes or the new ones, also after a crash.
///
/// The caller holds the lock of the file, because the temporary file has one name; what a killed process left under that
/// name is removed.
///
/// # Errors
///
/// Returns the error of the system; the file is then as it was. One case is different: where only the directory cannot be
/// brought to the disk at the end, whoever reads sees the new bytes, and after a crash perhaps the old ones.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (Some(dir), Some(name)) = (directory(path), path.file_name()) else { return Err(io::ErrorKind::InvalidInput.into()) };
    // A directory that cannot be opened must fail before anything has changed.
    let opened = File::open(dir)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(".tmp");
    let temporary = dir.join(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The reason of the failure is worth more than that of a failing removal.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    opened.sync_all()
}

/// Returns the directory that a path is in, which is the current one for a mere name.
fn directory(path: &Path) -> Option<&Path> {
    path.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
}

/// Creates a file with mode 0600 that was not there before; it follows no link.
///
/// # Errors
///
/// Returns [`io::ErrorKind::AlreadyExists`] when something has the name, else the error of the system.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file to write at its end, and makes it with mode 0600 where there is none.
///
/// # Errors
///
/// Returns the error of the system.
pub fn append(path: &Path) -> io::Result<File> {
    let file = open_without_waiting(OpenOptions::new().append(true).create(true), path)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    // What is written to a pipe or a terminal waits until it is taken, as ever.
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Opens a file to write, with mode 0600 where it is made; a pipe from which nobody reads is an error, where it would be waited
/// for.
fn open_without_waiting(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    options.mode(0o600).custom_flags(flags.cast_signed()).open(path).map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::NXIO.raw_os_error() => {
            io::Error::new(io::ErrorKind::InvalidInput, "is a pipe that nobody reads")
        }
        _ => error,
    })
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file")
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").mode() & 0o7777
    }

    #[test]
    fn a_replaced_file_is_private_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.toml");
        fs::write(dir.path().join(".a.toml.tmp"), "left by a killed process").expect("written");
        replace(&path, b"one").expect("replaced");
        replace(&path, b"two").expect("replaced");
        assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"two".to_vec(), 0o600));
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("inside")).expect("made");
        assert!(replace(&path, b"new").is_err());
        assert!(path.join("inside").is_dir());
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_mere_name_is_in_the_current_directory() {
        assert_eq!(directory(Path::new("a.toml")), Some(Path::new(".")));
        assert_eq!(directory(Path::new("/a/b.toml")), Some(Path::new("/a")));
        assert_eq!(directory(Path::new("/")), None);
    }

    #[test]
    fn a_directory_that_cannot_be_opened_fails_before_anything_changes() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = dir.path().join("none/a.toml");
        assert_eq!(replace(&missing, b"new").expect_err("no directory").kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0);
    }

    #[test]
    fn what_is_no_plain_file_is_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "12345").expect("written");
        assert!(matches!(read(&dir.path().join("none"), 5), Err(ReadError::Missing)));
        assert!(matches!(read(dir.path(), 5), Err(ReadError::Directory)));
        assert!(matches!(read(Path::new("/dev/zero"), 5), Err(ReadError::Special)));
        assert!(matches!(read(&file, 4), Err(ReadError::TooLarge(4))));
        assert_eq!(**read(&file, 5).expect("it fits").bytes, *b"12345");
    }

    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        assert!(matches!(read(&pipe, 5), Err(ReadError::Special)));
        for error in [lock(&pipe, Duration::from_secs(5)), append(&pipe)].map(|opened| opened.expect_err("a pipe")) {
            assert_eq!(error.to_string(), "is a pipe that nobody reads");
        }
        let reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("opened");
        assert_eq!(lock(&pipe, Duration::from_secs(5)).expect_err("a pipe").to_string(), "is not a regular file");
        append(&pipe).and_then(|mut pipe| pipe.write_all(b"read by somebody")).expect("written");
        drop(reader);
    }

    #[test]
    fn a_file_that_others_can_read_keeps_no_secret() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        let refusal = check_private(&file, &fs::metadata(&file).expect("it exists")).expect_err("too open");
        assert!(refusal.contains("0640") && refusal.contains("chmod 600"), "{refusal}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(check_private(&file, &fs::metadata(&file).expect("it exists")), Ok(()));
    }

    #[test]
    fn a_file_that_others_can_change_or_replace_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let real = dir.path().join("real");
        create_private_dir(&real).expect("made");
        let (file, link) = (real.join("file"), dir.path().join("link"));
        fs::write(&file, "").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        let check = |path: &Path| check_unshared(path, &fs::metadata(path).expect("it exists"));
        for (mode, refused) in [(0o600, false), (0o644, false), (0o664, true), (0o666, true), (0o646, true)] {
            chmod(&file, mode);
            assert_eq!(check(&file).is_err(), refused, "{mode:o}");
        }
        assert!(check(&file).is_err_and(|why| why.contains("mode 0646") && why.contains("chmod go-w")));
        chmod(&file, 0o600);
        for (mode, refused) in [(0o755, false), (0o1777, false), (0o775, true), (0o777, true)] {
            chmod(&real, mode);
            assert_eq!(check(&file).is_err(), refused, "{mode:o}");
            assert_eq!(check(&link).is_err(), refused, "through a link, {mode:o}");
        }
        chmod(&real, 0o700);
        chmod(dir.path(), 0o777);
        assert!(check(&file).is_ok());
        assert!(check(&link).is_err_and(|why| why.contains("in a directory that others can change (mode 0777)")));
    }

    #[test]
    fn what_belongs_to_another_user_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("written");
        // Only root can give a file away.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        std::os::unix::fs::chown(&file, Some(12_345), None).expect("given away");
        let refusal = check_unshared(&file, &fs::metadata(&file).expect("it exists")).expect_err("another's");
        assert!(refusal.starts_with("belongs to another user; run chown 0 "), "{refusal}");
        std::os::unix::fs::chown(&file, Some(0), None).expect("taken back");
        std::os::unix::fs::chown(dir.path(), Some(12_345), None).expect("given away");
        let refusal = check_unshared(&file, &fs::metadata(&file).expect("it exists")).expect_err("another's directory");
        assert!(refusal.starts_with("is in a directory of another user; run chown 0 "), "{refusal}");
    }

    #[test]
    fn a_file_to_append_to_is_private_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("trace");
        for text in ["one ", "two"] {
            append(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
        }
        assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"one two".to_vec(), 0o600));
        assert_eq!(create_new(&path).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_held_lock_is_given_up_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let held = lock(&path, Duration::ZERO).expect("free");
        assert_eq!(lock(&path, Duration::from_millis(20)).expect_err("held").kind(), io::ErrorKind::WouldBlock);
        drop(held);
        // A process that another test starts may hold it for the moment between its fork and its exec.
        assert!(lock(&path, Duration::from_secs(10)).is_ok());
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_new_directory_is_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let deep = dir.path().join("a/b");
        create_private_dir(&deep).expect("made");
        assert_eq!((mode(&deep), mode(&dir.path().join("a"))), (0o700, 0o700));
    }
}
