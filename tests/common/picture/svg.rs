//! Cells to SVG: a window with a title bar, and in it layers of shapes and text.

use std::{collections::BTreeMap, fmt::Write as _};

use mqtap::theme::colour::{Rgb, rgb};
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr as _;

use super::shapes::{Shape, shape};

/// The width of a cell in pixels.
pub(super) const CELL_WIDTH: u16 = 10;
/// The height of a cell in pixels.
pub(super) const CELL_HEIGHT: u16 = 20;
/// The space between the edge of the window and its cells.
pub(super) const PADDING: u16 = 14;
/// The height of the title bar.
pub(super) const TITLE_BAR: u16 = 34;

/// The distance of the text's baseline from the top of its cell.
const BASELINE: u16 = 15;
/// The size at which `DejaVu Sans Mono`, 1233 of 2048 units wide, is as wide as a cell.
const FONT_SIZE: f32 = 10.0 * 2048.0 / 1233.0;

/// What a picture shows where a cell has the terminal's own colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) foreground: Rgb,
    pub(crate) background: Rgb,
}

/// Draws cells as the SVG of a terminal window.
pub(crate) fn svg(cells: &Buffer, look: Look, title: &str) -> String {
    let mut layers = Layers::default();
    for row in 0..cells.area.height {
        let mut hidden = 0;
        for column in 0..cells.area.width {
            let Some(cell) = cells.cell((cells.area.x + column, cells.area.y + row)) else { continue };
            // What a wide character covers shows nothing of its own.
            let symbol = if hidden > 0 { " " } else { cell.symbol() };
            hidden = symbol.width().max(hidden).saturating_sub(1);
            layers.draw(symbol, Ink::of(cell, look), PADDING + column * CELL_WIDTH, TITLE_BAR + row * CELL_HEIGHT, look);
        }
        layers.end_run();
    }
    let width = 2 * PADDING + cells.area.width * CELL_WIDTH;
    let height = TITLE_BAR + PADDING + cells.area.height * CELL_HEIGHT;
    window(width, height, look, title) + &layers.write() + "</svg>\n"
}

/// Writes the start of the file, the window and its title.
fn window(width: u16, height: u16, look: Look, title: &str) -> String {
    let Look { foreground, background } = look;
    let (ground, edge, name) = (hex(background), hex(mix(foreground, background, 0.8)), hex(mix(foreground, background, 0.4)));
    let (inner_width, inner_height, middle, title) = (width - 1, height - 1, width / 2, escaped(title));
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="DejaVu Sans Mono" font-size="{FONT_SIZE}">
<rect x=".5" y=".5" width="{inner_width}" height="{inner_height}" rx="10" fill="{ground}" stroke="{edge}"/>
<circle cx="22" cy="17" r="5" fill="{edge}"/><circle cx="40" cy="17" r="5" fill="{edge}"/><circle cx="58" cy="17" r="5" fill="{edge}"/>
<text x="{middle}" y="22" font-size="13" text-anchor="middle" fill="{name}">{title}</text>
"#
    )
}

/// The colours and attributes of a cell, reverse and dim already applied.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ink {
    text: Rgb,
    ground: Rgb,
    modifiers: Modifier,
}

impl Ink {
    fn of(cell: &Cell, look: Look) -> Self {
        let shown = |color: Color, default| rgb(color).unwrap_or(default);
        let (mut text, mut ground) = (shown(cell.fg, look.foreground), shown(cell.bg, look.background));
        if cell.modifier.contains(Modifier::REVERSED) {
            (text, ground) = (ground, text);
        }
        if cell.modifier.contains(Modifier::DIM) {
            text = mix(text, ground, 0.4);
        }
        if cell.modifier.contains(Modifier::HIDDEN) {
            text = ground;
        }
        Self { text, ground, modifiers: cell.modifier }
    }
}

/// Path data by colour.
type Paths = BTreeMap<String, String>;

/// What lies one over the other in the window.
#[derive(Default)]
struct Layers {
    grounds: Paths,
    blocks: Paths,
    dots: Paths,
    arcs: Paths,
    text: String,
    run: Option<Run>,
}

/// Characters in a row that look alike and are as wide as a cell.
struct Run {
    ink: Ink,
    x: u16,
    y: u16,
    text: String,
}

impl Layers {
    /// Draws one cell whose top left corner is at `x` and `y`.
    fn draw(&mut self, symbol: &str, ink: Ink, x: u16, y: u16, look: Look) {
        if ink.ground != look.background {
            add(&mut self.grounds, ink.ground, &format!("M{x} {y}h{CELL_WIDTH}v{CELL_HEIGHT}h-{CELL_WIDTH}z"));
        }
        for (modifier, down) in [(Modifier::UNDERLINED, BASELINE + 2), (Modifier::CROSSED_OUT, BASELINE - 5)] {
            if ink.modifiers.contains(modifier) {
                add(&mut self.blocks, ink.text, &format!("M{x} {}h{CELL_WIDTH}v1h-{CELL_WIDTH}z", y + down));
            }
        }
        let mut characters = symbol.chars();
        let only = characters.next().filter(|_| characters.next().is_none());
        match only.and_then(|character| shape(character, x, y)) {
            Some(drawn) => {
                self.end_run();
                match drawn {
                    Shape::Block(path) => add(&mut self.blocks, ink.text, &path),
                    Shape::Shade(path, share) => add(&mut self.blocks, mix(ink.ground, ink.text, share), &path),
                    Shape::Dots(path) => add(&mut self.dots, ink.text, &path),
                    Shape::Arc(path) => add(&mut self.arcs, ink.text, &path),
                }
            }
            None => self.push_text(symbol, ink, x, y),
        }
    }

    /// Adds text to the run before it if it looks alike, or starts one.
    fn push_text(&mut self, symbol: &str, ink: Ink, x: u16, y: u16) {
        // Only of ASCII it is certain that the font has it, as wide as a cell.
        let plain = symbol.is_ascii();
        match &mut self.run {
            Some(run) if plain && run.ink == ink => run.text.push_str(symbol),
            _ => {
                self.end_run();
                if symbol != " " {
                    self.run = Some(Run { ink, x, y, text: symbol.to_owned() });
                }
            }
        }
        if !plain {
            self.end_run();
        }
    }

    /// Writes the run, if there is one.
    fn end_run(&mut self) {
        let Some(Run { ink, x, y, text }) = self.run.take() else { return };
        let weight = if ink.modifiers.contains(Modifier::BOLD) { r#" font-weight="bold""# } else { "" };
        let slant = if ink.modifiers.contains(Modifier::ITALIC) { r#" font-style="italic""# } else { "" };
        let (y, fill, text) = (y + BASELINE, hex(ink.text), escaped(text.trim_end()));
        let _ = writeln!(self.text, r#"<text x="{x}" y="{y}" fill="{fill}"{weight}{slant} xml:space="preserve">{text}</text>"#);
    }

    fn write(&self) -> String {
        let mut out = String::new();
        let crisp = r#"shape-rendering="crispEdges" fill"#;
        for (paths, attributes) in
            [(&self.grounds, crisp), (&self.blocks, crisp), (&self.dots, "fill"), (&self.arcs, r#"fill="none" stroke"#)]
        {
            for (color, path) in paths {
                let _ = writeln!(out, r#"<path {attributes}="{color}" d="{path}"/>"#);
            }
        }
        out + &self.text
    }
}

fn add(paths: &mut Paths, color: Rgb, path: &str) {
    paths.entry(hex(color)).or_default().push_str(path);
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Mixes two colours, of which the second has `share` of the whole.
fn mix(one: Rgb, other: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|channel| {
        let mixed = f32::from(one[channel]) * (1.0 - share) + f32::from(other[channel]) * share;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of two bytes is a byte")]
        let byte = mixed.round() as u8;
        byte
    })
}

/// Escapes text for XML, leaving out what XML forbids.
fn escaped(text: &str) -> String {
    let allowed: String = text.chars().filter(|character| !character.is_control()).collect();
    allowed.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
