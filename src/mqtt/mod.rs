//! One conversation with a broker: what is asked of it, what it answers, and how it is kept up.

mod authentication;
pub mod backoff;
pub mod batch;
pub mod bounds;
pub mod check;
pub mod command;
pub mod conversation;
pub mod error;
pub mod event;
mod link;
pub mod message;
pub mod options;
mod redirect;
mod scram;
pub mod session;
pub mod skips;
pub mod topic;
mod v4;
mod v5;
pub mod will_test;

pub use crate::wire::reason;
