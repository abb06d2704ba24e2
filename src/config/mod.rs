//! Settings, and where the files of mqtap are.

pub mod paths;
