//! Every way to connect, against real brokers, and every way in which it must fail, said in words.

mod broker;
mod certificates;
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod fallback;
mod hints;
mod keys;
mod proxies;
mod refusals;
mod speed;
mod table;
