//! What the system says of a running process, from /proc.

use std::fs;

use rustix::process::Pid;

/// Returns the state of a process, as `R`, `S` or `T`; nothing when it is gone or only its exit code is left.
pub(crate) fn state(pid: Pid) -> Option<char> {
    let state = field(pid, 0)?.chars().next()?;
    (state != 'Z').then_some(state)
}

/// Returns the process that started a process, or that it was left to.
pub(crate) fn parent(pid: Pid) -> Option<Pid> {
    Pid::from_raw(field(pid, 1)?.parse().ok()?)
}

/// Returns the processor time that a process has used, in clock ticks.
pub(crate) fn ticks(pid: Pid) -> u64 {
    let count = |index| field(pid, index).and_then(|field| field.parse::<u64>().ok()).expect("the process runs");
    count(11) + count(12)
}

/// Tells whether a thread of this name waits until its terminal takes what it writes.
pub(crate) fn is_stalled(pid: Pid, thread: &str) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    tasks.flatten().any(|task| {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        // A waiting thread's system call and its arguments, of which the first is the standard output here; the kernel
        // cuts names at 15 bytes.
        read("comm").trim_end() == &thread[..thread.len().min(15)] && read("syscall").split(' ').nth(1) == Some("0x1")
    })
}

/// Returns a field of `/proc/PID/stat`, counted from the one after the name.
fn field(pid: Pid, index: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(index).map(str::to_owned)
}
