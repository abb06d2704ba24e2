//! The store against a plain list of messages.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::mqtt::message::{Message, Received};

fn received(topic: &str, payload: &[u8]) -> Received {
    let message = Message { topic: topic.into(), payload: Bytes::copy_from_slice(payload), ..Message::default() };
    Received { message, ..Received::default() }
}

fn seconds(seconds: u64) -> Stamp {
    Stamp { mono: seconds * 1_000_000, wall: 0 }
}

/// All that ever arrived; the index is the number.
#[derive(Debug, Default)]
struct Model {
    arrived: Vec<Received>,
    lost: u64,
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Box<Received>),
    Lost(u8),
    Clear,
    CatchUp(u8),
}

fn message() -> impl Strategy<Value = Received> {
    let payload = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..300),
        8 => (any::<i16>(), 0..100).prop_map(|(t, n)| format!("{{\"t\":{t},\"unit\":\"C\",\"n\":{n}}}").repeat(3).into_bytes()),
        1 => (0_usize..30_000).prop_map(|len| vec![7; len]),
        1 => (200_000_usize..400_000).prop_map(|len| vec![8; len]),
    ];
    let properties = proptest::option::weighted(0.2, "\\PC{0,9}")
        .prop_map(|text| text.map(|text| Box::new(Properties { content_type: Some(text), ..Properties::default() })));
    let flags = (0_u8..3, any::<bool>(), any::<bool>());
    ("[abc](/[abc]){0,2}", payload, properties, flags, any::<u32>(), any::<i32>()).prop_map(
        |(topic, payload, properties, (qos, retain, dup), mono, wall)| Received {
            at: Stamp { mono: mono.into(), wall: wall.into() },
            resumed: retain,
            message: Message {
                topic: topic.into(),
                payload: payload.into(),
                qos: Qos::from_level(qos).unwrap_or_default(),
                retain,
                dup,
                properties,
            },
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        60 => message().prop_map(|received| Step::Insert(Box::new(received))),
        2 => any::<u8>().prop_map(Step::Lost),
        1 => Just(Step::Clear),
        10 => any::<u8>().prop_map(Step::CatchUp),
    ];
    proptest::collection::vec(step, 1..200)
}

fn check_counts(store: &Store, model: &Model) -> Result<(), TestCaseError> {
    let counts = store.counts();
    let range = store.range();
    prop_assert_eq!(counts.received, model.arrived.len() as u64 + model.lost);
    prop_assert_eq!(counts.received, counts.kept + counts.evicted + counts.lost);
    prop_assert_eq!((counts.lost, counts.evicted, counts.kept), (model.lost, range.start, range.end - range.start));
    prop_assert!(counts.bytes <= counts.budget || counts.kept == 1, "{:?}", counts);
    for level in Qos::ALL {
        let expected = model.arrived.iter().filter(|received| received.message.qos == level).count() as u64;
        prop_assert_eq!(counts.qos[usize::from(level.level())], expected);
    }
    prop_assert_eq!(counts.retained, model.arrived.iter().filter(|received| received.message.retain).count() as u64);
    prop_assert_eq!(counts.duplicates, model.arrived.iter().filter(|received| received.message.dup).count() as u64);
    Ok(())
}

/// Returns the newest number below `end` with the same topic, if it is kept.
fn previous(store: &Store, model: &Model, topic: &str, end: u64) -> Option<Seq> {
    let found = (0..end).rev().find(|&seq| &*model.arrived[usize::try_from(seq).unwrap()].message.topic == topic);
    found.filter(|seq| store.range().contains(seq)).map(Seq)
}

fn check_messages(store: &Store, model: &Model) -> Result<(), TestCaseError> {
    let range = store.range();
    for (seq, Received { at, resumed, message }) in (0..).zip(&model.arrived) {
        let entry = store.message(Seq(seq));
        prop_assert_eq!(entry.is_some(), range.contains(&seq));
        let Some(entry) = entry else { continue };
        prop_assert_eq!((entry.seq, entry.at, entry.topic), (Seq(seq), *at, &*message.topic));
        prop_assert_eq!(entry.resumed, *resumed);
        prop_assert_eq!((entry.payload, entry.size()), (&*message.payload, message.payload.len()));
        prop_assert_eq!((entry.qos, entry.retain, entry.dup), (message.qos, message.retain, message.dup));
        prop_assert_eq!(entry.properties(), message.properties.as_deref().cloned());
        prop_assert_eq!(Some(entry.node), store.tree().find(&message.topic));
        prop_assert_eq!(store.previous(Seq(seq)), previous(store, model, &message.topic, seq));
        prop_assert_eq!(store.latest(entry.node), previous(store, model, &message.topic, range.end));
    }
    prop_assert!(store.message(Seq(range.end)).is_none());
    Ok(())
}

fn check_view(view: &View, store: &Store, expected: &[Seq]) -> Result<(), TestCaseError> {
    let found: Vec<_> = (0..=view.len()).filter_map(|index| view.get(index)).collect();
    prop_assert_eq!(&found, expected);
    for seq in 0..=store.range().end {
        prop_assert_eq!(view.position(Seq(seq)), expected.partition_point(|hit| hit.0 < seq));
    }
    Ok(())
}

fn of_scope(store: &Store, scope: Scope, keep: fn(&Entry<'_>) -> bool) -> Vec<Seq> {
    let within = |entry: &Entry<'_>| match scope {
        Scope::All => true,
        Scope::Branch(node) => format!("{}/", entry.topic).starts_with(&format!("{}/", store.tree().topic(node))),
        Scope::Topic(node) => entry.topic == store.tree().topic(node),
    };
    store.range().map(Seq).filter(|&seq| store.message(seq).is_some_and(|entry| within(&entry) && keep(&entry))).collect()
}

fn is_long(entry: &Entry<'_>) -> bool {
    entry.size() > 100
}

fn run(store: &mut Store, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    // The scopes' nodes come to be with the first message.
    store.insert(&received("a/b/c", b"first"));
    model.arrived.push(received("a/b/c", b"first"));
    let node = |path| store.tree().find(path).unwrap();
    let scopes = [Scope::All, Scope::Branch(node("a")), Scope::Branch(node("a/b")), Scope::Topic(node("a/b"))];
    let mut views = scopes.map(|scope| (View::new(scope), View::filtered(scope)));
    for step in steps {
        match step {
            Step::Insert(received) => {
                prop_assert_eq!(store.insert(&*received), Seq(model.arrived.len() as u64));
                model.arrived.push(*received);
            }
            Step::Lost(n) => {
                store.lost(n.into());
                model.lost += u64::from(n);
            }
            Step::Clear => store.clear(),
            Step::CatchUp(budget) => {
                for (view, long) in &mut views {
                    view.catch_up(store, budget.into());
                    long.catch_up_where(store, budget.into(), is_long);
                }
            }
        }
        check_counts(store, &model)?;
    }
    check_messages(store, &model)?;
    for (view, long) in &mut views {
        while !view.catch_up(store, 7) {}
        while !long.catch_up_where(store, 7, is_long) {}
        check_view(view, store, &of_scope(store, view.scope(), |_| true))?;
        check_view(long, store, &of_scope(store, view.scope(), is_long))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn it_is_the_tail_of_a_plain_list(steps in steps(), budget in prop_oneof![Just(0_usize), 100_000_usize..200_000, Just(1 << 20)]) {
        run(&mut Store::new(budget), steps)?;
    }
}

#[test]
fn the_newest_message_is_kept_however_large() {
    let mut store = Store::new(100_000);
    store.insert(&received("a", b"small"));
    let large = store.insert(&received("a", &vec![1; 3_000_000]));
    assert_eq!(store.range(), 1..2);
    assert_eq!(store.message(large).unwrap().size(), 3_000_000);
    let next = store.insert(&received("a", b"small"));
    assert_eq!(store.range(), 2..3);
    assert_eq!(store.previous(next), None);
    assert!(store.counts().bytes <= 100_000);
}

#[test]
fn what_is_compressed_is_read_in_any_order() {
    let mut store = Store::new(1 << 20);
    let payload = |n: u64| format!("{{\"t\":{n},\"unit\":\"C\"}}").repeat(1 + usize::try_from(n % 9).unwrap()).into_bytes();
    for n in 0..60_000 {
        store.insert(&received(["a/b", "a/c", "d"][usize::try_from(n % 3).unwrap()], &payload(n)));
    }
    let Range { start, end } = store.range();
    let plain = (start..end).map(|n| payload(n).len()).sum::<usize>();
    assert!(plain > 3 * store.counts().bytes / 2, "{plain} bytes in {}", store.counts().bytes);
    for n in (start..end).rev().chain((start..end).step_by(7)) {
        let entry = store.message(Seq(n)).unwrap();
        assert_eq!(entry.payload, payload(n));
        assert_eq!(store.previous(Seq(n)), n.checked_sub(3).filter(|&n| n >= start).map(Seq));
        if n % 100 == 0 {
            store.tidy();
        }
    }
}

#[test]
fn what_stays_unpacked_is_bounded_in_bytes() {
    let mut store = Store::new(64 << 20);
    for n in 0..120_u32 {
        store.insert(&received("small", &n.to_le_bytes().repeat(10_000)));
        store.insert(&received("large", &n.to_le_bytes().repeat(500_000)));
    }
    for seq in store.range() {
        assert!(store.message(Seq(seq)).is_some());
    }
    store.tidy();
    assert!(store.log.unpacked() <= 4 << 20, "{} bytes", store.log.unpacked());
}

#[test]
fn a_walk_over_everything_leaves_nothing_unpacked() {
    let mut store = Store::new(1 << 20);
    for n in 0..60_000_u32 {
        store.insert(&Received { at: seconds(n.into()), ..received("a", &n.to_le_bytes().repeat(20)) });
    }
    let mut reader = store.reader();
    let (mut next, mut seen) = (store.latest(store.tree().find("a").unwrap()), 0);
    while let Some(seq) = next {
        let entry = reader.message(seq).unwrap();
        assert_eq!(entry.payload, u32::try_from(seq.0).unwrap().to_le_bytes().repeat(20));
        next = reader.previous(seq);
        seen += 1;
    }
    assert_eq!(seen, store.counts().kept);
    let first = Seq(store.range().start + 1_000);
    assert_eq!(store.previous(first), Some(Seq(first.0 - 1)));
    assert_eq!(store.first_within(Duration::from_secs(10), seconds(first.0 + 10)), first);
    assert_eq!(store.log.unpacked(), 0);
}

#[test]
fn the_newest_hits_are_found_first() {
    let mut store = Store::new(1 << 20);
    for n in 0..1_000_u32 {
        store.insert(&received("a", n.to_string().as_bytes()));
    }
    let mut view = View::filtered(Scope::All);
    let keep = |entry: &Entry<'_>| entry.payload.ends_with(b"7");
    assert!(!view.catch_up_where(&store, 20, keep));
    assert_eq!((view.get(0), view.get(1), view.looked_at()), (Some(Seq(987)), Some(Seq(997)), 20));
    store.insert(&received("a", b"1007"));
    assert!(view.catch_up_where(&store, 2_000, keep));
    assert_eq!((view.len(), view.get(0), view.get(100)), (101, Some(Seq(7)), Some(Seq(1_000))));
}

#[test]
fn a_view_forgets_what_is_too_old() {
    let mut store = Store::new(1 << 20);
    for second in 0..100 {
        store.insert(&Received { at: seconds(second), ..received("a", b"1") });
    }
    let first = store.first_within(Duration::from_secs(10), seconds(100));
    assert_eq!(first, Seq(90));
    let mut view = View::filtered(Scope::All);
    view.forget_before(first);
    assert!(view.catch_up_where(&store, 10, |_| true));
    assert_eq!(view.len(), 10);
    view.forget_before(Seq(95));
    assert!(view.catch_up_where(&store, 0, |_| true));
    assert_eq!((view.len(), view.get(0)), (5, Some(Seq(95))));
}

#[test]
fn a_steady_stream_keeps_nearly_the_whole_budget() {
    let mut store = Store::new(1 << 20);
    for n in 0..50_000_u32 {
        store.insert(&received("a/b", &n.to_le_bytes().repeat(25)));
        let counts = store.counts();
        assert!(counts.bytes <= counts.budget);
    }
    let counts = store.counts();
    assert!(counts.kept > (1 << 20) / 150, "{counts:?}");
}

#[test]
fn a_message_of_100_bytes_takes_at_most_150() {
    let mut store = Store::new(64 << 20);
    let mut at = Stamp { mono: 5, wall: 1_790_000_000_000_000 };
    for n in 0..200_000_u64 {
        let topic = format!("plant/line{}/machine{}/temperature", n % 10, n % 1_000);
        at = Stamp { mono: at.mono + 500, wall: at.wall + 499 };
        store.insert(&Received { at, ..received(&topic, &[b'x'; 100]) });
    }
    let counts = store.counts();
    assert_eq!(counts.kept, 200_000);
    let each = counts.bytes as u64 / counts.kept;
    assert!(each <= 150, "{each}");
}

#[test]
fn a_topic_without_a_place_in_the_tree_keeps_its_name() {
    let mut store = Store::with_tree_budget(1 << 20, 500);
    store.insert(&received("plant/known", b"1"));
    let (one, two) = (store.insert(&received("plant/new", b"2")), store.insert(&received("elsewhere", b"3")));
    let plant = store.tree().find("plant").unwrap();
    assert_eq!((store.message(one).unwrap().topic, store.message(one).unwrap().node), ("plant/new", plant));
    assert_eq!((store.message(two).unwrap().topic, store.message(two).unwrap().node), ("elsewhere", NodeId(0)));
    assert_eq!((store.previous(one), store.latest(plant), store.counts().unlisted), (None, None, 2));
    assert_eq!(store.tree().stats(plant, Stamp::default()).messages, 2);
    let (mut branch, mut topic) = (View::new(Scope::Branch(plant)), View::new(Scope::Topic(plant)));
    assert!(branch.catch_up(&store, 9) && topic.catch_up(&store, 9));
    assert_eq!((branch.len(), topic.len()), (2, 0));
}

#[test]
fn a_retained_topic_counts_until_an_empty_message_clears_it() {
    let mut store = Store::new(1 << 20);
    let retained = |topic, payload| {
        let mut received = received(topic, payload);
        received.message.retain = true;
        received
    };
    store.insert(&retained("a/b", b"1"));
    store.insert(&retained("a/b", b"1"));
    store.insert(&retained("a/c", b"1"));
    store.insert(&received("a/c", b"2"));
    let a = store.tree().find("a").unwrap();
    assert_eq!(store.tree().stats(a, Stamp::default()).retained, 2);
    store.insert(&received("a/b", b""));
    assert_eq!(store.tree().stats(a, Stamp::default()).retained, 1);
}

#[test]
fn rates_are_kept_for_a_topic_its_branch_and_the_whole() {
    let mut store = Store::new(1 << 20);
    for second in 0..10 {
        for topic in ["a/b", "a/b", "a/c", "d"] {
            store.insert(&Received { at: seconds(second), ..received(topic, b"1") });
        }
    }
    let now = seconds(10);
    let rate = |topic| store.tree().stats(store.tree().find(topic).unwrap(), now).rate;
    for (found, expected) in [(rate("a/b"), 2.0), (rate("a"), 3.0), (rate("d"), 1.0), (store.rate(now), 4.0)] {
        assert!((found - expected).abs() < 0.05, "{found} instead of {expected}");
    }
    assert!(store.rate(seconds(20)) < 0.01);
}

#[test]
fn first_and_last_arrival_are_known_after_the_messages_are_gone() {
    let mut store = Store::new(1 << 20);
    for second in [3, 5, 9] {
        store.insert(&Received { at: seconds(second), ..received("a/b", b"1") });
    }
    store.clear();
    let stats = store.tree().stats(store.tree().find("a").unwrap(), seconds(9));
    assert_eq!((stats.first, stats.last, stats.bytes), (Some(seconds(3)), Some(seconds(9)), 3));
}

#[test]
fn nothing_is_evicted_while_compressing_is_enough() {
    let mut store = Store::new(16 << 20);
    for n in 0..300_000 {
        store.insert(&received("a/b", format!("{n:<100}").as_bytes()));
        assert!(store.counts().bytes <= store.counts().budget, "message {n}");
    }
    assert_eq!(store.counts().evicted, 0);
}
