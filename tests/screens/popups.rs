//! What lies over the panes: one of each kind at a time, scrolled no further than its end, and closed by Esc.

use mqtap::{
    app::{
        event::{Event, Outcome},
        notice::Level,
        popup::Popup,
    },
    keymap::action::{Action, Context},
    profile::need::Need,
};

use crate::player::{Player, text};

fn online() -> Player {
    let mut player = Player::online(80, 24, &["#"]);
    player.receive("plant/temp", "21");
    player.pass(10_000);
    player
}

#[test]
fn a_key_does_not_open_what_is_open() {
    for key in ["?", "N", "T", "S"] {
        let mut player = online();
        player.keys(key).keys(key).keys(key);
        assert_eq!(player.app.popups.len(), 1, "{key}");
        player.keys("esc");
        assert!(player.app.popups.is_empty(), "{key}");
    }
}

#[test]
fn what_is_open_below_comes_to_the_top() {
    let mut player = online();
    player.keys("T ? N T");
    assert!(matches!(player.app.popups[..], [Popup::Themes { .. }]), "{:?}", player.app.popups);
}

#[test]
fn a_theme_that_was_chosen_stays() {
    let mut player = online();
    let before = player.app.theme.clone();
    player.keys("T j T enter");
    assert!(player.app.popups.is_empty() && player.app.theme != before);
    let chosen = player.app.theme.clone();
    player.keys("esc");
    assert_eq!(player.app.theme, chosen);
}

#[test]
fn a_question_is_answered_before_anything_else_is_opened() {
    let mut player = online();
    player.keys("D");
    assert!(matches!(player.app.popups[..], [Popup::Confirm { .. }]));
    for key in [":", "c"] {
        player.keys(key);
        assert!(matches!(player.app.popups[..], [Popup::Confirm { .. }]), "{key}");
        assert!(player.shown().contains("answer the question first"), "{}", player.shown());
    }
    player.keys("y");
    assert!(player.app.workspaces.is_empty());
}

/// The rows of the popup, top to bottom, by scrolling a row at a time from the top.
fn scrolled(player: &mut Player) -> Vec<String> {
    player.keys("g g");
    let mut pages = vec![text(&player.screen())];
    loop {
        player.keys("j");
        let page = text(&player.screen());
        if pages.last() == Some(&page) {
            return pages;
        }
        pages.push(page);
    }
}

#[test]
fn the_help_ends_where_its_last_row_is() {
    let mut player = online();
    player.keys("?");
    let pages = scrolled(&mut player);
    assert!(pages.len() > 3);
    player.keys("G");
    assert_eq!(Some(&text(&player.screen())), pages.last());
    player.keys("j pagedown k");
    assert_eq!(Some(&text(&player.screen())), pages.get(pages.len() - 2), "what is beyond the end takes no key");
}

#[test]
fn every_sentence_of_the_help_can_be_read_on_a_small_screen() {
    for (columns, rows) in [(60, 16), (80, 24)] {
        let mut player = Player::online(columns, rows, &["#"]);
        player.receive("plant/temp", "21");
        player.keys("?");
        let mut words = String::new();
        for page in scrolled(&mut player) {
            let inside = page.lines().filter_map(|line| line.split('┃').rfind(|part| part.len() > 40).map(str::trim));
            words = inside.fold(words, |words, line| words + " " + line);
            assert!(!page.contains("…"), "{page}");
        }
        // A sentence stands whole on at least one page.
        let pages = scrolled(&mut player);
        let in_one_line = |page: &String| {
            let inside = page.lines().filter_map(|line| line.split('┃').rfind(|part| part.contains("  ")));
            inside.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
        };
        let pages: Vec<String> = pages.iter().map(in_one_line).collect();
        for action in Action::ALL.iter().filter(|action| [Context::Topics, Context::Workspace].contains(&action.context())) {
            let doc = action.doc();
            assert!(pages.iter().any(|page| page.contains(doc)), "{doc}\n{}", pages.join("\n"));
        }
    }
}

#[test]
fn the_notices_end_where_the_oldest_is_the_last_row() {
    let mut player = online();
    for n in 0..60 {
        player.app.say(Level::Warning, &format!("notice {n} with {}", "a long sentence ".repeat(n % 7)), "");
    }
    player.keys("N");
    let pages = scrolled(&mut player);
    let last = pages.last().expect("a page");
    let full =
        last.lines().filter(|line| line.contains("12:04") || line.contains("sentence") || line.contains("connected")).count();
    assert!(full > 15 && last.contains("connected to"), "{last}");
    player.keys("G k");
    assert_eq!(Some(&text(&player.screen())), pages.get(pages.len() - 2));
}

#[test]
fn few_notices_do_not_scroll() {
    let mut player = online();
    player.keys("N");
    let before = text(&player.screen());
    assert!(before.contains("connected to"), "{before}");
    player.app.say(Level::Info, "one more", "");
    player.keys("G");
    assert!(player.shown().contains("one more") && player.shown().contains("connected to"), "{}", player.shown());
}

#[test]
fn a_list_is_scrolled_no_further_than_its_last_row() {
    for keys in ["T", "S", ":"] {
        let mut player = Player::online(60, 16, &["a", "b"]);
        let themes = player.app.facts.themes.len();
        player.keys(keys);
        for _ in 0..themes + 100 {
            player.keys("down");
        }
        let before = text(&player.screen());
        player.keys("down pagedown");
        assert_eq!(text(&player.screen()), before, "{keys}");
        player.keys("up");
        assert_ne!(text(&player.screen()), before, "{keys}");
    }
}

#[test]
fn esc_closes_every_kind_of_popup() {
    let id = |player: &Player| player.app.workspaces[0].id;
    for keys in ["?", ":", "/", "s", "p", "S", "N", "T", "D", "g c : esc ?"] {
        let mut player = online();
        player.keys(keys);
        assert_eq!(player.app.popups.len(), 1, "{keys}");
        player.keys("esc");
        assert!(player.app.popups.is_empty(), "{keys}: {:?}", player.app.popups);
        assert_eq!(player.app.workspaces.len(), 1);
    }
    let mut player = Player::new(80, 24);
    player.keys("n esc");
    assert!(player.app.popups.is_empty());
    let mut player = Player::connecting(80, 24);
    let wanted = Event::Done(Outcome::SecretWanted(id(&player), Need::Password, Vec::new()));
    player.update(wanted);
    player.keys("esc");
    assert!(player.app.popups.is_empty());
    player.keys("U esc");
    assert!(player.app.popups.is_empty());
}

#[test]
fn esc_goes_back_through_what_lies_over_each_other() {
    let mut player = online();
    player.keys("S ? N");
    let depths: Vec<usize> = (0..4)
        .map(|_| {
            player.keys("esc");
            player.app.popups.len()
        })
        .collect();
    assert_eq!(depths, [2, 1, 0, 0]);
}

#[test]
fn the_palette_says_all_of_what_is_selected() {
    let mut player = online();
    player.keys(":");
    player.type_text("follow redirect");
    let shown = player.shown();
    assert!(shown.contains("after a question.") && shown.contains("the broker names no other server"), "{shown}");
}
