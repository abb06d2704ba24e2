//! CPU times as Linux counts them, in nanoseconds.

use std::{fs, path::Path};

/// Returns the CPU time of all live threads of a process, nothing where the system does not tell.
pub(crate) fn of_process(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    tasks.map(|task| of_task(&task.ok()?.path())).sum()
}

/// Returns the CPU time of this thread.
pub(crate) fn of_this_thread() -> Option<u64> {
    of_task(Path::new("/proc/thread-self"))
}

fn of_task(task: &Path) -> Option<u64> {
    fs::read_to_string(task.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}
