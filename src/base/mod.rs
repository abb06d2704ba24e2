//! What knows nothing of MQTT or terminals: time, text made safe to show, secrets, human units.

pub mod clock;
pub mod disk;
pub mod human;
pub mod ring;
pub mod secret;
pub mod text;
