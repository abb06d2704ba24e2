//! The format `payload`: the payload and nothing else.

use super::push;
use crate::mqtt::message::Message;

/// Appends one payload.
pub(super) fn write(message: &Message, escaped: bool, out: &mut Vec<u8>) {
    push(&message.payload, escaped, out);
}
