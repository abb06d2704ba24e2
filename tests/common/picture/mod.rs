//! Pictures of a screen: a grid of cells to SVG, and to PNG, the same byte for byte every time.
//!
//! Only text needs a font; lines, blocks and braille are drawn as shapes, which fonts lack or leave gaps between.

use std::{fs, io, path::Path};

use resvg::{tiny_skia, usvg};

mod ansi;
mod shapes;
mod svg;
#[cfg(test)]
mod tests;

pub(crate) use ansi::screen_of;
pub(crate) use svg::{Look, svg};

/// Where fonts are looked for, in this order.
const FONT_DIRS: [&str; 4] =
    ["/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/TTF", "/usr/share/fonts/dejavu-sans-mono-fonts", "/Library/Fonts"];
/// The font of a picture, by file, and what lends it the characters that it lacks.
const FONT_FILES: [&str; 5] = [
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSansMono-Oblique.ttf",
    "DejaVuSansMono-BoldOblique.ttf",
    "DejaVuSans.ttf",
];

/// Loads the fonts for pictures from where systems keep them.
///
/// # Errors
///
/// Fails if `DejaVu Sans Mono` is not installed.
pub(crate) fn fonts() -> io::Result<usvg::fontdb::Database> {
    let mut fonts = usvg::fontdb::Database::new();
    for file in FONT_FILES {
        if let Some(data) = FONT_DIRS.iter().find_map(|dir| fs::read(Path::new(dir).join(file)).ok()) {
            fonts.load_font_data(data);
        }
    }
    if fonts.is_empty() {
        let what = format!("DejaVu Sans Mono is in none of {} (Debian: fonts-dejavu-core)", FONT_DIRS.join(", "));
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    Ok(fonts)
}

/// Draws the PNG of an SVG.
///
/// # Errors
///
/// Fails if the SVG is not well-formed.
pub(crate) fn png(svg: &str, fonts: &usvg::fontdb::Database) -> io::Result<Vec<u8>> {
    pixmap(svg, fonts)?.encode_png().map_err(io::Error::other)
}

/// Draws the pixels of an SVG.
fn pixmap(svg: &str, fonts: &usvg::fontdb::Database) -> io::Result<tiny_skia::Pixmap> {
    let options = usvg::Options { fontdb: fonts.clone().into(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(io::Error::other)?;
    let size = tree.size().to_int_size();
    let mut pixmap = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or(io::ErrorKind::InvalidInput)?;
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixmap.as_mut());
    Ok(pixmap)
}
