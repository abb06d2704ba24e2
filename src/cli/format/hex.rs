//! The format `hex`: two hexadecimal digits a byte.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the digits of all bytes.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}
