//! Keys that lead from branch to branch.

use crate::player::Player;

fn online() -> Player {
    let mut player = Player::online(80, 24, &["#"]);
    player.receive("plant/temp", "21");
    player.receive("plant/hall/press", "1");
    player.pass(10_000);
    player
}

#[test]
fn a_frozen_log_stays_frozen_from_branch_to_branch() {
    let mut player = online();
    player.keys("g g f");
    player.receive("plant/temp", "22");
    player.receive("plant/temp", "23");
    player.keys("j j");
    let shown = player.shown();
    assert!(!player.app.workspaces[0].messages.follow && !shown.contains("● follow"), "{shown}");
    let workspace = &player.app.workspaces[0];
    let selected = workspace.selected().expect("a message");
    assert_eq!((selected.topic, selected.payload), ("plant/hall/press", &b"1"[..]), "{shown}");
    assert_eq!(workspace.messages.new_below(), 0, "{shown}");
    player.keys("j j");
    let workspace = &player.app.workspaces[0];
    let selected = workspace.selected().expect("a message");
    assert_eq!((selected.topic, selected.payload), ("plant/temp", &b"21"[..]), "as it stood when it was frozen");
    assert_eq!(workspace.messages.new_below(), 2);
    player.keys("f");
    let shown = player.shown();
    assert!(shown.contains("● follow"), "{shown}");
}
