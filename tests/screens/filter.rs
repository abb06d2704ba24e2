//! Filters, orders and the flat list on the screen.

use insta::assert_snapshot;
use mqtap::app::{event::Event, popup::Popup};

use crate::{plant, player::Player};

/// A plant whose topics differ in what they send.
fn busy() -> Player {
    let mut player = Player::online(80, 24, &["#"]);
    for n in 0..60 {
        player.receive("plant/hall1/press3/temp", format!("{{\"t\":{}}}", 20 + n % 5));
        if n % 3 == 0 {
            player.receive("plant/hall2/agv7/battery", vec![b'x'; 200]);
        }
        if n % 20 == 0 {
            player.receive("plant/hall2/agv7/status", "online");
        }
    }
    player.receive("zigbee/lamp", "on");
    player.receive("$SYS/uptime", "4 s");
    player.keys("o");
    player
}

/// Returns the rows of the topic pane without blanks at their ends.
fn topics(player: &mut Player) -> Vec<String> {
    let shown = player.shown();
    let rows = shown.lines().skip(2).take_while(|line| line.starts_with(['┃', '│']));
    let rows = rows.map(|line| line.chars().skip(1).take(24).collect::<String>().trim_end().to_owned());
    rows.filter(|row| !row.is_empty()).collect()
}

fn selected(player: &Player) -> String {
    player.app.workspaces[0].selected().map(|entry| String::from_utf8_lossy(entry.payload).into_owned()).unwrap_or_default()
}

#[test]
fn the_filter_row_narrows_the_messages_while_it_is_typed() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    assert_snapshot!("empty", player.shown());
    player.type_text("Press3 .t >= 228");
    assert_snapshot!("typed", player.shown());
    player.keys("enter");
    assert_snapshot!("kept", player.shown());
    player.keys("esc");
    let shown = player.shown();
    assert!(shown.contains("● follow  63"), "{shown}");
}

#[test]
fn a_wrong_token_is_underlined_and_the_filter_before_it_stays() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.type_text("agv7 qos:7");
    assert_snapshot!("wrong", player.shown());
    player.keys("enter");
    assert!(matches!(player.app.popups.last(), Some(Popup::Filter(_))), "Enter keeps nothing that is wrong");
    player.keys("backspace");
    assert!(player.shown().contains("● follow  1 of 63"), "the word `qos` narrows nothing on the way to `qos:0`");
    player.keys("0 enter");
    let shown = player.shown();
    assert!(shown.contains("1 of 63 messages"), "{shown}");
}

#[test]
fn a_filter_that_nothing_matches_says_so() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.type_text("nothing-like-it");
    let shown = player.shown();
    assert!(shown.contains("No message matches the filter; Esc shows all.") && shown.contains("0 of 63 messages"), "{shown}");
}

#[test]
fn a_cleared_filter_leaves_its_message_selected() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.type_text("\"t\":210");
    player.keys("enter f esc");
    assert!(selected(&player).contains("\"t\":210"));
    assert_eq!(player.app.workspaces[0].messages.view().len(), 63);
}

#[test]
fn a_chosen_message_stays_chosen_while_a_filter_hides_it() {
    let mut player = plant(80, 24);
    player.keys("2 k k k");
    let chosen = selected(&player);
    assert!(chosen.contains("\"t\":229"), "{chosen}");
    player.keys("/");
    player.type_text("temp");
    assert_eq!(selected(&player), "22.9", "the one before it, since none that follows is left");
    player.keys("enter");
    for _ in 0..3 {
        player.receive("plant/hall1/press3/temp", "1");
    }
    assert!(player.shown().contains("3 new"), "{}", player.shown());
    player.keys("esc");
    assert_eq!(selected(&player), chosen);
}

#[test]
fn a_topic_stays_chosen_while_a_filter_hides_it() {
    let mut player = busy();
    player.keys("end up up");
    let before = player.app.workspaces[0].topic();
    player.keys("/");
    player.type_text("agv7");
    player.keys("enter");
    assert_eq!(player.app.workspaces[0].topic(), before);
    player.keys("esc");
    assert_eq!(player.app.workspaces[0].topic(), before);
    assert!(player.shown().contains("┃    lamp"), "{}", player.shown());
}

#[test]
fn a_filter_is_still_there_after_other_panes_views_and_screens() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.type_text("agv7");
    player.keys("enter 1 5 6 3 0 esc 2 /");
    let shown = player.shown();
    assert!(shown.contains(" / agv7 ") && shown.contains("1 of 63 messages"), "{shown}");
}

#[test]
fn one_match_after_the_other_is_found_among_all() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.type_text("telemetry");
    player.keys("enter esc N N");
    assert!(selected(&player).contains("\"t\":228"), "{}", selected(&player));
    player.keys("n n");
    assert!(selected(&player).contains("\"t\":229"), "{}", selected(&player));
    let shown = player.shown();
    assert!(shown.contains("no further message matches"), "{shown}");
}

#[test]
fn one_topic_after_the_other_is_found_among_the_open_branches() {
    let mut player = busy();
    player.keys("/");
    player.type_text("hall");
    player.keys("enter esc home n n");
    let topic = |player: &Player| player.app.workspaces[0].topic();
    assert_eq!(topic(&player).as_deref(), Some("plant/hall1/press3"));
    player.keys("N");
    assert_eq!(topic(&player).as_deref(), Some("plant/hall1"));
    player.keys("N");
    assert!(player.shown().contains("no further topic matches"), "{}", player.shown());
    assert_eq!(topic(&player).as_deref(), Some("plant/hall1"));
}

#[test]
fn every_size_has_the_row_of_the_filter() {
    for (columns, rows) in [(60, 16), (120, 34), (160, 45)] {
        let mut player = plant(columns, rows);
        player.keys("2 /");
        player.type_text("press3 .t > 225");
        assert_snapshot!(format!("row_{columns}x{rows}"), player.shown());
    }
}

#[test]
fn the_key_of_the_match_before_shows_notices_while_nothing_was_searched() {
    let mut player = plant(80, 24);
    player.keys("2 n");
    let shown = player.shown();
    assert!(shown.contains("nothing was searched for yet"), "{shown}");
    player.keys("N");
    assert!(matches!(player.app.popups.last(), Some(Popup::Notices { .. })));
}

#[test]
fn what_is_too_old_leaves_the_list() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.type_text("since:1m zigbee");
    player.keys("enter");
    assert_eq!(player.app.workspaces[0].messages.view().len(), 1);
    player.pass(61_000).screen();
    assert_eq!(player.app.workspaces[0].messages.view().len(), 0);
    assert_eq!(player.pass(61_000).app.wake(), None, "no timer runs when nothing is left to grow old");
}

#[test]
fn the_tree_is_narrowed_to_what_matches() {
    let mut player = busy();
    player.keys("/");
    player.type_text("AGV7");
    assert_snapshot!("narrow_tree", player.shown());
    player.keys("enter");
    assert_eq!(topics(&mut player).len(), 4);
    player.keys("down down down right");
    assert_eq!(topics(&mut player).len(), 6, "what is below a match can be opened");
    player.receive("plant/hall9/agv7", "1");
    player.receive("plant/hall9/other", "1");
    assert_eq!(topics(&mut player).len(), 8, "a new topic is let through as well");
    player.keys("esc");
    assert_eq!(topics(&mut player).len(), 14, "all that was open before, and the new branch");
}

#[test]
fn siblings_are_sorted_and_the_cursor_stays_on_its_topic() {
    let mut player = busy();
    player.keys("end up up");
    let before = player.app.workspaces[0].topic();
    player.keys("i i");
    assert_snapshot!("sorted_by_count", player.shown());
    for _ in 0..200 {
        player.receive("zigbee/lamp", "on");
    }
    player.pass(2_000);
    assert_eq!(topics(&mut player)[1], "▼ zigbee             201");
    assert_eq!(player.app.workspaces[0].topic(), before);
    player.keys("i i i");
    assert_eq!(topics(&mut player)[1], "▼ plant               83");
}

#[test]
fn the_busiest_topics_are_one_list() {
    let mut player = busy();
    player.pass(1_500);
    player.keys("t");
    assert_snapshot!("flat_list", player.shown());
    player.keys("down enter");
    assert_eq!(player.app.workspaces[0].messages.total(), 60);
    player.keys("1 /");
    player.type_text("status");
    player.pass(1_500);
    assert_eq!(topics(&mut player).len(), 2);
}

#[test]
fn a_paste_goes_into_the_filter() {
    let mut player = plant(80, 24);
    player.keys("2 /");
    player.update(Event::Paste("hall2\n".to_owned()));
    let shown = player.shown();
    assert!(shown.contains("2 of 63 messages"), "{shown}");
}
