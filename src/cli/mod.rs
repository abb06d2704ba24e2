//! The verbs: what mqtap does without its screen.

pub mod args;
pub mod exit;
pub mod format;
