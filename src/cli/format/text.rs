//! The format `text`: topic, a space, payload, as `mosquitto_sub -v` writes them.

use super::push;
use crate::mqtt::batch::Delivery;

/// Appends one message.
pub(super) fn write(message: Delivery<'_>, escaped: bool, out: &mut Vec<u8>) {
    push(message.topic.as_bytes(), escaped, out);
    out.push(b' ');
    push(message.payload, escaped, out);
}
