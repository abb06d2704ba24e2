//! From a name to one clean byte stream: dialling stage by stage, the tap and the guard.

pub mod dial;
pub mod endpoint;
pub mod error;
mod tcp;
pub mod tls;
