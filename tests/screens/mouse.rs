//! The mouse on the screen: what it selects, moves and opens.

use mqtap::app::{
    Screen,
    event::{Effect, Event, Mouse},
    workspace::{Pane, Workspace},
};

use crate::player::Player;

/// Returns the cell of the first letter of a text on the screen.
fn cell(player: &mut Player, text: &str) -> (u16, u16) {
    let shown = player.shown();
    let found = shown.lines().enumerate().find_map(|(y, line)| Some((line[..line.find(text)?].chars().count(), y)));
    let (x, y) = found.unwrap_or_else(|| panic!("no {text:?} in\n{shown}"));
    (u16::try_from(x).expect("on the screen"), u16::try_from(y).expect("on the screen"))
}

fn press(player: &mut Player, text: &str) {
    let (x, y) = cell(player, text);
    player.update(Event::Mouse(Mouse::Press { x, y }));
}

fn wheel(player: &mut Player, (x, y): (u16, u16), by: isize) {
    player.update(Event::Mouse(Mouse::Wheel { x, y, by }));
    player.screen();
}

fn workspace(player: &Player) -> &Workspace {
    &player.app.workspaces[0]
}

/// A connection with many messages, and the mouse taken.
fn many(columns: u16, rows: u16) -> Player {
    let mut player = Player::online(columns, rows, &["plant/#"]);
    player.app.has_mouse = true;
    for n in 0..60 {
        player.receive(&format!("plant/hall{}/temp", n % 3), format!("value {n:02}"));
    }
    player.pass(10_000);
    player.screen();
    player
}

#[test]
fn a_press_selects_a_topic_and_one_more_opens_it() {
    let mut player = many(80, 24);
    player.keys("2");
    press(&mut player, "▶ hall1");
    let topic = |player: &Player| workspace(player).topic();
    assert_eq!((workspace(&player).focus, topic(&player).as_deref()), (Pane::Topics, Some("plant/hall1")));
    assert!(player.shown().contains("2 Messages plant/hall1"), "the messages follow");
    assert!(!player.shown().contains("▼ hall1"));
    press(&mut player, "▶ hall1");
    assert!(player.shown().contains("▼ hall1"), "{}", player.shown());
    let before = topic(&player);
    player.update(Event::Mouse(Mouse::Press { x: 3, y: 19 }));
    assert_eq!(topic(&player), before, "below the last row there is nothing");
}

#[test]
fn in_the_flat_list_the_second_press_goes_to_the_messages() {
    let mut player = many(80, 24);
    player.keys("t");
    press(&mut player, "hall1/temp");
    assert_eq!(workspace(&player).topic().as_deref(), Some("plant/hall1/temp"));
    press(&mut player, "hall1/temp");
    assert_eq!(workspace(&player).focus, Pane::Messages);
}

#[test]
fn a_press_selects_a_message_and_one_more_opens_it() {
    let mut player = many(80, 24);
    press(&mut player, "value 55");
    let payload = |player: &Player| workspace(player).selected().map(|entry| entry.payload.to_vec());
    assert_eq!((workspace(&player).focus, payload(&player)), (Pane::Messages, Some(b"value 55".to_vec())));
    assert!(!workspace(&player).messages.follow);
    press(&mut player, "value 55");
    assert_eq!(workspace(&player).focus, Pane::Detail);
}

#[test]
fn the_wheel_moves_what_is_under_it() {
    let mut player = many(80, 24);
    let (messages, topics) = (cell(&mut player, "value 5"), cell(&mut player, "▶ hall2"));
    wheel(&mut player, messages, -1);
    assert!(!workspace(&player).messages.follow, "what is read stands still");
    assert!(player.shown().contains("› 12:04:31") || player.shown().contains("value 56"));
    assert_eq!(workspace(&player).focus, Pane::Topics, "the keys stay where they are");
    for _ in 0..3 {
        wheel(&mut player, messages, 1);
    }
    assert!(workspace(&player).messages.follow, "at the end it follows again");
    wheel(&mut player, topics, 1);
    assert_eq!(workspace(&player).topics.row(&workspace(&player).store), 3);
}

#[test]
fn the_wheel_scrolls_a_popup_and_a_press_does_nothing_behind_it() {
    let mut player = many(80, 24);
    let hall = cell(&mut player, "▶ hall1");
    player.keys("?");
    let before = player.shown();
    wheel(&mut player, hall, 1);
    assert_ne!(player.shown(), before);
    player.update(Event::Mouse(Mouse::Press { x: hall.0, y: hall.1 }));
    player.keys("esc");
    assert_eq!(workspace(&player).topic(), None);
}

#[test]
fn a_press_on_the_start_screen_selects_and_one_more_opens() {
    let mut player = Player::new(80, 24);
    player.app.has_mouse = true;
    player.screen();
    press(&mut player, "New connection");
    assert!(player.app.popups.is_empty());
    press(&mut player, "New connection");
    assert_eq!((player.app.popups.len(), player.app.screen), (1, Screen::Start));
}

#[test]
fn the_mouse_is_the_terminals_until_it_is_taken() {
    let mut player = many(80, 24);
    player.keys("M");
    assert!(matches!(player.effects.last(), Some(Effect::Mouse(false))));
    press(&mut player, "▶ hall1");
    assert_eq!(workspace(&player).topic(), None);
    player.keys("M");
    assert!(matches!(player.effects.last(), Some(Effect::Mouse(true))));
    assert!(player.shown().contains("Shift selects text"));
}

#[test]
fn no_cell_of_any_screen_panics() {
    for (columns, rows) in [(60, 16), (79, 24), (80, 24), (200, 50)] {
        for view in ["1", "5", "6", "c", "?", "p"] {
            let mut player = many(columns, rows);
            player.keys(view);
            for y in 0..rows + 2 {
                for x in (0..columns + 2).step_by(7) {
                    player.update(Event::Mouse(Mouse::Wheel { x, y, by: -1 }));
                    player.update(Event::Mouse(Mouse::Press { x, y }));
                    player.update(Event::Mouse(Mouse::Wheel { x, y, by: 1 }));
                }
                player.screen();
            }
            player.update(Event::Mouse(Mouse::Press { x: u16::MAX, y: u16::MAX }));
        }
    }
}
