//! Faults on request, so that a test sees what follows them; in debug builds only.

/// Panics in the `task`, `thread` or `loop` that `place` names, or does nothing.
pub(super) fn inject(place: Option<&str>) {
    match place {
        Some("task") => drop(tokio::spawn(async { panic!("injected into a task") })),
        Some("thread") => drop(std::thread::spawn(|| panic!("injected into a thread"))),
        Some("loop") => panic!("injected into the loop"),
        Some(_) | None => {}
    }
}
