//! The format `payload`: the payload and nothing else.

use super::push;
use crate::mqtt::batch::Delivery;

/// Appends one payload.
pub(super) fn write(message: Delivery<'_>, escaped: bool, out: &mut Vec<u8>) {
    push(message.payload, escaped, out);
}
