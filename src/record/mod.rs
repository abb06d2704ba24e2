//! What passed on the wire, as files: the running trace of packets, and captures for Wireshark.

mod name;
pub mod pcapng;
pub mod trace;

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use self::pcapng::Item;
use crate::base::disk;

/// The most files of one connection and one second.
const MOST_NAMES: usize = 100;

/// Writes what passed on a connection to a new pcapng file in `dir`, open to nobody else, and returns its path.
///
/// # Errors
///
/// Returns the error of the system; a file that could not be written to its end is removed.
pub fn export(dir: &Path, connection: &str, items: &[Item]) -> io::Result<PathBuf> {
    disk::create_private_dir(dir)?;
    let at = items.iter().rev().find_map(|item| match item {
        Item::Packet(packet) => Some(packet.at),
        Item::Remark(_) => None,
    });
    let at = at.unwrap_or_default();
    for number in 1..=MOST_NAMES {
        let path = dir.join(name::file(connection, at, number, "pcapng"));
        let file = match disk::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let mut out = BufWriter::new(file);
        let written = pcapng::write(items, &mut out).and_then(|()| out.flush());
        if let Err(error) = written {
            // The reason of the failure is worth more than that of a failing removal.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        return Ok(path);
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_export_is_private_and_replaces_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let below = dir.path().join("data");
        let first = export(&below, "../plant/1", &[]).expect("written");
        let second = export(&below, "../plant/1", &[]).expect("written");
        assert_ne!(first, second);
        for path in [&first, &second] {
            assert_eq!(path.parent(), Some(below.as_path()));
            assert_eq!(std::fs::metadata(path).expect("it exists").permissions().mode() & 0o7777, 0o600);
        }
    }
}
