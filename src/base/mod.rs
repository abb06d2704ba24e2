//! What knows nothing of MQTT or terminals: time, text made safe to show, secrets, files, the log, human units, the system.

pub mod clock;
pub mod disk;
pub mod human;
pub mod limits;
pub mod log;
pub mod padding;
pub mod ring;
pub mod secret;
pub mod signals;
pub mod text;
pub mod zone;
