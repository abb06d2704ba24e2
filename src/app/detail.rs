//! The detail pane: the selected message, decoded once and scrolled.

use jiff::tz::TimeZone;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::kind::kind;
use crate::{
    base::{
        clock::Stamp,
        human,
        text::{self, Shown},
    },
    payload::{self, Detected, Format, Limits, Span, Tone},
    store::{Entry, Seq, Store},
};

/// A line of the pane: parts with their tones, all safe to show.
pub type Line = Vec<Span>;

/// How many User Properties are listed; a message can carry tens of thousands.
const MOST_PROPERTIES: usize = 200;

/// How many columns a value in the list of properties takes at most before it is cut.
const VALUE_COLUMNS: usize = 2_000;

/// What the pane shows of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// The payload, decoded.
    #[default]
    Payload,
    /// Flags, times and properties.
    Properties,
    /// The payload byte by byte.
    Hex,
}

impl Tab {
    /// All tabs from left to right.
    pub const ALL: [Self; 3] = [Self::Payload, Self::Properties, Self::Hex];

    /// Returns the tab `step` to the right, around the ends.
    #[must_use]
    pub fn step(self, step: isize) -> Self {
        let at = Self::ALL.iter().position(|&tab| tab == self).unwrap_or(0);
        Self::ALL[(at + Self::ALL.len()).saturating_add_signed(step) % Self::ALL.len()]
    }
}

/// What the decoded lines were made from: while it stays the same, they are not made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    seq: Seq,
    tab: Tab,
    columns: usize,
    wrap: bool,
}

/// Tab, scroll position and the decoded message.
#[derive(Debug)]
pub struct Detail {
    /// The tab in front.
    pub tab: Tab,
    /// The first visible line.
    pub top: usize,
    /// Whether long lines go on in the next row.
    pub wrap: bool,
    source: Option<Source>,
    format: Option<(Format, &'static str)>,
    lines: Vec<Line>,
    total: usize,
}

impl Default for Detail {
    fn default() -> Self {
        Self { tab: Tab::Payload, top: 0, wrap: true, source: None, format: None, lines: Vec::new(), total: 0 }
    }
}

impl Detail {
    /// Decodes the message unless that was done, for a window of `columns` by `rows`, and keeps the scroll position in it.
    ///
    /// With the message comes the arrival of the one before on the same topic.
    pub fn prepare(
        &mut self,
        store: &Store,
        entry: Option<(&Entry<'_>, Option<Stamp>)>,
        columns: usize,
        rows: usize,
        zone: &TimeZone,
    ) {
        let Some((entry, previous)) = entry else {
            *self = Self { tab: self.tab, wrap: self.wrap, ..Self::default() };
            return;
        };
        let source = Source { seq: entry.seq, tab: self.tab, columns, wrap: self.wrap };
        if self.source != Some(source) {
            if self.source.is_some_and(|before| before.seq != entry.seq || before.tab != self.tab) {
                self.top = 0;
            }
            self.source = Some(source);
            self.decode(kind(store, entry), entry, previous, columns, zone);
        }
        match self.tab {
            Tab::Hex => {
                let per_row = hex_bytes_per_row(columns);
                self.total = payload::hex_row_count(entry.payload.len(), per_row);
                self.top = self.top.min(self.total.saturating_sub(rows));
                self.lines = payload::hex_rows(entry.payload, self.top..self.top + rows, per_row);
            }
            Tab::Payload | Tab::Properties => {
                self.total = self.lines.len();
                self.top = self.top.min(self.total.saturating_sub(rows));
            }
        }
    }

    fn decode(&mut self, detected: Detected, entry: &Entry<'_>, previous: Option<Stamp>, columns: usize, zone: &TimeZone) {
        self.format = Some((detected.format, detected.reason));
        let lines = match self.tab {
            Tab::Payload => page(entry.payload, detected.format),
            Tab::Properties => describe(entry, previous, zone),
            Tab::Hex => Vec::new(),
        };
        self.lines = if self.wrap { lines.into_iter().flat_map(|line| wrap(line, columns)).collect() } else { lines };
    }

    /// Scrolls; the next frame stops it at the end.
    pub fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
    }

    /// Returns the lines of the window, from the first visible one on.
    #[must_use]
    pub fn visible(&self) -> &[Line] {
        match self.tab {
            Tab::Hex => &self.lines,
            Tab::Payload | Tab::Properties => self.lines.get(self.top..).unwrap_or_default(),
        }
    }

    /// Returns how many lines there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Returns how the payload was taken, and why.
    #[must_use]
    pub fn format(&self) -> Option<(Format, &'static str)> {
        self.format
    }
}

/// Decodes a payload; one that cannot be decoded is shown as bytes, below the reason.
fn page(bytes: &[u8], format: Format) -> Vec<Line> {
    let note = |text: String| vec![Span { text, tone: Tone::Note }];
    let limits = Limits::default();
    let (why, document) = match payload::document(bytes, format, &limits) {
        Ok(document) => (None, Ok(document)),
        Err(why) => (Some(why), payload::document(bytes, Format::Binary, &limits)),
    };
    let document = document.unwrap_or_default();
    why.into_iter().chain(document.notes).map(note).chain(document.lines).collect()
}

/// Chooses how many bytes a row of the hex view has: the most of 32, 16 or 8 that fit with offset and text.
fn hex_bytes_per_row(columns: usize) -> usize {
    [32, 16].into_iter().find(|bytes| 10 + bytes * 4 + 2 <= columns).unwrap_or(8)
}

/// Lists flags, times and properties, a line each.
fn describe(entry: &Entry<'_>, previous: Option<Stamp>, zone: &TimeZone) -> Vec<Line> {
    let yes_no = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let mut lines = Vec::new();
    let label = |label: &str| Span { text: format!("{label:<18}"), tone: Tone::Key };
    lines.push(std::iter::once(label("topic")).chain(parts(&text::name(entry.topic, VALUE_COLUMNS))).collect());
    let mut add = |name: &str, value: String| {
        lines.push(std::iter::once(label(name)).chain(parts(&text::line(&value, VALUE_COLUMNS))).collect());
    };
    add("qos", entry.qos.to_string());
    add("retain", yes_no(entry.retain));
    add("dup", yes_no(entry.dup));
    if entry.resumed {
        add("resumed", "yes: the broker had kept it in the session".to_owned());
    }
    add("size", format!("{} ({})", human::size(entry.payload.len() as u64), human::count(entry.payload.len() as u64)));
    let since = previous.map(|at| format!("   {} after the one before", human::span(entry.at.since(at))));
    add("received", format!("{}{}", human::time_of_day(entry.at, zone), since.unwrap_or_default()));
    add("received (UTC)", human::utc(entry.at));
    add("number", human::count(entry.seq.0 + 1));
    let Some(properties) = entry.properties() else { return lines };
    if let Some(format) = properties.payload_format {
        let name = if format == 1 { "UTF-8 text" } else { "bytes" };
        let valid = format != 1 || std::str::from_utf8(entry.payload).is_ok();
        add("payload format", format!("{format}, {name}{}", if valid { "" } else { ", but the payload is not UTF-8" }));
    }
    if let Some(content_type) = properties.content_type {
        add("content type", content_type);
    }
    if let Some(seconds) = properties.message_expiry {
        add("message expiry", format!("{} s", human::count(seconds.into())));
    }
    if let Some(topic) = properties.response_topic {
        add("response topic", topic);
    }
    if let Some(data) = properties.correlation_data {
        let hex = data.iter().take(64).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let text = std::str::from_utf8(&data).map(|text| format!("   {text}")).unwrap_or_default();
        add("correlation data", format!("{hex}{}{text}", if data.len() > 64 { "…" } else { "" }));
    }
    if let Some(alias) = properties.topic_alias {
        add("topic alias", alias.to_string());
    }
    for id in &properties.subscription_ids {
        add("subscription id", id.to_string());
    }
    let count = properties.user_properties.len();
    for (name, value) in properties.user_properties.into_iter().take(MOST_PROPERTIES) {
        add("user property", format!("{name} = {value}"));
    }
    if count > MOST_PROPERTIES {
        add("user property", format!("… {} more", human::count((count - MOST_PROPERTIES) as u64)));
    }
    lines
}

/// Gives what was replaced in a text its own tone.
fn parts(shown: &Shown) -> Line {
    let tone = |escaped| if escaped { Tone::Escape } else { Tone::Plain };
    shown.parts().map(|(part, escaped)| Span { text: part.to_owned(), tone: tone(escaped) }).collect()
}

/// Breaks a line into rows of at most `columns` columns.
pub(super) fn wrap(line: Line, columns: usize) -> Vec<Line> {
    if columns == 0 || line.iter().map(|span| span.text.width()).sum::<usize>() <= columns {
        return vec![line];
    }
    let mut rows = vec![Line::new()];
    let mut used = 0;
    for span in line {
        let mut part = String::new();
        for grapheme in span.text.graphemes(true) {
            let width = grapheme.width();
            if used + width > columns {
                if let Some(row) = rows.last_mut() {
                    row.push(Span { text: std::mem::take(&mut part), tone: span.tone });
                }
                rows.push(Line::new());
                used = 0;
            }
            part.push_str(grapheme);
            used += width;
        }
        if let Some(row) = rows.last_mut().filter(|_| !part.is_empty()) {
            row.push(Span { text: part, tone: span.tone });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_go_round() {
        assert_eq!(Tab::Payload.step(1), Tab::Properties);
        assert_eq!(Tab::Payload.step(-1), Tab::Hex);
        assert_eq!(Tab::Hex.step(1), Tab::Payload);
    }

    #[test]
    fn a_long_line_goes_on_in_the_next_row_with_its_tones() {
        let span = |text: &str, tone| Span { text: text.to_owned(), tone };
        let rows = wrap(vec![span("abc", Tone::Key), span("温度de", Tone::Plain)], 4);
        let texts: Vec<String> = rows.iter().map(|row| row.iter().map(|span| span.text.as_str()).collect()).collect();
        assert_eq!(texts, ["abc", "温度", "de"]);
        assert!(rows[1].iter().filter(|span| !span.text.is_empty()).all(|span| span.tone == Tone::Plain));
    }
}
