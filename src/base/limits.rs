//! What the system allows this program: files, threads, the size of a file, a dump of its memory.

use std::{
    fs::File,
    io,
    sync::{Arc, mpsc::channel},
    thread,
};

use rustix::{io::Errno, process::Signal};

/// How many more files must be open at once for a connection and what is around it.
const FILES: usize = 16;

/// How many threads run at the same time where the most is asked for.
const THREADS: usize = 12;

/// What is said of a program that may open no further file.
pub const OUT_OF_FILES: &str = "too many open files";

/// What to do about it.
pub const MORE_FILES: &str = "raise the limit: `ulimit -n 1024`";

/// Keeps a dump of this program's memory, which holds passwords, from being written when it crashes.
///
/// The programs that it starts are as they were: on Linux a new program begins anew, elsewhere the limit is handed down.
pub fn forbid_dumps() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(not(target_os = "linux"))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..getrlimit(Resource::Core) });
    }
}

/// Has a write beyond the allowed size of a file fail, where it would end the program (SIGXFSZ).
pub fn outlive_full_files() {
    // A handler that does nothing is not handed down to the programs that are started, as an ignored signal would be.
    let _ = signal_hook::flag::register(Signal::XFSZ.as_raw(), Arc::default());
}

/// Checks that there are files and threads enough; libraries panic without them.
///
/// # Errors
///
/// Returns what is lacking and what to do about it.
pub fn check() -> Result<(), (String, String)> {
    let files: io::Result<Vec<File>> = (0..FILES).map(|_| File::open("/dev/null")).collect();
    if files.is_err_and(|error| is_out_of_files(&error)) {
        return Err((OUT_OF_FILES.to_owned(), MORE_FILES.to_owned()));
    }
    let waiting: io::Result<Vec<_>> = (0..THREADS)
        .map(|_| {
            let (alive, over) = channel::<()>();
            Ok((alive, thread::Builder::new().spawn(move || over.recv().is_err())?))
        })
        .collect();
    let waiting = waiting.map_err(|error| {
        let hint = "raise the limits: `ulimit -u` for processes and threads, `ulimit -v` for memory";
        (format!("{THREADS} threads cannot be started: {error}"), hint.to_owned())
    })?;
    for (alive, thread) in waiting {
        drop(alive);
        let _ = thread.join();
    }
    Ok(())
}

/// Returns `true` if an error means that this program, or the system, has too many files open.
#[must_use]
pub fn is_out_of_files(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
