//! A secret: wiped when dropped, and never printed.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that no format, log or screen shows.
///
/// There is no `Display`, `Serialize` or comparison on purpose; [`Secret::expose`] is the one way to the bytes and is
/// called where the CONNECT packet is built.
///
/// The bytes stay where they are: to fit the buffer to their length could leave a copy behind.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the length in bytes, which may be shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether the secret has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::from("CANARY".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), b"CANARY");
    }

    #[test]
    fn a_secret_keeps_its_buffer_so_that_no_copy_is_left() {
        let mut bytes = Vec::with_capacity(100);
        bytes.extend_from_slice(b"CANARY");
        assert!(Secret::new(bytes).0.capacity() >= 100);
    }
}
