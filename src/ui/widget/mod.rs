//! Pieces that draw cells and know nothing of the state.

pub mod frame;
pub mod input;
pub mod pen;

pub use frame::frame;
pub use pen::Pen;
