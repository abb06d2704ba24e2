//! Colours as numbers: what a terminal shows for them, how well they read, and which one comes near.

use std::f32::consts::TAU;

use ratatui::style::Color;

/// The contrast that text needs (WCAG 2.2, 1.4.3).
pub const READABLE: f32 = 4.5;

/// The `OKLab` chroma from which a colour has a hue worth keeping.
const COLOURED: f32 = 0.045;

/// The angle from which two hues have different names.
const OTHER_HUE: f32 = TAU / 5.0;

/// The sixteen colours of a terminal, in the order of their indices.
const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// What xterm shows for the sixteen colours.
const XTERM: [Rgb; 16] = [
    [0x00, 0x00, 0x00],
    [0xcd, 0x00, 0x00],
    [0x00, 0xcd, 0x00],
    [0xcd, 0xcd, 0x00],
    [0x00, 0x00, 0xee],
    [0xcd, 0x00, 0xcd],
    [0x00, 0xcd, 0xcd],
    [0xe5, 0xe5, 0xe5],
    [0x7f, 0x7f, 0x7f],
    [0xff, 0x00, 0x00],
    [0x00, 0xff, 0x00],
    [0xff, 0xff, 0x00],
    [0x5c, 0x5c, 0xff],
    [0xff, 0x00, 0xff],
    [0x00, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// What the Linux console and the VGA before it show for the sixteen colours.
const VGA: [Rgb; 16] = [
    [0x00, 0x00, 0x00],
    [0xaa, 0x00, 0x00],
    [0x00, 0xaa, 0x00],
    [0xaa, 0x55, 0x00],
    [0x00, 0x00, 0xaa],
    [0xaa, 0x00, 0xaa],
    [0x00, 0xaa, 0xaa],
    [0xaa, 0xaa, 0xaa],
    [0x55, 0x55, 0x55],
    [0xff, 0x55, 0x55],
    [0x55, 0xff, 0x55],
    [0xff, 0xff, 0x55],
    [0x55, 0x55, 0xff],
    [0xff, 0x55, 0xff],
    [0x55, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// The steps of each channel in the 6x6x6 cube of the 256 colours.
const CUBE: [u8; 6] = [0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff];

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// Returns what xterm shows for a colour, or nothing for the terminal's own default.
#[must_use]
pub fn rgb(color: Color) -> Option<Rgb> {
    match color {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(index) => Some(indexed(index)),
        Color::Black
        | Color::Red
        | Color::Green
        | Color::Yellow
        | Color::Blue
        | Color::Magenta
        | Color::Cyan
        | Color::Gray
        | Color::DarkGray
        | Color::LightRed
        | Color::LightGreen
        | Color::LightYellow
        | Color::LightBlue
        | Color::LightMagenta
        | Color::LightCyan
        | Color::White => NAMED.iter().position(|named| *named == color).map(|index| XTERM[index]),
    }
}

/// Returns the contrast between two colours, from 1 (none) to 21 (WCAG 2.2, "contrast ratio").
#[must_use]
pub fn contrast(one: Rgb, other: Rgb) -> f32 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Returns the nearest of the 240 fixed colours of a 256-colour terminal that `allowed` lets through.
pub(super) fn nearest_of_256(to: Rgb, allowed: impl Fn(Rgb) -> bool) -> Color {
    let to = oklab(to);
    // The first sixteen are left out because every terminal paints them as it likes.
    let index = (16..=255)
        .filter(|index| allowed(indexed(*index)))
        .min_by(|one, other| distance(to, oklab(indexed(*one))).total_cmp(&distance(to, oklab(indexed(*other)))));
    index.map_or(Color::Reset, Color::Indexed)
}

/// Returns the nearest of the sixteen colours that `allowed` lets through: a hue stays a hue where it can.
///
/// A colour is asked about in the shades of xterm and of VGA, because terminals differ most in these sixteen.
pub(super) fn nearest_of_16(to: Rgb, allowed: impl Fn(Rgb) -> bool) -> Color {
    let to = oklab(to);
    let allowed = (0..NAMED.len()).filter(|index| allowed(XTERM[*index]) && allowed(VGA[*index]));
    let nearest = allowed.min_by(|one, other| kinship(to, oklab(XTERM[*one])).total_cmp(&kinship(to, oklab(XTERM[*other]))));
    nearest.map_or(Color::Reset, |index| NAMED[index])
}

/// Returns what xterm shows for an index of the 256 colours.
fn indexed(index: u8) -> Rgb {
    match index {
        0..=15 => XTERM[usize::from(index)],
        16..=231 => {
            let cube = usize::from(index - 16);
            [CUBE[cube / 36], CUBE[cube / 6 % 6], CUBE[cube % 6]]
        }
        232..=255 => [8 + 10 * (index - 232); 3],
    }
}

/// Returns the relative luminance, from 0 to 1 (WCAG 2.2).
fn luminance(rgb: Rgb) -> f32 {
    let [r, g, b] = rgb.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Undoes the sRGB transfer curve of one channel.
fn linear(channel: u8) -> f32 {
    let channel = f32::from(channel) / 255.0;
    if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
}

/// Converts to `OKLab`, in which equal distances look equal: lightness, green to red, blue to yellow.
#[expect(clippy::many_single_char_names, reason = "the names that the definition gives them")]
fn oklab(rgb: Rgb) -> [f32; 3] {
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// Returns the square of the distance of two `OKLab` colours.
fn distance(one: [f32; 3], other: [f32; 3]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other) * (one - other)).sum()
}

/// Returns how far apart two `OKLab` colours are when hue counts more than lightness.
///
/// With sixteen colours the plain distance would turn every pastel into grey.
fn kinship(wanted: [f32; 3], offered: [f32; 3]) -> f32 {
    let lightness = (wanted[0] - offered[0]).abs();
    let hue = |lab: [f32; 3]| (lab[1].hypot(lab[2]) >= COLOURED).then(|| lab[2].atan2(lab[1]));
    match (hue(wanted), hue(offered)) {
        (Some(wanted), Some(offered)) => {
            let apart = (wanted - offered).abs();
            let apart = apart.min(TAU - apart);
            // Grey says less than a hue that means something else.
            if apart > OTHER_HUE { 4.0 + lightness } else { apart + 0.4 * lightness }
        }
        (None, None) => lightness,
        (Some(_), None) => 2.0 + lightness,
        (None, Some(_)) => 4.0 + lightness,
    }
}
