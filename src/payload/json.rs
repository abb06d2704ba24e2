//! JSON as its bytes have it: tokens that keep every digit, key and repetition, found without recursion.
//!
//! `serde_json` would round numbers and merge keys, so the text is read here; the tests hold both to the same grammar.

use super::{
    Tone,
    piece::{Layout, Piece},
};

/// A token, with the bytes that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open(&'static str),
    Close(&'static str),
    Comma,
    Colon,
    Key(&'a str),
    String(&'a str),
    Number(&'a str),
    Bool(&'a str),
    Null(&'a str),
}

impl<'a> Token<'a> {
    fn piece(self) -> Piece<'a> {
        match self {
            Self::Open(bracket) => Piece::Open(bracket),
            Self::Close(bracket) => Piece::Close(bracket),
            Self::Comma => Piece::Comma,
            Self::Colon => Piece::Colon,
            Self::Key(text) => Piece::Atom(text, Tone::Key),
            Self::String(text) => Piece::Atom(text, Tone::String),
            Self::Number(text) => Piece::Atom(text, Tone::Number),
            Self::Bool(text) => Piece::Atom(text, Tone::Bool),
            Self::Null(text) => Piece::Atom(text, Tone::Null),
        }
    }
}

/// Where and why bytes stop being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    /// The offset of the first byte that does not belong, the length where more was expected.
    pub(super) at: usize,
    /// What was expected.
    pub(super) expected: &'static str,
}

impl Stop {
    /// Writes the place as a person counts it, from one: `line 3, column 5: expected a colon`.
    pub(super) fn describe(self, bytes: &[u8]) -> String {
        let before = &bytes[..self.at.min(bytes.len())];
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|byte| *byte == b'\n').count();
        let column =
            before[start..].utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum::<usize>() + 1;
        format!("line {line}, column {column}: expected {}", self.expected)
    }
}

/// Tells whether bytes start as a JSON map, list or string does; bare numbers and words are text.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    matches!(bytes.iter().find(|byte| !is_space(**byte)), Some(b'{' | b'[' | b'"'))
}

/// Returns where text that was meant as JSON stops being it: a map with a first key, a list with a second member, or either
/// of them nearly to its end.
pub(super) fn almost(bytes: &[u8]) -> Option<Stop> {
    let first = *bytes.iter().find(|byte| !is_space(**byte)).filter(|byte| matches!(byte, b'{' | b'['))?;
    let (mut tokens, mut parts) = (0, 0);
    for token in Tokens::new(bytes) {
        match token {
            Ok(token) => {
                tokens += 1;
                parts += usize::from(matches!(token, Token::Colon | Token::Comma));
            }
            Err(stop) => {
                let is_python = first == b'{' && bytes.get(stop.at) == Some(&b'\'');
                let is_near_the_end = tokens > 1 && stop.at * 10 >= bytes.trim_ascii_end().len() * 9;
                return (parts > 0 || is_python || is_near_the_end).then_some(stop);
            }
        }
    }
    None
}

/// Checks bytes against the grammar; where they are only the start of a payload (`whole` is false), they may end anywhere.
pub(super) fn check(bytes: &[u8], whole: bool) -> Result<(), Stop> {
    match Tokens::new(bytes).find_map(Result::err) {
        Some(stop) if whole || stop.at < bytes.len() => Err(stop),
        Some(_) | None => Ok(()),
    }
}

/// Hands the pieces of JSON to a layout until it has enough or the bytes stop being JSON.
pub(super) fn write(bytes: &[u8], layout: &mut impl Layout) {
    for token in Tokens::new(bytes) {
        let Ok(token) = token else { break };
        if !layout.piece(token.piece()) {
            break;
        }
    }
}

/// What the grammar allows next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    CommaOrClose,
    End,
    Nothing,
}

/// The tokens of one JSON text; after an error there are no more.
///
/// The open brackets are kept in a list of one byte each, so nesting costs no stack.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Bracket>,
    expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Map,
    List,
}

impl<'a> Tokens<'a> {
    /// Starts at the first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, open: Vec::new(), expect: Expect::Value }
    }

    fn step(&mut self) -> Result<Option<Token<'a>>, Stop> {
        self.at += self.bytes[self.at..].iter().take_while(|byte| is_space(**byte)).count();
        let next = self.bytes.get(self.at).copied();
        match self.expect {
            Expect::Nothing => Ok(None),
            Expect::End if next.is_none() => Ok(None),
            Expect::End => Err(self.stop("nothing more")),
            Expect::Value => self.value(next, "a value").map(Some),
            Expect::ValueOrClose if next == Some(b']') => Ok(Some(self.close("]"))),
            Expect::ValueOrClose => self.value(next, "a value or ]").map(Some),
            Expect::KeyOrClose if next == Some(b'}') => Ok(Some(self.close("}"))),
            Expect::KeyOrClose => self.key(next, "a key in quotes or }").map(Some),
            Expect::Key => self.key(next, "a key in quotes").map(Some),
            Expect::Colon if next == Some(b':') => {
                self.at += 1;
                self.expect = Expect::Value;
                Ok(Some(Token::Colon))
            }
            Expect::Colon => Err(self.stop("a colon")),
            Expect::CommaOrClose => self.comma_or_close(next).map(Some),
        }
    }

    fn comma_or_close(&mut self, next: Option<u8>) -> Result<Token<'a>, Stop> {
        match (self.open.last(), next) {
            (Some(Bracket::Map), Some(b'}')) => Ok(self.close("}")),
            (Some(Bracket::List), Some(b']')) => Ok(self.close("]")),
            (Some(bracket), Some(b',')) => {
                self.at += 1;
                self.expect = if *bracket == Bracket::Map { Expect::Key } else { Expect::Value };
                Ok(Token::Comma)
            }
            (Some(Bracket::Map), _) => Err(self.stop("a comma or }")),
            (Some(Bracket::List), _) => Err(self.stop("a comma or ]")),
            (None, _) => Err(self.stop("nothing more")),
        }
    }

    fn key(&mut self, next: Option<u8>, expected: &'static str) -> Result<Token<'a>, Stop> {
        if next != Some(b'"') {
            return Err(self.stop(expected));
        }
        let text = self.string()?;
        self.expect = Expect::Colon;
        Ok(Token::Key(text))
    }

    fn value(&mut self, next: Option<u8>, expected: &'static str) -> Result<Token<'a>, Stop> {
        let token = match next {
            Some(b'{') => return Ok(self.open_bracket(Bracket::Map)),
            Some(b'[') => return Ok(self.open_bracket(Bracket::List)),
            Some(b'"') => Token::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Token::Number(self.number()?),
            Some(b't') => Token::Bool(self.word("true")?),
            Some(b'f') => Token::Bool(self.word("false")?),
            Some(b'n') => Token::Null(self.word("null")?),
            Some(_) | None => return Err(self.stop(expected)),
        };
        self.after_value();
        Ok(token)
    }

    fn open_bracket(&mut self, bracket: Bracket) -> Token<'a> {
        self.at += 1;
        self.open.push(bracket);
        match bracket {
            Bracket::Map => {
                self.expect = Expect::KeyOrClose;
                Token::Open("{")
            }
            Bracket::List => {
                self.expect = Expect::ValueOrClose;
                Token::Open("[")
            }
        }
    }

    fn close(&mut self, bracket: &'static str) -> Token<'a> {
        self.at += 1;
        self.open.pop();
        self.after_value();
        Token::Close(bracket)
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() { Expect::End } else { Expect::CommaOrClose };
    }

    /// Reads a string with its quotes; the escapes are checked and stay as they are (RFC 8259, 7).
    fn string(&mut self) -> Result<&'a str, Stop> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.stop("a closing quote")),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.stop("no raw control character in a string")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let raw = &self.bytes[start..self.at];
        std::str::from_utf8(raw).map_err(|error| Stop { at: start + error.valid_up_to(), expected: "UTF-8" })
    }

    fn escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        match self.bytes.get(self.at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.bytes.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                        return Err(self.stop("four hexadecimal digits"));
                    }
                    self.at += 1;
                }
            }
            Some(_) | None => return Err(self.stop("an escape that JSON has")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Stop> {
        let start = self.at;
        self.skip(b"-");
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(_) | None => self.digits()?,
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        Ok(std::str::from_utf8(&self.bytes[start..self.at]).expect("digits and signs are ASCII"))
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { Err(self.stop("a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str) -> Result<&'a str, Stop> {
        for byte in word.bytes() {
            if self.bytes.get(self.at) != Some(&byte) {
                return Err(self.stop("true, false or null"));
            }
            self.at += 1;
        }
        Ok(word)
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn stop(&self, expected: &'static str) -> Stop {
        Stop { at: self.at, expected }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        let token = self.step().transpose();
        if matches!(token, Some(Err(_)) | None) {
            self.expect = Expect::Nothing;
        }
        token
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn stop(text: &str) -> String {
        check(text.as_bytes(), true).expect_err(text).describe(text.as_bytes())
    }

    #[test]
    fn every_digit_and_key_is_kept() {
        let text = r#"{"a":1e400,"a":99999999999999999999,"b":[1.10,-0,true,null]}"#;
        let joined: String = Tokens::new(text.as_bytes())
            .map(|token| match token.expect("valid").piece() {
                Piece::Open(text) | Piece::Close(text) | Piece::Atom(text, _) => text,
                Piece::Comma => ",",
                Piece::Colon => ":",
            })
            .collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn an_error_says_where_and_what() {
        assert_eq!(stop("{\"a\": 1,\n \"größe\" 2}"), "line 2, column 10: expected a colon");
        assert_eq!(stop("[1, 2"), "line 1, column 6: expected a comma or ]");
        assert_eq!(stop("[1] x"), "line 1, column 5: expected nothing more");
        assert_eq!(stop("[01]"), "line 1, column 3: expected a comma or ]");
        assert_eq!(stop("[tru]"), "line 1, column 5: expected true, false or null");
        assert_eq!(stop("{\"a\":1,}"), "line 1, column 8: expected a key in quotes");
    }

    #[test]
    fn the_start_of_json_may_end_anywhere() {
        let text = r#"{"a": [1.5, "x\u00e9", true, null], "b": {}}"#;
        for end in 0..=text.len() {
            assert_eq!(check(&text.as_bytes()[..end], false), Ok(()), "{end}");
        }
        assert!(check(b"{a", false).is_err());
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
        assert_eq!(check(&deep, true), Ok(()));
        assert!(check(&deep[..1_000_000], true).is_err());
    }

    #[test]
    fn text_that_was_meant_as_json_says_where_it_stops() {
        let cases = [
            ("{\"id\":41\",\"name\":\"pump\"}", Some("line 1, column 9: expected a comma or }")),
            ("{\"t\":nan,\"u\":1}", Some("line 1, column 7: expected true, false or null")),
            ("{'t': 21.5}", Some("line 1, column 2: expected a key in quotes or }")),
            ("{\"t\":21.5,\"unit\":\"", Some("line 1, column 19: expected a closing quote")),
            ("[1, 2, 3", Some("line 1, column 9: expected a comma or ]")),
            ("{\"a\":1}{\"a\":2}", Some("line 1, column 8: expected nothing more")),
            ("{{ value_json.t }}", None),
            ("[2026-03-01 12:00] pump on", None),
            ("[info] ready", None),
            ("{\"a\":1}", None),
            ("plain", None),
        ];
        for (text, expected) in cases {
            let stop = almost(text.as_bytes()).map(|stop| stop.describe(text.as_bytes()));
            assert_eq!(stop.as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn serde_json_accepts_the_same(text in r#"([\[\]{},:"\\u0-9.eE+\- \n]|true|false|null|"[a-z]{0,3}"|"[a-z]":|-?[0-9]{1,3}(\.[0-9])?){0,12}"#) {
            let ours = check(text.as_bytes(), true).is_ok();
            prop_assert_eq!(ours, serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), whole: bool) {
            if let Err(stop) = check(&bytes, whole) {
                prop_assert!(stop.at <= bytes.len());
                stop.describe(&bytes);
            }
        }
    }
}
