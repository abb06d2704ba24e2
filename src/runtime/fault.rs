//! Faults on request, in debug builds only, so that a test sees what follows a panic.

/// The variable that says where the key that redraws the screen panics: `task`, `thread` or `loop`; or any key, in the `drawing`.
pub(super) const VARIABLE: &str = "MQTAP_FAULT";

/// Panics in the drawing, if `place` says so.
pub(super) fn inject_into_drawing(place: Option<&str>) {
    assert!(place != Some("drawing"), "injected into the drawing");
}

/// Panics where `place` says, or does nothing.
pub(super) fn inject(place: Option<&str>) {
    match place {
        Some("task") => drop(tokio::spawn(async { panic!("injected into a task") })),
        Some("thread") => drop(std::thread::spawn(|| panic!("injected into a thread"))),
        Some("loop") => panic!("injected into the loop"),
        Some(_) | None => {}
    }
}
