//! Where the terminal's cursor is and how it writes, and the shortest bytes that change that.

use ratatui::style::{Color, Modifier};

/// A modifier, the SGR parameter that sets it, and the one that ends it.
const MODIFIERS: [(Modifier, u8, u8); 7] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// The modifiers that are seen on a blank; without them its foreground is not seen either.
const SEEN_ON_BLANK: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

/// What can be seen of a cell, apart from its character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Look {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Look {
    /// What a terminal writes with after a reset.
    pub(super) const PLAIN: Self = Self { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    /// Makes the look of a character.
    pub(super) fn of_ink(fg: Color, bg: Color, modifier: Modifier) -> Self {
        let known = MODIFIERS.iter().fold(Modifier::empty(), |known, (flag, ..)| known.union(*flag));
        Self { fg, bg, modifier: modifier & known }
    }

    /// Makes the look of a blank, of which often the ground is all that is seen.
    pub(super) fn of_blank(fg: Color, bg: Color, modifier: Modifier) -> Self {
        let look = Self::of_ink(fg, bg, modifier);
        if look.modifier.intersects(SEEN_ON_BLANK) { look } else { Self { bg, ..Self::PLAIN } }
    }

    /// Tells whether it shows as a bare ground.
    fn is_bare(self) -> bool {
        !self.modifier.intersects(SEEN_ON_BLANK)
    }

    /// Tells whether a blank with the look `blank` looks the same when it is written with this one.
    pub(super) fn suits_blank(self, blank: Self) -> bool {
        self == blank || (self.is_bare() && blank.is_bare() && self.bg == blank.bg)
    }

    /// Tells whether the ground differs, which is how a selection shows.
    pub(super) fn stands_out_from(self, other: Self) -> bool {
        self.bg != other.bg || (self.modifier ^ other.modifier).contains(Modifier::REVERSED)
    }

    /// Returns this look changed as little as a blank with the look `blank` needs.
    pub(super) fn grounded(self, blank: Self) -> Self {
        if self.suits_blank(blank) {
            self
        } else if blank.is_bare() {
            Self { bg: blank.bg, modifier: self.modifier - SEEN_ON_BLANK, ..self }
        } else {
            blank
        }
    }
}

/// The terminal's pen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    /// Column and row, where they are known for sure.
    pub(super) at: Option<(u16, u16)>,
    pub(super) look: Look,
}

/// A movement in one direction.
#[derive(Debug, Clone, Copy)]
enum Step {
    Stay,
    /// A control character, so many times.
    Control(u8, u16),
    /// A control sequence with this number.
    Sequence(u16, u8),
}

impl Step {
    fn cost(self) -> usize {
        match self {
            Self::Stay => 0,
            Self::Control(_, times) => times.into(),
            Self::Sequence(1, _) => 3,
            Self::Sequence(n, _) => 3 + digits(n),
        }
    }

    fn shorter(self, other: Self) -> Self {
        if other.cost() < self.cost() { other } else { self }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Stay => {}
            Self::Control(byte, times) => out.extend((0..times).map(|_| byte)),
            Self::Sequence(n, last) => {
                out.extend_from_slice(b"\x1b[");
                if n != 1 {
                    number(out, n);
                }
                out.push(last);
            }
        }
    }

    fn to_column(from: u16, to: u16) -> Self {
        let step = match (to.checked_sub(from), from.checked_sub(to)) {
            (Some(0), _) => return Self::Stay,
            (Some(right), _) => Self::Sequence(right, b'C'),
            (None, Some(left)) => Self::Sequence(left, b'D').shorter(Self::Control(0x08, left)),
            (None, None) => Self::Stay,
        };
        let step = step.shorter(Self::Sequence(to + 1, b'G'));
        if to == 0 { step.shorter(Self::Control(b'\r', 1)) } else { step }
    }

    /// A line feed moves straight down, as the terminal is in raw mode; the caller never moves below the last row.
    fn to_row(from: u16, to: u16) -> Self {
        match (to.checked_sub(from), from.checked_sub(to)) {
            (Some(0), _) | (None, None) => Self::Stay,
            (Some(down), _) => Self::Sequence(down, b'B').shorter(Self::Control(b'\n', down)),
            (None, Some(up)) => Self::Sequence(up, b'A').shorter(Self::Sequence(to + 1, b'd')),
        }
    }
}

impl Pen {
    /// Makes a pen of which only the look is known.
    pub(super) fn new(look: Look) -> Self {
        Self { at: None, look }
    }

    /// Returns the bytes that moving costs.
    pub(super) fn cost(&self, x: u16, y: u16) -> usize {
        self.way(x, y).map_or_else(|| absolute_cost(x, y), |(row, column)| row.cost() + column.cost())
    }

    /// Moves to a column and row.
    pub(super) fn go(&mut self, out: &mut Vec<u8>, x: u16, y: u16) {
        match self.way(x, y) {
            Some((row, column)) => {
                row.write(out);
                column.write(out);
            }
            None => absolute(out, x, y),
        }
        self.at = Some((x, y));
    }

    /// Returns the relative way where it is shorter than the absolute one.
    fn way(&self, x: u16, y: u16) -> Option<(Step, Step)> {
        let (column, row) = self.at?;
        let way = (Step::to_row(row, y), Step::to_column(column, x));
        (way.0.cost() + way.1.cost() < absolute_cost(x, y)).then_some(way)
    }

    /// Takes a look on.
    pub(super) fn dip(&mut self, out: &mut Vec<u8>, look: Look) {
        if look != self.look {
            let (change, anew) = (change(self.look, look), anew(look));
            out.extend_from_slice(if change.len() <= anew.len() { &change } else { &anew });
            self.look = look;
        }
    }
}

fn absolute_cost(x: u16, y: u16) -> usize {
    match (x, y) {
        (0, 0) => 3,
        (0, _) => 3 + digits(y + 1),
        (_, 0) => 4 + digits(x + 1),
        _ => 4 + digits(y + 1) + digits(x + 1),
    }
}

fn absolute(out: &mut Vec<u8>, x: u16, y: u16) {
    out.extend_from_slice(b"\x1b[");
    if y > 0 {
        number(out, y + 1);
    }
    if x > 0 {
        out.push(b';');
        number(out, x + 1);
    }
    out.push(b'H');
}

/// Writes the parameters of SGR that lead from one look to another.
fn change(from: Look, to: Look) -> Vec<u8> {
    let mut sgr = Sgr::new();
    let mut kept = from.modifier;
    for (flag, _, off) in MODIFIERS {
        if kept.contains(flag) && !to.modifier.contains(flag) {
            sgr.number(off.into());
            // Bold and dim end together.
            kept -= MODIFIERS.iter().filter(|other| other.2 == off).fold(Modifier::empty(), |all, other| all | other.0);
        }
    }
    sgr.modifiers(to.modifier - kept);
    if from.fg != to.fg {
        sgr.colour(to.fg, 30);
    }
    if from.bg != to.bg {
        sgr.colour(to.bg, 40);
    }
    sgr.end()
}

/// Writes the parameters of SGR that lead from any look to this one.
fn anew(look: Look) -> Vec<u8> {
    let mut sgr = Sgr::new();
    if look != Look::PLAIN {
        sgr.number(0);
    }
    sgr.modifiers(look.modifier);
    if look.fg != Color::Reset {
        sgr.colour(look.fg, 30);
    }
    if look.bg != Color::Reset {
        sgr.colour(look.bg, 40);
    }
    sgr.end()
}

/// The parameters of a Select Graphic Rendition.
struct Sgr(Vec<u8>);

impl Sgr {
    fn new() -> Self {
        Self(b"\x1b[".to_vec())
    }

    fn number(&mut self, n: u16) {
        if self.0.len() > 2 {
            self.0.push(b';');
        }
        number(&mut self.0, n);
    }

    fn numbers<const N: usize>(&mut self, numbers: [u16; N]) {
        for n in numbers {
            self.number(n);
        }
    }

    fn modifiers(&mut self, modifiers: Modifier) {
        for (flag, on, _) in MODIFIERS {
            if modifiers.contains(flag) {
                self.number(on.into());
            }
        }
    }

    /// Writes a colour; `base` is 30 for the foreground and 40 for the background.
    fn colour(&mut self, colour: Color, base: u16) {
        match colour {
            Color::Reset => self.number(base + 9),
            Color::Rgb(r, g, b) => self.numbers([base + 8, 2, r.into(), g.into(), b.into()]),
            Color::Indexed(index) => self.numbers([base + 8, 5, index.into()]),
            Color::Black => self.number(base),
            Color::Red => self.number(base + 1),
            Color::Green => self.number(base + 2),
            Color::Yellow => self.number(base + 3),
            Color::Blue => self.number(base + 4),
            Color::Magenta => self.number(base + 5),
            Color::Cyan => self.number(base + 6),
            Color::Gray => self.number(base + 7),
            Color::DarkGray => self.number(base + 60),
            Color::LightRed => self.number(base + 61),
            Color::LightGreen => self.number(base + 62),
            Color::LightYellow => self.number(base + 63),
            Color::LightBlue => self.number(base + 64),
            Color::LightMagenta => self.number(base + 65),
            Color::LightCyan => self.number(base + 66),
            Color::White => self.number(base + 67),
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'm');
        self.0
    }
}

fn digits(n: u16) -> usize {
    match n {
        0..10 => 1,
        10..100 => 2,
        100..1_000 => 3,
        1_000..10_000 => 4,
        10_000.. => 5,
    }
}

/// Writes a number in decimal.
pub(super) fn number(out: &mut Vec<u8>, n: u16) {
    let start = out.len();
    let mut rest = n;
    loop {
        // A digit.
        out.push(b'0' + (rest % 10).to_le_bytes()[0]);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: Option<(u16, u16)>, x: u16, y: u16) -> String {
        let mut pen = Pen { at: from, look: Look::PLAIN };
        let mut out = Vec::new();
        let cost = pen.cost(x, y);
        pen.go(&mut out, x, y);
        assert_eq!(out.len(), cost, "{from:?} to {x}, {y}");
        out.escape_ascii().to_string()
    }

    #[test]
    fn the_shortest_way_is_taken() {
        for (from, to, bytes) in [
            (None, (0, 0), r"\x1b[H"),
            (None, (0, 4), r"\x1b[5H"),
            (None, (9, 0), r"\x1b[;10H"),
            (None, (40, 9), r"\x1b[10;41H"),
            (Some((5, 5)), (5, 5), ""),
            (Some((45, 1)), (42, 2), r"\n\x08\x08\x08"),
            (Some((45, 1)), (40, 2), r"\n\x1b[5D"),
            (Some((45, 1)), (45, 2), r"\n"),
            (Some((45, 1)), (0, 2), r"\n\r"),
            (Some((45, 9)), (46, 9), r"\x1b[C"),
            (Some((45, 9)), (55, 9), r"\x1b[10C"),
            (Some((150, 9)), (4, 9), r"\x1b[5G"),
            (Some((7, 30)), (7, 2), r"\x1b[3d"),
            (Some((7, 3)), (7, 2), r"\x1b[A"),
        ] {
            assert_eq!(moved(from, to.0, to.1), bytes, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_look_is_changed_by_what_differs() {
        let red = Look::of_ink(Color::Red, Color::Reset, Modifier::BOLD);
        let on_blue = Look::of_ink(Color::Red, Color::Rgb(1, 2, 3), Modifier::BOLD);
        let dim = Look::of_ink(Color::Red, Color::Reset, Modifier::DIM);
        let both = Look::of_ink(Color::Red, Color::Reset, Modifier::BOLD | Modifier::DIM);
        for (from, to, bytes) in [
            (Look::PLAIN, red, r"\x1b[1;31m"),
            (red, on_blue, r"\x1b[48;2;1;2;3m"),
            (on_blue, red, r"\x1b[49m"),
            (red, dim, r"\x1b[22;2m"),
            (both, dim, r"\x1b[22;2m"),
            (both, Look::PLAIN, r"\x1b[m"),
        ] {
            let mut pen = Pen::new(from);
            let mut out = Vec::new();
            pen.dip(&mut out, to);
            assert_eq!(out.escape_ascii().to_string(), bytes, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for n in [0, 7, 10, 99, 100, 9_999, u16::MAX] {
            let mut out = Vec::new();
            number(&mut out, n);
            assert_eq!(out, n.to_string().into_bytes());
            assert_eq!(digits(n), out.len());
        }
    }
}
