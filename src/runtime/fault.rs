//! Faults on request, in debug builds only: with `MQTAP_FAULT` set to `task`, `thread` or `loop`, the key that redraws the
//! screen panics there, so that a test sees what follows.

/// Panics where `place` says, or does nothing.
pub(super) fn inject(place: Option<&str>) {
    match place {
        Some("task") => drop(tokio::spawn(async { panic!("injected into a task") })),
        Some("thread") => drop(std::thread::spawn(|| panic!("injected into a thread"))),
        Some("loop") => panic!("injected into the loop"),
        Some(_) | None => {}
    }
}
