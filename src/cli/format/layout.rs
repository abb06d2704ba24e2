//! The layout of a field of a template, as Rust's formats have it: `{topic:20}`, `{size:>8}`, `{payload:-^40.40}`.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The widest field, so that a slip does not fill the disk.
const MOST_COLUMNS: usize = 10_000;

/// How wide a field is, and where its text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    fill: char,
    align: Align,
    width: usize,
    /// The most columns that are written.
    most: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Centre,
    Right,
}

impl Layout {
    /// Reads `[[FILL]<|^|>][0][WIDTH][.MOST]`; what is not aligned stands left, a number right.
    pub(super) fn parse(text: &str, is_number: bool) -> Result<Self, String> {
        let fail = || {
            let shown = crate::base::text::line(text, 40);
            format!("`{shown}` is not a layout; write {{topic:20}}, {{size:>8}}, {{topic:.^30}} or {{payload:.80}}")
        };
        let align = |c: char| match c {
            '<' => Some(Align::Left),
            '^' => Some(Align::Centre),
            '>' => Some(Align::Right),
            _ => None,
        };
        let mut chars = text.chars();
        let (first, second) = (chars.next(), chars.next());
        let mut layout = Self { fill: ' ', align: if is_number { Align::Right } else { Align::Left }, width: 0, most: None };
        let mut rest = text;
        if let (Some(fill), Some(align)) = (first, second.and_then(align)) {
            (layout.fill, layout.align, rest) = (fill, align, chars.as_str());
        } else if let Some(align) = first.and_then(align) {
            (layout.align, rest) = (align, &text[1..]);
        }
        if layout.fill.width() != Some(1) {
            return Err(fail());
        }
        if let Some(width) = rest.strip_prefix('0').filter(|_| is_number) {
            (layout.fill, layout.align, rest) = ('0', Align::Right, width);
        }
        let columns = |text: &str| text.parse().ok().filter(|columns| *columns <= MOST_COLUMNS).ok_or_else(fail);
        let (width, most) = rest.split_once('.').map_or((rest, None), |(width, most)| (width, Some(most)));
        if !width.is_empty() {
            layout.width = columns(width)?;
        }
        layout.most = most.map(columns).transpose()?;
        Ok(layout)
    }

    /// Fits what was written to `out` from `start` on; bytes that are not UTF-8 are left as they are.
    pub(super) fn apply(self, start: usize, out: &mut Vec<u8>) {
        let Ok(text) = std::str::from_utf8(&out[start..]) else { return };
        let mut width = text.width();
        if let Some(most) = self.most.filter(|most| width > *most) {
            let (mut end, mut columns) = (0, 0);
            for (at, c) in text.char_indices() {
                columns += c.width().unwrap_or(0);
                if columns > most {
                    break;
                }
                end = at + c.len_utf8();
            }
            width = text[..end].width();
            out.truncate(start + end);
        }
        let missing = self.width.saturating_sub(width);
        let before = match self.align {
            Align::Left => 0,
            Align::Centre => missing / 2,
            Align::Right => missing,
        };
        let fill = |columns: usize| std::iter::repeat_n(self.fill, columns).collect::<String>().into_bytes();
        out.splice(start..start, fill(before));
        out.extend_from_slice(&fill(missing - before));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn laid_out(layout: &str, is_number: bool, text: &str) -> String {
        let mut out = b"|".to_vec();
        out.extend_from_slice(text.as_bytes());
        Layout::parse(layout, is_number).expect(layout).apply(1, &mut out);
        out.push(b'|');
        String::from_utf8(out).expect("UTF-8")
    }

    #[rstest]
    #[case("5", "ab", "|ab   |")]
    #[case(">5", "ab", "|   ab|")]
    #[case("-^5", "ab", "|-ab--|")]
    #[case("1", "ab", "|ab|")]
    #[case(".1", "ab", "|a|")]
    #[case("4.1", "ab", "|a   |")]
    #[case("4", "日本語", "|日本語|")]
    #[case("4.3", "日本語", "|日  |")]
    #[case("", "ab", "|ab|")]
    fn a_text_is_laid_out_as_rust_does_by_columns(#[case] layout: &str, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(laid_out(layout, false, text), expected);
    }

    #[test]
    fn a_number_stands_right_and_takes_zeros() {
        assert_eq!((laid_out("4", true, "24"), laid_out("04", true, "24")), ("|  24|".into(), "|0024|".into()));
        assert_eq!(laid_out("<4", true, "24"), "|24  |");
    }

    #[test]
    fn a_layout_that_cannot_be_is_refused() {
        for bad in ["x", "5x", "99999999", "5.", "\u{1b}>5", "日<4"] {
            assert!(Layout::parse(bad, false).is_err(), "{bad}");
        }
    }
}
