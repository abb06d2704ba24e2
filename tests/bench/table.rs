//! The table of results, a row at a time.

/// Prints the head.
pub(crate) fn head() {
    println!("{:<52} {:>12} {:>12} {:>7}  beside", "", "mqtap", "beside", "ratio");
}

/// Prints a figure of ours, and what it is compared with.
pub(crate) fn row(what: &str, unit: &str, ours: f64, beside: Option<(&str, f64)>) {
    let what = format!("{what}, {unit}");
    let figure = |value: f64| if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    match beside {
        Some((name, floor)) => {
            println!("{what:<52} {:>12} {:>12} {:>6.2}x  {name}", figure(ours), figure(floor), ours / floor);
        }
        None => println!("{what:<52} {:>12}", figure(ours)),
    }
}

/// Prints why something was not measured.
pub(crate) fn skip(what: &str, why: &str) {
    println!("{what:<52} not measured: {why}");
}

/// Returns the least of several measurements, as only the least is free of what else the machine does.
pub(crate) fn best(runs: u32, mut measure: impl FnMut() -> f64) -> f64 {
    (0..runs).map(|_| measure()).fold(f64::INFINITY, f64::min)
}
