//! Makes pictures: of every built-in theme, or of what a program wrote to its terminal.

use std::{
    fs,
    num::NonZeroU16,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Parser;
use color_eyre::eyre::{Result, WrapErr as _, eyre};
use mqtap::theme::{Role, Theme, colour::rgb};
use picture::Look;

#[path = "../common/picture/mod.rs"]
mod picture;
mod swatch;

/// Makes pictures of every built-in theme, or of what a program wrote to its terminal.
#[derive(Parser)]
struct Args {
    /// The output of a program, or of `tmux capture-pane -e -p`
    #[arg(long, value_name = "FILE")]
    ansi: Option<PathBuf>,
    /// The size of that terminal
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "80x24")]
    size: Size,
    /// The theme whose colours stand in for those of the terminal
    #[arg(long, value_name = "NAME", default_value = mqtap::theme::DARK)]
    theme: String,
    /// The title of the window
    #[arg(long, default_value = "mqtap")]
    title: String,
    /// The PNG to write, or without --ansi the directory for a PNG of each theme
    out: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    match &args.ansi {
        Some(file) => {
            let output = fs::read(file).wrap_err_with(|| format!("read {}", file.display()))?;
            let theme = Theme::builtin(&args.theme).ok_or_else(|| eyre!("no theme is called `{}`", args.theme))?;
            let cells = picture::screen_of(&output, args.size.columns, args.size.rows);
            write(&args.out, &picture::svg(&cells, look(&theme), &args.title))
        }
        None => Theme::names().filter_map(Theme::builtin).try_for_each(|theme| {
            let svg = picture::svg(&swatch::draw(&theme), look(&theme), &theme.name);
            write(&args.out.join(format!("theme-{}.png", theme.name)), &svg)
        }),
    }
}

/// Writes the PNG of an SVG.
fn write(out: &Path, svg: &str) -> Result<()> {
    if let Some(dir) = out.parent() {
        fs::create_dir_all(dir).wrap_err_with(|| format!("create {}", dir.display()))?;
    }
    let png = picture::png(svg, &picture::fonts()?)?;
    fs::write(out, png).wrap_err_with(|| format!("write {}", out.display()))
}

/// Returns the colours that stand in for those of the terminal.
fn look(theme: &Theme) -> Look {
    let foreground = theme.style(Role::Text).fg.and_then(rgb);
    let background = rgb(theme.background).unwrap_or([0; 3]);
    Look { foreground: foreground.unwrap_or([0xe5; 3]), background }
}

/// Columns and rows.
#[derive(Debug, Clone, Copy)]
struct Size {
    columns: NonZeroU16,
    rows: NonZeroU16,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        // More would not fit into the 16 bits in which the pixels are counted.
        let side = |text: &str| text.parse().ok().filter(|side: &NonZeroU16| side.get() <= 1000);
        let (columns, rows) = text.split_once('x').ok_or("expected COLUMNSxROWS, such as 160x45")?;
        let size = side(columns).zip(side(rows)).ok_or("columns and rows are numbers from 1 to 1000")?;
        Ok(Self { columns: size.0, rows: size.1 })
    }
}
