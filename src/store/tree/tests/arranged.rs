//! The rows of a tree that is narrowed by a filter or in another order than by name, and its busiest topics.

use super::*;
use crate::store::filter::TopicFilter;

/// Returns the paths that a filter lets through, and those that it leaves in the rows only for what is below them.
fn narrowed(model: &Model, filter: &TopicFilter) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    // Without wishes, only what must not be counts, which is asked of each topic by itself.
    let inside = |path: &Vec<String>| {
        filter.matches(&path.join("/"), (1..path.len()).any(|depth| filter.matches(&path[..depth].join("/"), false)))
    };
    let inside: Vec<_> = model.nodes.iter().filter(|path| inside(path)).cloned().collect();
    let above = |path: &&Vec<String>| inside.iter().any(|found| found.len() > path.len() && found.starts_with(path));
    let above = model.nodes.iter().filter(|path| !inside.contains(path)).filter(above).cloned().collect();
    (inside, above)
}

fn filters() -> impl Strategy<Value = TopicFilter> {
    let text = prop_oneof!["[a-e]", "[ab]/[ab]", "topic:\\+/[a-e]", "/[ab][$]/", "![ab]{2}", "[a-e] ![ab]{2}"];
    text.prop_map(|text| TopicFilter::parse(&text).unwrap())
}

/// Checks that rows and nodes find each other, and returns the paths of the rows.
fn paths(tree: &Tree) -> Result<Vec<Vec<String>>, TestCaseError> {
    let rows: Vec<_> = tree.rows_from(0, usize::MAX).collect();
    prop_assert_eq!(rows.len(), tree.rows());
    for (index, row) in rows.iter().enumerate() {
        prop_assert_eq!(tree.row(index), Some(*row));
        prop_assert_eq!(tree.row_of(row.node), Some(index));
    }
    Ok(rows.iter().map(|row| tree.topic(row.node).splitn(MAX_DEPTH, '/').map(str::to_owned).collect()).collect())
}

fn second(second: u64) -> Stamp {
    Stamp { mono: second * 1_000_000, wall: 0 }
}

/// Checks that the children of each branch have falling keys, with the broker's own topics last, and none is missing.
fn check_sorted(tree: &Tree, model: &Model, now: Stamp) -> Result<(), TestCaseError> {
    let paths = paths(tree)?;
    let mut sorted = paths.clone();
    sorted.sort();
    prop_assert_eq!(&sorted, &model.nodes.iter().cloned().collect::<Vec<_>>());
    for (index, path) in paths.iter().enumerate() {
        let siblings = paths[index + 1..].iter().take_while(|next| next.len() >= path.len()).find(|next| next.len() == path.len());
        let Some(sibling) = siblings else { continue };
        let key = |path: &[String]| {
            let tally = &tree.tallies[tree.find(&path.join("/")).unwrap().0 as usize];
            (path.len() > 1 || !path[0].starts_with('$'), tree.sort().key(tally, now))
        };
        prop_assert!(key(path) >= key(sibling), "{:?} {:?}", path, sibling);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_filter_leaves_what_filtering_each_time_would(before in steps(), after in steps(), filter in filters()) {
        let (mut tree, mut model) = (tree(), Model::default());
        let insert_all = |tree: &mut Tree, model: &mut Model, steps: &[Step]| {
            for step in steps.iter().filter(|step| matches!(step, Step::Insert(_))) {
                apply(tree, model, step);
                tree.narrow_on(1);
            }
        };
        insert_all(&mut tree, &mut model, &before);
        let opened = tree.rows();
        tree.narrow(filter.clone());
        insert_all(&mut tree, &mut model, &after);
        while !tree.narrow_on(3) {}
        let (inside, above) = narrowed(&model, &filter);
        let mut all: Vec<_> = inside.iter().chain(&above).cloned().collect();
        all.sort_by(|one, other| order(one, other));
        let visible: Vec<_> = all.iter().filter(|path| (1..path.len()).all(|depth| above.contains(&path[..depth].to_vec()))).cloned().collect();
        prop_assert_eq!(paths(&tree)?, visible);
        prop_assert_eq!(tree.topics_shown(), inside.iter().filter(|path| model.messages.contains_key(*path)).count());
        tree.set_open_below(None, true);
        prop_assert_eq!(paths(&tree)?, all);
        tree.narrow(TopicFilter::default());
        prop_assert!(tree.rows() >= opened);
        check_rows(&tree, &model)?;
    }

    #[test]
    fn siblings_are_in_the_order_of_their_keys(
        before in steps(), after in steps(), sort in proptest::sample::select(&Sort::ALL[1..]), narrow: bool,
    ) {
        let (mut tree, mut model) = (tree(), Model::default());
        tree.set_sort(sort);
        if narrow {
            tree.narrow(TopicFilter::parse("!nowhere").unwrap());
        }
        for (start, steps) in [(0, &before), (100, &after)] {
            for (index, step) in steps.iter().filter(|step| matches!(step, Step::Insert(_))).enumerate() {
                apply(&mut tree, &mut model, step);
                if let Step::Insert(topic) = step {
                    let node = tree.find(topic).unwrap();
                    tree.count(node.0, second(start + index as u64), 7 * index as u64 % 10, None);
                    let levels = topic.splitn(MAX_DEPTH, '/').map(str::to_owned).collect();
                    *model.messages.entry(levels).or_default() += 1;
                }
            }
            while !tree.narrow_on(9) {}
            let now = second(start + 62);
            tree.set_open_below(None, true);
            tree.arrange(0..usize::MAX, now);
            check_sorted(&tree, &model, now)?;
        }
        tree.set_sort(Sort::Name);
        let mut by_name: Vec<_> = model.nodes.iter().cloned().collect();
        by_name.sort_by(|one, other| order(one, other));
        prop_assert_eq!(paths(&tree)?, by_name);
        tree.narrow(TopicFilter::default());
        // What was opened among the rows of a filter is not open among all rows.
        if !narrow {
            model.set_open_below(&[], true);
        }
        check_nodes(&tree, &model)?;
    }

    #[test]
    fn the_busiest_topics_are_listed(counts in proptest::collection::vec(1_u64..50, 1..60), budget in 1_usize..40) {
        let mut tree = tree();
        for (index, count) in counts.iter().enumerate() {
            for _ in 0..*count {
                insert(&mut tree, &format!("a/{index}"));
            }
        }
        let mut busiest = Busiest::new(Sort::Count);
        while !busiest.follow(&tree, second(1), budget) {}
        let found: Vec<_> = busiest.nodes().iter().map(|node| tree.stats(*node, second(1)).own).collect();
        let mut expected = counts.clone();
        expected.sort_by_key(|count| std::cmp::Reverse(*count));
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_thousand_of_many_topics_are_listed() {
    let mut tree = tree();
    for n in 0..5_000_u64 {
        let node = insert(&mut tree, &format!("t/{}", n.wrapping_mul(2_654_435_761) % 65_536));
        tree.count(node.0, Stamp::default(), n, None);
    }
    let mut busiest = Busiest::new(Sort::Size);
    assert!(busiest.follow(&tree, second(1), usize::MAX));
    assert_eq!(busiest.nodes().len(), 1_000);
    let least = busiest.nodes().iter().map(|node| tree.stats(*node, second(1)).bytes).min();
    assert_eq!(least, Some(4_001));
}

/// Arranges all rows, a frame at a time, and returns how many frames that took.
fn arrange_all(tree: &mut Tree, now: Stamp) -> usize {
    (1..1_000).find(|_| tree.arrange(0..50, now)).expect("an end")
}

/// Checks that the children of `wide` with the most messages come first, and all others by name.
fn check_foremost(tree: &Tree) {
    let names: Vec<String> = paths(tree).unwrap().into_iter().filter(|path| path.len() == 2).map(|path| path[1].clone()).collect();
    let count = |name: &String| tree.stats(tree.find(&format!("wide/{name}")).unwrap(), Stamp::default()).messages;
    let (first, others) = names.split_at(foremost::FOREMOST);
    assert!(first.is_sorted_by_key(|name| std::cmp::Reverse(count(name))));
    assert!(others.is_sorted());
    let least = first.iter().map(count).min();
    assert!(others.iter().map(count).max() <= least, "{least:?}");
}

#[test]
fn of_very_many_siblings_the_first_are_sorted_and_the_others_by_name() {
    for narrow in [false, true] {
        let mut tree = tree();
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for n in 0..6_000 {
            insert(&mut tree, &format!("wide/{n}/below"));
        }
        if narrow {
            tree.narrow(TopicFilter::parse("wide").unwrap());
            while !tree.narrow_on(1_000) {}
        }
        tree.set_open_below(None, true);
        tree.set_sort(Sort::Count);
        for round in 1..6 {
            for _ in 0..3_000 {
                insert(&mut tree, &format!("wide/{}", next(7_000)));
            }
            for _ in 0..next(500) * 10 {
                insert(&mut tree, &format!("wide/{}/below", next(600)));
            }
            while !tree.narrow_on(1_000) {}
            assert!(arrange_all(&mut tree, second(round * 10)) <= 3);
            check_foremost(&tree);
            assert!(tree.order.height(tree.find("wide").unwrap().0) < 60);
        }
        tree.set_sort(Sort::Name);
        let names: Vec<_> = paths(&tree).unwrap();
        assert!(names.is_sorted_by(|one, other| order(one, other).is_le()));
        tree.set_open_below(None, false);
        assert_eq!(tree.rows(), 1);
    }
}

#[test]
fn siblings_that_become_very_many_are_by_name_but_for_the_first() {
    let mut tree = tree();
    tree.set_sort(Sort::Count);
    for (round, names) in [(1, 0..4_000_u64), (20, 4_000..9_000)] {
        for n in names {
            for _ in 0..=n % 7 {
                insert(&mut tree, &format!("wide/{n}"));
            }
        }
        tree.set_open_below(None, true);
        arrange_all(&mut tree, second(round));
    }
    check_foremost(&tree);
}

#[test]
fn an_order_rests_for_a_second() {
    let mut tree = tree();
    for topic in ["a", "b", "b"] {
        insert(&mut tree, topic);
    }
    tree.set_sort(Sort::Count);
    tree.arrange(0..9, second(1));
    assert_eq!(shown(&tree), ["b", "a"]);
    for topic in ["a", "a", "0"] {
        insert(&mut tree, topic);
    }
    tree.arrange(0..9, Stamp { mono: 1_900_000, wall: 0 });
    assert_eq!(shown(&tree), ["b", "a", "0"]);
    tree.arrange(0..9, second(2));
    assert_eq!(shown(&tree), ["a", "b", "0"]);
}
