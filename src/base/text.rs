//! The sanitiser: text from a broker, a file or a terminal, made safe and honest to show.
//!
//! Nothing that came from outside reaches a cell, a log or a terminal but through here. What is replaced stays visible:
//!
//! ```text
//! C0 and DEL        ␀ ␛ ␡            one column, marked as an escape
//! C1                ‹U+009B›
//! other spaces      ‹U+00A0›         also no-break, thin and wide ones
//! bidi, invisible   ‹U+202E›         also format controls, private use, noncharacters, U+2028 and U+2029
//! not UTF-8         \xFF
//! a huge grapheme   its first character and …
//! ```

use std::{fmt, ops::Range};

use unicode_normalization::is_nfc;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::human;

/// The most bytes of one grapheme that go into one cell.
const GRAPHEME_BYTES: usize = 32;

/// The most columns of a text that [`wrap`] breaks: 50 rows of 80, which no sentence needs.
const WRAPPED_COLUMNS: usize = 4_000;

/// The mark of a text that was cut.
pub const ELLIPSIS: char = '…';

/// One line of text that is safe to print, with the places where something was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    text: String,
    escapes: Vec<Range<usize>>,
    width: usize,
    cut: bool,
}

impl Shown {
    /// Returns the text, safe to print.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the width in terminal columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tells whether the text was longer than the columns allowed; it then ends in an ellipsis.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Iterates over the parts in order; the flag tells a part that stands for something that was replaced.
    pub fn parts(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut at = 0;
        let mut escapes = self.escapes.iter();
        let mut next = escapes.next();
        std::iter::from_fn(move || {
            if at == self.text.len() {
                return None;
            }
            let (end, escaped) = match next {
                Some(range) if range.start == at => {
                    let end = range.end;
                    next = escapes.next();
                    (end, true)
                }
                Some(range) => (range.start, false),
                None => (self.text.len(), false),
            };
            let part = &self.text[at..end];
            at = end;
            Some((part, escaped))
        })
    }

    /// Appends `part`, which must hold only what may be printed.
    fn push(&mut self, part: &str, width: usize, escaped: bool) {
        let start = self.text.len();
        self.text.push_str(part);
        self.width += width;
        if escaped {
            match self.escapes.last_mut() {
                Some(last) if last.end == start => last.end = self.text.len(),
                _ => self.escapes.push(start..self.text.len()),
            }
        }
    }

    /// Removes parts from the end until an ellipsis fits into `columns`; returns how many bytes went.
    fn cut_to(&mut self, columns: usize) -> usize {
        self.cut = true;
        let before = self.text.len();
        while self.width + 1 > columns {
            let Some((start, grapheme)) = self.text.grapheme_indices(true).next_back() else { break };
            self.width -= grapheme.width().min(self.width);
            self.text.truncate(start);
        }
        let len = self.text.len();
        self.escapes.retain_mut(|range| {
            range.end = range.end.min(len);
            range.start < range.end
        });
        if columns > 0 && !self.text.ends_with(ELLIPSIS) {
            self.push(ELLIPSIS.encode_utf8(&mut [0; 4]), 1, false);
        }
        before - len
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Makes one line of at most `columns` columns from text.
///
/// The cost depends on `columns` only, not on the length of the text: of a text whose graphemes are blown up so much that
/// the columns are not filled, the rest is cut all the same.
#[must_use]
pub fn line(text: &str, columns: usize) -> Shown {
    line_and_rest(text, columns).0
}

/// Makes a line, and returns how many bytes at the end of the text an ellipsis stands for.
fn line_and_rest(text: &str, columns: usize) -> (Shown, usize) {
    let looked_at = floor_char(text, most_bytes(columns));
    let mut shown = Shown::default();
    let mut rest = push_text(&mut shown, looked_at, columns) + text.len() - looked_at.len();
    if shown.width > columns || rest > 0 {
        rest += shown.cut_to(columns);
    }
    (shown, rest)
}

/// Returns how many bytes of a text are looked at: more than fill the columns, and some of what is not shown.
fn most_bytes(columns: usize) -> usize {
    columns.saturating_add(1).saturating_mul(GRAPHEME_BYTES).saturating_add(4096)
}

/// Makes one line of at most `columns` columns from bytes that may not be UTF-8.
#[must_use]
pub fn line_of_bytes(bytes: &[u8], columns: usize) -> Shown {
    let most = most_bytes(columns);
    let mut shown = Shown::default();
    for chunk in bytes[..bytes.len().min(most)].utf8_chunks() {
        push_text(&mut shown, chunk.valid(), columns);
        if shown.width > columns {
            break;
        }
        for byte in chunk.invalid() {
            shown.push(&format!("\\x{byte:02X}"), 4, true);
        }
    }
    if shown.width > columns || bytes.len() > most && !shown.cut {
        shown.cut_to(columns);
    }
    shown
}

/// Makes text of any length safe for a log, an error or a notice, on one line of at most 400 columns.
#[must_use]
pub fn safe(text: &str) -> Shown {
    line(text, 400)
}

/// Makes one line of a topic or a part of it, in which nothing that makes it another one is hidden.
///
/// Beyond what [`line()`] marks these are blanks at an end and several in a row, as `·`, letters that are composed in another
/// way than usual, and letters of another script that look like Latin ones beside them.
#[must_use]
pub fn name(text: &str, columns: usize) -> Shown {
    let looked_at = floor_char(text, most_bytes(columns));
    let is_usual =
        !looked_at.starts_with(' ') && !looked_at.ends_with(' ') && !looked_at.contains("  ") && !looked_at.contains(" /");
    if is_usual && !looked_at.contains("/ ") && looked_at.is_ascii() {
        return line(text, columns);
    }
    let mut shown = Shown::default();
    for (at, level) in looked_at.split('/').enumerate() {
        if at > 0 {
            shown.push("/", 1, false);
        }
        push_level(&mut shown, level, columns);
        if shown.width > columns {
            break;
        }
    }
    if shown.width > columns || looked_at.len() < text.len() {
        shown.cut_to(columns);
    }
    shown
}

/// Appends a level of a topic.
fn push_level(shown: &mut Shown, level: &str, columns: usize) {
    let is_composed = is_nfc(level);
    let has_latin = level.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_marked = |c: char| !is_composed && c.width() == Some(0) || has_latin && looks_latin(c);
    let (last, mut before) = (level.trim_end_matches(' ').len(), None);
    // What needs no mark goes the usual way, from here.
    let mut plain = 0;
    for (at, c) in level.char_indices() {
        let next = level[at + c.len_utf8()..].chars().next();
        let is_blank = c == ' ' && (before.is_none_or(|before| before == ' ') || next == Some(' ') || at >= last);
        if is_blank || is_marked(c) {
            push_text(shown, &level[plain..at], columns);
            plain = at + c.len_utf8();
            if is_blank {
                shown.push("·", 1, true);
            } else {
                push_named(shown, c);
            }
        }
        if shown.width > columns {
            return;
        }
        before = Some(c);
    }
    push_text(shown, &level[plain..], columns);
}

/// Returns `true` for a Greek or Cyrillic letter that most fonts draw like a Latin one.
fn looks_latin(c: char) -> bool {
    const LOOKALIKES: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονАВЕЅІЈКМНОРСТУХаеорсухѕіјһԁԛԝ";
    !c.is_ascii() && LOOKALIKES.contains(c)
}

/// Returns `true` for a space that is not the one of the keyboard, and cannot be told from it.
fn is_odd_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Cuts text that is already safe to `columns`, at the right, with an ellipsis.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    line(text, columns).text
}

/// Makes one line of a topic as [`name()`] does, of which the end is kept where it is too long: `…/machine/temp`.
#[must_use]
pub fn fit_end(text: &str, columns: usize) -> Shown {
    let mut clean = name(text, usize::MAX / (GRAPHEME_BYTES * 2));
    if clean.width <= columns {
        return clean;
    }
    let mut width = 1;
    let mut start = clean.text.len();
    for (at, grapheme) in clean.text.grapheme_indices(true).rev() {
        if width + grapheme.width() > columns {
            break;
        }
        width += grapheme.width();
        start = at;
    }
    let mut shown = Shown { cut: true, ..Shown::default() };
    if columns > 0 {
        shown.push(ELLIPSIS.encode_utf8(&mut [0; 4]), 1, false);
        let ellipsis = shown.text.len();
        clean.escapes.retain_mut(|range| {
            range.start = range.start.max(start) - start + ellipsis;
            range.end = range.end.max(start) - start + ellipsis;
            range.start < range.end
        });
        shown.text.push_str(&clean.text[start..]);
        shown.escapes = clean.escapes;
        shown.width = width;
    }
    shown
}

/// Tells whether a terminal must not receive this character as it is.
///
/// These are the control characters, what reorders or hides text (`General_Category` Cf and `Default_Ignorable_Code_Point`,
/// `Prepended_Concatenation_Mark` aside, which is seen), and what is not a character.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Tells whether a character may stand in a text of several lines: there line feeds and tabs are not hostile.
#[must_use]
pub fn is_text(c: char) -> bool {
    !is_hostile(c) || matches!(c, '\n' | '\t')
}

/// Writes text for a terminal or a text log: every line break and hostile character as an escape that names it.
///
/// Unlike [`line()`] nothing is cut; the result has one line. Of marks that are stacked on one letter those that are too many
/// are escaped as well.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut stack = Stack::default();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_hostile(c) || stack.is_too_high(c) {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// The marks that are stacked on one letter, which all go into one cell.
#[derive(Debug, Default)]
pub struct Stack {
    bytes: usize,
}

impl Stack {
    /// Takes the next character, and tells whether it is one mark too many.
    pub fn is_too_high(&mut self, c: char) -> bool {
        let is_mark = !c.is_ascii() && c.width() == Some(0);
        self.bytes = if is_mark { self.bytes.saturating_add(c.len_utf8()) } else { 0 };
        self.bytes > GRAPHEME_BYTES
    }
}

/// Breaks text into lines of at most `columns` columns, made safe: at its blanks, or after what joins the parts of a long
/// word, or where it must.
///
/// Of a text above 4,000 columns the last line says how much is left out.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut width) = (String::new(), 0);
    // The bytes of the line up to its last blank, and up to the last joint of a word.
    let (mut blank, mut joint) = (0, 0);
    let (shown, left_out) = line_and_rest(text, WRAPPED_COLUMNS);
    for grapheme in shown.as_str().graphemes(true) {
        while width > 0 && width + grapheme.width() > columns {
            let good = if blank > 0 { blank } else { joint };
            let rest = if good > 0 { line.split_off(good) } else { String::new() };
            lines.push(line.trim_end().to_owned());
            line = rest;
            width = line.width();
            (blank, joint) = (0, joint.saturating_sub(good));
        }
        line.push_str(grapheme);
        width += grapheme.width();
        match grapheme {
            " " => blank = line.len(),
            ":" | "/" | "," | "-" => joint = line.len(),
            _ => {}
        }
    }
    lines.push(line);
    if left_out > 0 {
        lines.push(fit(&format!("{ELLIPSIS} {} more", human::size(left_out as u64)), columns.max(1)));
    }
    lines
}

/// Appends text until the columns are more than full; returns how many of its bytes were not looked at.
fn push_text(shown: &mut Shown, text: &str, columns: usize) -> usize {
    let mut rest = text;
    while !rest.is_empty() && shown.width <= columns {
        let plain = rest.bytes().take_while(|b| (0x20..0x7f).contains(b)).count();
        // A combining mark belongs to the letter before it, so the last letter goes the careful way.
        let ascii = if plain == rest.len() { plain } else { plain.saturating_sub(1) };
        if ascii > 0 {
            let take = ascii.min(columns.saturating_sub(shown.width).saturating_add(1));
            shown.push(&rest[..take], take, false);
            rest = &rest[take..];
            continue;
        }
        // Segmentation looks only at a window, so that a grapheme of a megabyte costs no more than a small one.
        let window = floor_char(rest, GRAPHEME_BYTES * 2);
        let grapheme = window.graphemes(true).next().unwrap_or(window);
        if grapheme.len() <= GRAPHEME_BYTES {
            push_grapheme(shown, grapheme);
            rest = &rest[grapheme.len()..];
        } else {
            let first = grapheme.chars().next().map_or(0, char::len_utf8);
            push_grapheme(shown, &grapheme[..first]);
            shown.push("…", 1, true);
            rest = rest[first..].trim_start_matches(|c: char| c.width() == Some(0) || is_hostile(c) && !c.is_control());
            rest = skip_same(rest, grapheme[first..].chars().next());
        }
    }
    rest.len()
}

/// Skips the run of one character that a grapheme was blown up with (thousands of the same Hangul jamo, say).
fn skip_same(text: &str, c: Option<char>) -> &str {
    c.map_or(text, |c| text.trim_start_matches(c))
}

fn push_grapheme(shown: &mut Shown, grapheme: &str) {
    // A variation selector for emoji or text style changes no meaning, and terminals disagree about its width.
    let plain = grapheme.strip_suffix(['\u{fe0e}', '\u{fe0f}']).filter(|base| base.chars().count() == 1).unwrap_or(grapheme);
    let width = plain.width();
    let is_safe = |c: char| !is_hostile(c) && !is_odd_space(c) && !joins_in_dispute(c);
    if (1..=2).contains(&width) && plain.chars().all(is_safe) {
        shown.push(plain, width, false);
        return;
    }
    // Two raw characters of one grapheme would melt together again on the screen, so only every other one may be raw.
    let mut raw = false;
    for c in grapheme.chars() {
        let width = c.width().unwrap_or(0);
        raw = !raw && (1..=2).contains(&width) && is_safe(c);
        if raw {
            shown.push(c.encode_utf8(&mut [0; 4]), width, false);
            continue;
        }
        match c {
            '\0'..='\x1f' => shown.push(picture(u32::from(c)).encode_utf8(&mut [0; 4]), 1, true),
            '\x7f' => shown.push("␡", 1, true),
            _ => push_named(shown, c),
        }
    }
}

/// Returns `true` if a mark joins two letters and takes a column of its own in terminals that go by `General_Category` (Mc), so
/// that the second letter is not where it is believed to be: the viramas of Balinese and Javanese.
fn joins_in_dispute(c: char) -> bool {
    matches!(c, '\u{1b44}' | '\u{a9c0}')
}

/// Appends a character as its number.
fn push_named(shown: &mut Shown, c: char) {
    let name = format!("‹U+{:04X}›", u32::from(c));
    let width = name.width();
    shown.push(&name, width, true);
}

fn picture(code: u32) -> char {
    char::from_u32(0x2400 + code).unwrap_or('\u{fffd}')
}

fn floor_char(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        line(text, 80).to_string()
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in ["", "temp", "größe °C", "温度 21", "🌡 21", "e\u{301}te\u{301}"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn controls_are_shown_never_sent() {
        assert_eq!(shown("\x1b]0;pwned\x07"), "␛]0;pwned␇");
        assert_eq!(shown("a\0b\tc\r\n"), "a␀b␉c␍␊");
        assert_eq!(shown("\u{9b}31m\x7f"), "‹U+009B›31m␡");
    }

    #[test]
    fn what_reorders_or_hides_is_named() {
        assert_eq!(shown("abc\u{202e}def"), "abc‹U+202E›def");
        assert_eq!(shown("a\u{200b}b\u{feff}"), "a‹U+200B›b‹U+FEFF›");
        assert_eq!(shown("a\u{e0041}"), "a‹U+E0041›");
        assert_eq!(shown("a\u{2028}b"), "a‹U+2028›b");
    }

    #[test]
    fn a_space_that_is_not_the_usual_one_is_named() {
        assert_eq!(shown("21.5\u{a0}°C"), "21.5‹U+00A0›°C");
        for space in ['\u{1680}', '\u{2003}', '\u{2007}', '\u{202f}', '\u{3000}'] {
            assert_eq!(shown(&format!("a{space}b")), format!("a‹U+{:04X}›b", u32::from(space)));
        }
    }

    #[test]
    fn topics_that_are_not_the_same_do_not_look_the_same() {
        let cases = [
            ("a b", "a b"),
            ("a  b", "a··b"),
            (" a", "·a"),
            ("a ", "a·"),
            ("  ", "··"),
            ("x/ /y ", "x/·/y·"),
            ("ab /c d", "ab·/c d"),
            ("Küche", "Küche"),
            ("Ku\u{308}che", "Ku‹U+0308›che"),
            ("t\u{435}mp", "t‹U+0435›mp"),
            ("температура", "температура"),
            ("ΔT", "ΔT"),
            ("a\u{a0}b", "a‹U+00A0›b"),
            ("สวัสดี", "สวัสดี"),
            ("温度 1", "温度 1"),
        ];
        for (topic, expected) in cases {
            assert_eq!(name(topic, 80).as_str(), expected, "{topic:?}");
        }
        assert_eq!(name("a ", 80).parts().collect::<Vec<_>>(), [("a", false), ("·", true)]);
        assert_eq!((name("ab   ", 4).as_str(), name("tempera  ", 5).as_str()), ("ab·…", "temp…"));
    }

    #[test]
    fn an_emoji_selector_is_no_reason_to_complain() {
        assert_eq!(shown("\u{2600}\u{fe0f} 21"), "\u{2600} 21");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named() {
        assert_eq!(line_of_bytes(b"a\xffb\xc3", 80).as_str(), "a\\xFFb\\xC3");
    }

    #[test]
    fn a_cut_text_says_so_and_fits() {
        assert_eq!(line("temperature", 5).as_str(), "temp…");
        assert_eq!(line("温度温度", 5).as_str(), "温度…");
        assert_eq!(line("温度温度", 4).as_str(), "温…");
        assert_eq!(line("abc", 3).as_str(), "abc");
        assert_eq!(line("abc", 0).as_str(), "");
        assert_eq!(fit_end("site/line/machine", 9).as_str(), "…/machine");
        assert_eq!(fit_end("site/line/ a", 5).parts().collect::<Vec<_>>(), [("…e/", false), ("·", true), ("a", false)]);
        assert_eq!((fit_end("site", 0).as_str(), fit_end("site", 4).as_str(), fit_end("sites", 4).as_str()), ("", "site", "…tes"));
    }

    #[test]
    fn a_long_text_is_broken_at_blanks_and_made_safe() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("AB:CD:EF", 7), ["AB:CD:", "EF"]);
        assert_eq!(wrap("is AB:CD:EF", 9), ["is", "AB:CD:EF"], "a word that fits into a line is not torn");
        assert_eq!(wrap("a --ws-header", 12), ["a", "--ws-header"]);
        assert_eq!(wrap("a bc-de-fg", 4), ["a", "bc-", "de-", "fg"]);
        assert_eq!(wrap("温度温度", 5), ["温度", "温度"]);
        assert_eq!(wrap("a\nb", 5), ["a␊b"]);
        assert_eq!((wrap("", 5), wrap("ab", 0)), (vec![String::new()], vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_long_text_is_broken_whole_and_says_what_is_left_out_above_the_bound() {
        let long = "word ".repeat(200);
        assert_eq!(wrap(&long, 60).join(" ").split(' ').filter(|word| *word == "word").count(), 200);
        let endless = wrap(&"x".repeat(WRAPPED_COLUMNS + 1_000), 80);
        let shown: usize = endless.iter().map(|line| line.matches('x').count()).sum();
        let left = WRAPPED_COLUMNS + 1_000 - shown;
        assert_eq!(endless.last().map(String::as_str), Some(&*format!("… {} more", human::size(left as u64))));
    }

    #[test]
    fn a_zalgo_letter_takes_one_cell() {
        let text = format!("a{}b", "\u{301}".repeat(100));
        assert_eq!(line(&text, 10).as_str(), "a…b");
        assert_eq!(line(&"\u{301}".repeat(5), 100).as_str(), "‹U+0301›".repeat(5));
    }

    /// How long it takes to make a line of a text, at best.
    fn cost(text: &str) -> Duration {
        let once = || {
            let started = Instant::now();
            let shown = line(text, 20);
            assert!(shown.is_cut() && shown.width() <= 20, "{shown}");
            started.elapsed()
        };
        (0..10).map(|_| once()).min().unwrap_or_default()
    }

    #[test]
    fn the_cost_of_a_line_does_not_depend_on_the_length_of_the_text() {
        for (letter, before) in [("x", ""), ("\u{301}", "a"), ("\u{1100}", ""), ("\u{200b}", "a"), ("温", "")] {
            let text = |count| format!("{before}{}", letter.repeat(count));
            let (small, huge) = (cost(&text(10_000)), cost(&text(1_000_000)));
            assert!(huge < small * 10 + Duration::from_micros(50), "{letter:?}: {huge:?}, and {small:?} for a hundredth of it");
        }
    }

    #[test]
    fn a_hangul_run_cannot_pass_for_two_columns() {
        let shown = line(&"\u{1100}".repeat(40_000), 10);
        assert!(shown.as_str().width() <= 10 && shown.as_str().len() < 100, "{shown}");
        let few = line(&"\u{1100}".repeat(5), 80);
        assert!(few.as_str().graphemes(true).all(|g| g.width() <= 2), "{few}");
    }

    #[test]
    fn parts_tell_what_was_replaced() {
        let shown = line("a\0\x1bb", 10);
        let parts: Vec<_> = shown.parts().collect();
        assert_eq!(parts, [("a", false), ("␀␛", true), ("b", false)]);
    }

    /// Returns all characters of a class, as the tables of Unicode have it.
    fn class(class: &str) -> Vec<char> {
        let class = regex::Regex::new(&format!("^[{class}]$")).expect("a class");
        ('\0'..=char::MAX).filter(|c| class.is_match(c.encode_utf8(&mut [0; 4]))).collect()
    }

    #[test]
    fn whatever_is_drawn_without_a_column_of_its_own_is_hostile() {
        let hidden = class(r"\p{Cf}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}");
        let seen = class(r"\p{Prepended_Concatenation_Mark}");
        let missed: Vec<char> = hidden.into_iter().filter(|c| !seen.contains(c) && !is_hostile(*c)).collect();
        assert!(missed.is_empty(), "{:?}", missed.iter().map(|c| c.escape_unicode().to_string()).collect::<Vec<_>>());
        assert_eq!(line("PWN\u{13430}7", 40).as_str(), "PWN‹U+13430›7");
        assert_eq!(escape("PWN\u{13430}7".as_bytes()), "PWN\\u{13430}7");
    }

    #[test]
    fn a_mark_that_joins_letters_and_takes_a_column_in_some_terminals_is_named() {
        // A spacing mark (Mc) of which unicode-width says that it takes no column, between two letters of its script.
        let block = |c: char| u32::from(c) & !0x7f;
        let letters = class(r"\p{Lo}");
        let joins = |c: &char| {
            let letter = letters.iter().find(|letter| block(**letter) == block(*c));
            letter.is_some_and(|letter| format!("{letter}{c}{letter}").graphemes(true).count() == 1)
        };
        let disputed: Vec<char> = class(r"\p{Mc}").into_iter().filter(|c| c.width() == Some(0)).filter(joins).collect();
        assert!(disputed.iter().all(|c| joins_in_dispute(*c)), "{disputed:?}");
        assert_eq!(line("\u{1b13}\u{1b44}\u{1b13}", 40).as_str(), "\u{1b13}‹U+1B44›\u{1b13}");
        // Devanagari joins by a mark that takes a column nowhere; a vowel of Tamil joins nothing.
        for plain in ["\u{915}\u{94d}\u{937}", "\u{baf}\u{bbe}"] {
            assert_eq!(line(plain, 40).as_str(), plain);
        }
    }

    #[test]
    fn marks_that_are_stacked_are_escaped_where_they_are_too_many() {
        let escaped = escape(format!("a{}b\u{301}", "\u{301}".repeat(20)).as_bytes());
        assert_eq!(escaped, format!("a{}{}b\u{301}", "\u{301}".repeat(16), "\\u{301}".repeat(4)));
        let vietnamese = "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t";
        assert_eq!(escape(vietnamese.as_bytes()), vietnamese);
    }

    #[test]
    fn an_escaped_text_is_one_harmless_line() {
        assert_eq!(escape(b"a\n\x1b[31m\xff\xe2\x80\xae"), "a\\n\\u{1b}[31m\\xff\\u{202e}");
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_line_that_fits(bytes in proptest::collection::vec(any::<u8>(), 0..200), columns in 0usize..60) {
            let shown = line_of_bytes(&bytes, columns);
            prop_assert!(shown.width() <= columns);
            prop_assert_eq!(shown.as_str().width(), shown.width());
            prop_assert!(!shown.as_str().chars().any(is_hostile));
            prop_assert_eq!(shown.parts().map(|(part, _)| part).collect::<String>(), shown.as_str());
        }

        #[test]
        fn any_topic_becomes_a_line_that_fits(topic in "[ a/е\u{301}\u{a0}温ü]{0,30}", columns in 0usize..40) {
            for shown in [name(&topic, columns), fit_end(&topic, columns)] {
                prop_assert!(shown.width() <= columns, "{shown}");
                prop_assert_eq!(shown.as_str().width(), shown.width());
                prop_assert_eq!(shown.parts().map(|(part, _)| part).collect::<String>(), shown.as_str());
            }
        }

        #[test]
        fn any_text_becomes_cells_of_at_most_two_columns(text in "\\PC{0,40}|[\\u{0}-\\u{10ffff}]{0,40}", columns in 0usize..60) {
            let shown = line(&text, columns);
            prop_assert!(shown.width() <= columns);
            for grapheme in shown.as_str().graphemes(true) {
                prop_assert!(grapheme.len() <= GRAPHEME_BYTES && grapheme.width() <= 2, "{:?}", grapheme);
            }
        }
    }
}
