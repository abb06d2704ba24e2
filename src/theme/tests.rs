//! Tests of the built-in themes, of the conversion to fewer colours and of what a bad file reports.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use ratatui::style::{Modifier, Style};
use rstest::rstest;

use super::{
    colour::{READABLE, contrast, rgb},
    *,
};

const DEPTHS: [Depth; 4] = [Depth::TrueColor, Depth::Ansi256, Depth::Ansi16, Depth::None];

/// The grounds on which the text of other roles may lie, where they have a colour and leave the text its own.
const GROUNDS: [Role; 5] = [Role::Selection, Role::SelectionUnfocused, Role::TopBar, Role::Input, Role::Popup];

fn all() -> impl Iterator<Item = Theme> {
    Theme::names().filter_map(Theme::builtin)
}

fn at_every_depth() -> impl Iterator<Item = (Depth, Theme)> {
    all().flat_map(|theme| DEPTHS.map(|depth| (depth, theme.at_depth(depth))))
}

fn colors(theme: &Theme) -> impl Iterator<Item = Color> {
    Role::ALL.into_iter().flat_map(|role| [theme.style(role).fg, theme.style(role).bg]).flatten()
}

fn is_named(color: Color) -> bool {
    !matches!(color, Color::Rgb(..) | Color::Indexed(_))
}

/// Decoration, which may be overlooked.
fn is_text(role: Role) -> bool {
    !matches!(role, Role::Faint | Role::Border)
}

#[test]
fn no_two_roles_share_a_name() {
    let names: BTreeSet<_> = Role::ALL.into_iter().map(Role::name).collect();
    assert_eq!(names.len(), Role::ALL.len());
}

#[test]
fn every_file_in_themes_is_built_in() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("themes")).unwrap();
    let files: BTreeSet<_> = files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, Theme::names().map(ToOwned::to_owned).collect());
}

#[test]
fn every_built_in_theme_parses() {
    for (name, text) in BUILT_IN {
        assert_eq!(Theme::parse(text, name).err(), None, "{name}");
    }
}

#[test]
fn the_themes_that_lend_no_roles_define_every_role() {
    for name in [DARK, "ansi", MONO] {
        let table: toml::Table = source(name).unwrap().parse().unwrap();
        let given: BTreeSet<_> = table["roles"].as_table().unwrap().keys().map(String::as_str).collect();
        assert_eq!(given, Role::ALL.into_iter().map(Role::name).collect(), "{name}");
    }
}

#[test]
fn dark_themes_have_a_dark_background_and_light_ones_a_light_one() {
    for theme in all() {
        let background = rgb(theme.background).unwrap();
        assert_eq!(contrast(background, [255; 3]) > contrast(background, [0; 3]), theme.dark, "{}", theme.name);
    }
}

#[test]
fn text_reads_on_its_own_ground_at_every_depth() {
    for theme in all() {
        for depth in DEPTHS {
            let shown = theme.at_depth(depth);
            // Below sixteen colours the terminal's own background shows, which is still the one the theme is made for.
            let under = if depth == Depth::Ansi256 { theme.background } else { shown.background };
            for role in Role::ALL.into_iter().filter(|role| is_text(*role)) {
                let style = shown.style(role);
                let ground = rgb(style.bg.unwrap_or(under)).unwrap();
                let Some(text) = style.fg.or(shown.style(Role::Text).fg).and_then(rgb) else { continue };
                let reached = contrast(text, ground);
                assert!(reached >= READABLE, "{} at {depth:?}: {} has {reached:.2}", theme.name, role.name());
            }
        }
    }
}

#[test]
fn text_reads_on_the_cursor_and_in_bars_fields_and_popups() {
    for (depth, theme) in at_every_depth() {
        for over in GROUNDS {
            let Style { fg: own, bg: Some(ground), .. } = theme.style(over) else { continue };
            // A named ground is one that the user's own theme chose, and brings its text.
            for role in Role::ALL.into_iter().filter(|role| is_text(*role) && theme.style(*role).bg.is_none()) {
                let over_all = matches!(over, Role::Selection | Role::SelectionUnfocused);
                let text = own.filter(|_| over_all).or(theme.style(role).fg).unwrap();
                let reached = contrast(rgb(text).unwrap(), rgb(ground).unwrap());
                let (name, role, over) = (&theme.name, role.name(), over.name());
                assert!(reached >= READABLE, "{name} at {depth:?}: {role} on {over} has {reached:.2}");
            }
        }
    }
}

#[test]
fn the_states_of_a_connection_look_different_at_every_depth() {
    for (depth, theme) in at_every_depth() {
        let states = [Role::Online, Role::Connecting, Role::Offline, Role::Error].map(|role| theme.style(role));
        for (index, state) in states.iter().enumerate() {
            assert!(!states[..index].contains(state), "{} at {depth:?}: {states:?}", theme.name);
        }
    }
}

#[test]
fn cursor_and_focus_are_seen_at_every_depth() {
    for (depth, theme) in at_every_depth() {
        let cursors = [Role::Selection, Role::SelectionUnfocused, Role::Text].map(|role| theme.style(role));
        assert!(cursors[0] != cursors[1] && cursors[0] != cursors[2] && cursors[1] != cursors[2], "{} {depth:?}", theme.name);
        assert_ne!(theme.style(Role::Border), theme.style(Role::BorderFocused), "{} {depth:?}", theme.name);
        assert_ne!(theme.style(Role::TopBar), theme.style(Role::TopBarProtected), "{} {depth:?}", theme.name);
        assert_ne!(cursors[0].bg, Some(theme.background), "{} {depth:?}", theme.name);
    }
}

#[test]
fn without_colours_the_cursor_is_reversed_and_the_focus_bold() {
    for theme in all().map(|theme| theme.at_depth(Depth::None)) {
        assert_eq!(colors(&theme).count(), 0, "{}", theme.name);
        assert!(theme.style(Role::Selection).add_modifier.contains(Modifier::REVERSED));
        assert!(theme.style(Role::BorderFocused).add_modifier.contains(Modifier::BOLD));
    }
}

#[test]
fn the_256_colours_leave_out_those_that_terminals_paint_as_they_like() {
    for theme in all().filter(|theme| theme.name != "ansi").map(|theme| theme.at_depth(Depth::Ansi256)) {
        assert!(colors(&theme).all(|color| matches!(color, Color::Indexed(16..))), "{theme:?}");
    }
}

#[test]
fn the_sixteen_colours_are_sent_by_name() {
    for theme in all().map(|theme| theme.at_depth(Depth::Ansi16)) {
        assert!(colors(&theme).all(is_named), "{theme:?}");
    }
}

#[test]
fn ansi_uses_only_the_colours_of_the_terminal() {
    assert!(colors(&Theme::builtin("ansi").unwrap()).all(is_named));
}

#[test]
fn mono_uses_no_colours() {
    assert_eq!(colors(&Theme::mono()).count(), 0);
}

#[rstest]
#[case([255, 0, 0], Color::Indexed(196))]
#[case([0, 95, 135], Color::Indexed(24))]
#[case([128, 128, 128], Color::Indexed(244))]
#[case([255, 255, 255], Color::Indexed(231))]
fn a_colour_becomes_the_nearest_of_the_256(#[case] from: [u8; 3], #[case] to: Color) {
    assert_eq!(colour::nearest_of_256(from, |_| true), to);
}

#[rstest]
#[case::pastel_green([0x8d, 0xd6, 0x94], Color::LightGreen)]
#[case::brick([0xb3, 0x26, 0x1e], Color::Red)]
#[case::navy([0x10, 0x20, 0x80], Color::Blue)]
#[case::mist([0xd8, 0xe0, 0xe8], Color::Gray)]
#[case::ink([0x10, 0x15, 0x1c], Color::Black)]
fn a_pastel_keeps_its_hue_among_the_sixteen(#[case] from: [u8; 3], #[case] to: Color) {
    assert_eq!(colour::nearest_of_16(from, |_| true), to);
}

#[rstest]
#[case([0; 3], [255; 3], 21.0)]
#[case([0x76; 3], [255; 3], 4.54)]
#[case([9, 9, 9], [9, 9, 9], 1.0)]
fn contrast_is_that_of_wcag(#[case] one: [u8; 3], #[case] other: [u8; 3], #[case] expected: f32) {
    assert!((contrast(one, other) - expected).abs() < 0.01);
}

#[rstest]
#[case::nothing(&[], Depth::Ansi16)]
#[case::xterm(&[("TERM", "xterm")], Depth::Ansi16)]
#[case::console(&[("TERM", "linux")], Depth::Ansi16)]
#[case::tmux(&[("TERM", "tmux-256color")], Depth::Ansi256)]
#[case::direct(&[("TERM", "xterm-direct")], Depth::TrueColor)]
#[case::truecolor(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::TrueColor)]
#[case::bits(&[("TERM", "xterm"), ("COLORTERM", "24bit")], Depth::TrueColor)]
#[case::vague(&[("TERM", "xterm-256color"), ("COLORTERM", "yes")], Depth::Ansi256)]
#[case::kitty_over_ssh(&[("TERM", "xterm-kitty")], Depth::TrueColor)]
#[case::screen(&[("TERM", "screen-256color"), ("COLORTERM", "truecolor"), ("STY", "1.pts")], Depth::Ansi256)]
#[case::dumb(&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::None)]
#[case::forced(&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], Depth::Ansi16)]
#[case::not_forced(&[("TERM", "dumb"), ("CLICOLOR_FORCE", "0")], Depth::None)]
#[case::no_color(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Depth::None)]
#[case::no_color_wins(&[("TERM", "xterm-256color"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Depth::None)]
#[case::empty_no_color(&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Depth::Ansi256)]
fn the_environment_gives_the_depth(#[case] variables: &[(&str, &str)], #[case] expected: Depth) {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    assert_eq!(Depth::detect(lookup), expected);
}

#[test]
fn a_changed_palette_changes_the_inherited_roles() {
    let theme = Theme::parse("inherits = \"nord\"\n[palette]\naccent = \"#123456\"", "mine").unwrap();
    assert_eq!(theme.style(Role::Chart).fg, Some(Color::Rgb(0x12, 0x34, 0x56)));
    assert_eq!(theme.style(Role::Text), Theme::builtin("nord").unwrap().style(Role::Text));
}

#[test]
fn a_role_replaces_the_inherited_style_as_a_whole() {
    let theme = Theme::parse("[roles]\nerror = { bg = \"red\", underline = true, bold = false }", "mine").unwrap();
    let red = Theme::default().style(Role::Removed).fg.unwrap();
    assert_eq!(theme.style(Role::Error), Style::new().bg(red).add_modifier(Modifier::UNDERLINED));
}

#[rstest]
#[case("", DARK)]
#[case("dark = true", DARK)]
#[case("dark = false", LIGHT)]
fn a_theme_that_inherits_nothing_builds_on_the_default(#[case] file: &str, #[case] parent: &str) {
    let parent = Theme::builtin(parent).unwrap();
    assert_eq!(Theme::parse(file, "mine").unwrap(), Theme { name: "mine".to_owned(), ..parent });
}

#[test]
fn a_bad_theme_reports_every_mistake_with_its_place() {
    let file = r##"inherits = "gruvbox-drak"
dark = "yes"
backround = "black"

[palette]
teal = "#5fd7c"
ink = 3

[roles]
titel = "teal"
error = "redd"
accent = { fg = "ink", blod = true }
text = [1]
"##;
    insta::assert_snapshot!(Theme::parse(file, "mine").unwrap_err().join("\n"), @r#"
1:12: unknown theme `gruvbox-drak`, did you mean `gruvbox-dark`?
2:8: expected true or false, found string
3:1: unknown key `backround`, did you mean `background`?
6:8: unknown colour `#5fd7c`
7:7: expected a name in quotes, found integer
10:1: unknown role `titel`, did you mean `title`?
11:9: unknown colour `redd`, did you mean `red`?
12:17: unknown colour `ink`
12:24: unknown attribute `blod`, did you mean `bold`?
13:8: expected a name in quotes, found array
"#);
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let mistakes = Theme::parse("dark = true\n[roles\ntext = \"red\"", "mine").unwrap_err();
    assert!(mistakes[0].starts_with("2:"), "{mistakes:?}");
}

#[test]
fn a_mistake_never_carries_control_characters() {
    let mistakes = Theme::parse("\"\\u001b[2J\" = 1", "mine").unwrap_err();
    assert_eq!(mistakes, ["1:1: unknown key `␛[2J`"]);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(file in "(dark|inherits|\\[roles\\]|\\[palette\\]|text|=|\"|#|\\{|\\}|fg|\n| |\\PC|\u{1b}){0,60}") {
        let _ = Theme::parse(&file, "mine");
    }
}

#[test]
fn the_cost_of_a_broken_file_grows_as_its_size() {
    let broken: [&dyn Fn(usize) -> String; 3] =
        [&|n| format!("role_{n} = \"blak\"\n"), &|n| format!("role_{n} = {{ fg = \"x\", bg = 5, blod = true }}\n"), &|n| {
            format!("a{n} = = \"red\"\n")
        }];
    for line in broken {
        for section in ["[palette]\n", "[roles]\n"] {
            let cost = |count: usize| {
                let text = format!("{section}{}", (0..count).map(line).collect::<String>());
                let once = || {
                    let started = std::time::Instant::now();
                    let mistakes = Theme::parse(&text, "mine").expect_err("broken");
                    assert!(mistakes.len() <= 100, "{}", mistakes.len());
                    started.elapsed()
                };
                (0..2).map(|_| once()).min().unwrap_or_default()
            };
            let (small, large) = (cost(250), cost(2_000));
            assert!(large < small * 24 + std::time::Duration::from_millis(20), "{large:?}, and {small:?} for an eighth");
        }
    }
}
