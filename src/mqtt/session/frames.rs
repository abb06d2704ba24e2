//! Where MQTT packets start in a stream of bytes that arrives in arbitrary pieces.

/// The type bits of DISCONNECT.
const DISCONNECT: u8 = 0xe0;

/// Follows the packets of one direction without looking into them.
#[derive(Debug, Default)]
pub(super) struct Frames {
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// The next byte is the first of a packet.
    #[default]
    Start,
    /// The next byte belongs to Remaining Length.
    Length { value: usize, shift: u32 },
    /// So many bytes of the packet follow.
    Body(usize),
    /// A DISCONNECT has started, or the length is none that MQTT allows; nothing after it matters.
    Over,
}

impl Frames {
    /// Tells whether the bytes so far end with the end of a packet.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Follows `bytes`; returns where a DISCONNECT starts in them, and nothing ever after.
    pub(super) fn find_disconnect(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.state = match self.state {
                State::Start if byte & 0xf0 == DISCONNECT => {
                    self.state = State::Over;
                    return Some(at);
                }
                State::Start => State::Length { value: 0, shift: 0 },
                State::Length { value, shift } => {
                    let value = value | usize::from(byte & 0x7f) << shift;
                    match byte & 0x80 {
                        0 if value == 0 => State::Start,
                        0 => State::Body(value),
                        _ if shift < 21 => State::Length { value, shift: shift + 7 },
                        _ => State::Over,
                    }
                }
                State::Body(left) => {
                    let here = left.min(bytes.len() - at);
                    at += here;
                    self.state = if here == left { State::Start } else { State::Body(left - here) };
                    continue;
                }
                State::Over => return None,
            };
            at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PUBLISH with 200 bytes, PINGRESP, DISCONNECT.
    fn stream() -> (Vec<u8>, usize) {
        let mut bytes = vec![0x30, 0xc8, 0x01];
        bytes.extend([0xe0; 200]);
        bytes.extend([0xd0, 0x00]);
        let start = bytes.len();
        bytes.extend([0xe0, 0x00]);
        (bytes, start)
    }

    #[test]
    fn a_disconnect_is_found_wherever_the_stream_is_cut() {
        let (bytes, start) = stream();
        for piece in 1..=bytes.len() {
            let mut frames = Frames::default();
            let found: Vec<usize> = bytes
                .chunks(piece)
                .enumerate()
                .filter_map(|(i, chunk)| frames.find_disconnect(chunk).map(|at| i * piece + at))
                .collect();
            assert_eq!(found, [start], "pieces of {piece}");
        }
    }

    #[test]
    fn a_length_that_mqtt_does_not_allow_ends_the_search() {
        let mut frames = Frames::default();
        assert_eq!(frames.find_disconnect(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01, 0xe0, 0x00]), None);
    }
}
