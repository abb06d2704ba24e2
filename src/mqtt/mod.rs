//! One conversation with a broker: what is asked of it, what it answers, and how it is kept up.

pub mod backoff;
pub mod command;
pub mod error;
pub mod event;
pub mod message;
pub mod options;
pub mod reason;
pub mod topic;
