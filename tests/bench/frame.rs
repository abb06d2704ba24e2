//! The time that a frame takes.

use std::{hint::black_box, time::Instant};

use mqtap::{
    mqtt::event::Event as Mqtt,
    runtime::encode::{Budget, Encoder},
};

use crate::{
    player::Player,
    store,
    table::{self, best},
};

/// Frames of one measurement.
const FRAMES: u32 = 200;

const SIZE: (u16, u16) = (200, 50);

/// A user in front of so many topics, all open.
pub(crate) fn player(topics: u32) -> Player {
    let mut player = Player::online(SIZE.0, SIZE.1, &["#"]);
    // The tree of a million topics needs more room than a profile has by default.
    player.app.workspaces[0].store = mqtap::store::Store::with_tree_budget(256 << 20, 1 << 30);
    for batch in store::messages(topics).chunks(256) {
        player.mqtt(Mqtt::Messages(batch.to_vec().into()));
    }
    player.keys("1 g g o");
    player
}

/// Measures frames.
pub(crate) fn measure() {
    let mut many = player(1_000_000);
    let listed = many.app.workspaces[0].store.tree().topics();
    assert_eq!(listed, 1_000_000, "the tree has no room");
    let time = |player: &mut Player| {
        best(5, || {
            let start = Instant::now();
            for _ in 0..FRAMES {
                black_box(player.screen());
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(FRAMES)
        })
    };
    let few = time(&mut player(10));
    table::row("frame: a million topics open, 200x50", "us", time(&mut many), Some(("ten topics", few)));
    let (one, other) = {
        let one = many.screen();
        many.keys("pagedown");
        (one, many.screen())
    };
    let encoding = best(5, || {
        let mut encoder = Encoder::new();
        let start = Instant::now();
        for n in 0..FRAMES {
            let frame = if n % 2 == 0 { &one } else { &other };
            black_box(encoder.frame(frame.clone(), None, Budget { room: usize::MAX, asks: false }));
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(FRAMES)
    });
    table::row("frame: another page of it to bytes", "us", encoding, None);
}
