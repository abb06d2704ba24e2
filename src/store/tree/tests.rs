//! The tree against a model that flattens everything each time, and against hostile shapes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::store::filter::TopicFilter;

/// A limit that no test meets.
const ROOMY: usize = 1 << 32;

fn tree() -> Tree {
    Tree::new(ROOMY)
}

fn insert(tree: &mut Tree, topic: &str) -> NodeId {
    match tree.intern(topic, Stamp::default()) {
        Home::Listed(node) => {
            tree.count(node, Stamp::default(), 1, None);
            NodeId(node)
        }
        Home::Unlisted(branch) => panic!("{topic} was not listed but counted at {branch}"),
    }
}

fn shown(tree: &Tree) -> Vec<String> {
    tree.rows_from(0, usize::MAX).map(|row| format!("{}{}", "  ".repeat(row.depth), row.name)).collect()
}

/// A tree as a set of paths, of which each level is an element.
#[derive(Debug, Default)]
struct Model {
    nodes: BTreeSet<Vec<String>>,
    open: BTreeSet<Vec<String>>,
    messages: BTreeMap<Vec<String>, u64>,
}

impl Model {
    fn insert(&mut self, topic: &str) {
        let levels: Vec<String> = topic.splitn(MAX_DEPTH, '/').map(str::to_owned).collect();
        for depth in 1..=levels.len() {
            self.nodes.insert(levels[..depth].to_vec());
        }
        *self.messages.entry(levels).or_default() += 1;
    }

    fn set_open(&mut self, path: &[String], open: bool) {
        if open && self.nodes.iter().any(|node| node.len() > path.len() && node.starts_with(path)) {
            self.open.insert(path.to_vec());
        } else if !open {
            self.open.remove(path);
        }
    }

    fn set_open_below(&mut self, path: &[String], open: bool) {
        for node in self.nodes.clone() {
            if node.starts_with(path) {
                self.set_open(&node, open);
            }
        }
    }

    /// Flattens.
    fn rows(&self) -> Vec<&Vec<String>> {
        let mut rows: Vec<_> =
            self.nodes.iter().filter(|node| (1..node.len()).all(|depth| self.open.contains(&node[..depth]))).collect();
        rows.sort_by(|one, other| order(one, other));
        rows
    }
}

fn order(one: &[String], other: &[String]) -> Ordering {
    let hidden = |path: &[String]| path[0].starts_with('$');
    hidden(one).cmp(&hidden(other)).then_with(|| one.cmp(other))
}

#[derive(Debug, Clone)]
enum Step {
    Insert(String),
    Open(usize, bool),
    OpenBelow(Option<usize>, bool),
    Reveal(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let topic = proptest::collection::vec(prop_oneof!["[ab$]{0,2}", "[a-e]"], 1..6).prop_map(|levels| levels.join("/"));
    let step = prop_oneof![
        4 => topic.prop_map(Step::Insert),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(node, open)| Step::Open(node, open)),
        1 => (any::<Option<usize>>(), any::<bool>()).prop_map(|(node, open)| Step::OpenBelow(node, open)),
        1 => any::<usize>().prop_map(Step::Reveal),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Picks a node that exists, and its path.
fn pick(tree: &Tree, any: usize) -> Option<(NodeId, Vec<String>)> {
    let node = NodeId(u32::try_from(any % tree.nodes().max(1)).unwrap() + 1);
    (tree.nodes() > 0).then(|| (node, tree.topic(node).splitn(MAX_DEPTH, '/').map(str::to_owned).collect()))
}

fn apply(tree: &mut Tree, model: &mut Model, step: &Step) {
    match step {
        Step::Insert(topic) => {
            insert(tree, topic);
            model.insert(topic);
        }
        Step::Open(any, open) => {
            if let Some((node, path)) = pick(tree, *any) {
                tree.set_open(node, *open);
                model.set_open(&path, *open);
            }
        }
        Step::OpenBelow(any, open) => {
            let picked = any.and_then(|any| pick(tree, any));
            tree.set_open_below(picked.as_ref().map(|(node, _)| *node), *open);
            model.set_open_below(&picked.map(|(_, path)| path).unwrap_or_default(), *open);
        }
        Step::Reveal(any) => {
            if let Some((node, path)) = pick(tree, *any) {
                tree.reveal(node);
                for depth in 1..path.len() {
                    model.set_open(&path[..depth], true);
                }
            }
        }
    }
}

fn check_rows(tree: &Tree, model: &Model) -> Result<(), TestCaseError> {
    let expected = model.rows();
    prop_assert_eq!(tree.rows(), expected.len());
    let rows: Vec<_> = tree.rows_from(0, usize::MAX).collect();
    prop_assert_eq!(rows.len(), expected.len());
    for (index, (row, path)) in rows.iter().zip(expected).enumerate() {
        prop_assert_eq!(tree.topic(row.node), path.join("/"));
        prop_assert_eq!(row.name, path.last().unwrap());
        prop_assert_eq!(row.depth, path.len() - 1);
        prop_assert_eq!(row.open, model.open.contains(path));
        prop_assert_eq!(row.has_children, model.nodes.iter().any(|node| node.len() == path.len() + 1 && node.starts_with(path)));
        prop_assert_eq!(row.is_topic, model.messages.contains_key(path));
        prop_assert_eq!(tree.row(index), Some(*row));
        prop_assert_eq!(tree.row_of(row.node), Some(index));
    }
    prop_assert_eq!(tree.row(rows.len()), None);
    prop_assert_eq!(
        tree.rows_from(rows.len() / 2, 3).collect::<Vec<_>>(),
        rows.iter().copied().skip(rows.len() / 2).take(3).collect::<Vec<_>>()
    );
    Ok(())
}

fn check_nodes(tree: &Tree, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(tree.nodes(), model.nodes.len());
    prop_assert_eq!(tree.topics(), model.messages.len());
    let visible: BTreeSet<_> = model.rows().into_iter().collect();
    for path in &model.nodes {
        let node = tree.find(&path.join("/")).unwrap();
        prop_assert_eq!(tree.row_of(node).is_some(), visible.contains(path));
        prop_assert_eq!(
            tree.parent(node).map(|parent| tree.topic(parent).to_owned()),
            (path.len() > 1).then(|| path[..path.len() - 1].join("/"))
        );
        let below: Vec<_> = model.messages.iter().filter(|(topic, _)| topic.starts_with(path)).collect();
        let stats = tree.stats(node, Stamp::default());
        prop_assert_eq!(stats.messages, below.iter().map(|(_, messages)| **messages).sum::<u64>());
        prop_assert_eq!(stats.topics, below.len() as u64);
        prop_assert_eq!(stats.own, model.messages.get(path).copied().unwrap_or(0));
        for other in &model.nodes {
            prop_assert_eq!(tree.is_within(tree.find(&other.join("/")).unwrap(), node), other.starts_with(path));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_is_what_flattening_each_time_would_give(steps in steps()) {
        let (mut tree, mut model) = (tree(), Model::default());
        for step in &steps {
            apply(&mut tree, &mut model, step);
            check_rows(&tree, &model)?;
        }
        check_nodes(&tree, &model)?;
    }

    #[test]
    fn siblings_are_walked_in_order(names in proptest::collection::btree_set("[a-z]{1,3}", 1..80)) {
        let mut tree = tree();
        let mut arrival: Vec<_> = names.iter().collect();
        arrival.sort_by_key(|name| name.bytes().rev().collect::<Vec<_>>());
        for name in arrival {
            insert(&mut tree, &format!("branch/{name}"));
        }
        let branch = tree.find("branch");
        let walked = std::iter::successors(tree.first_child(branch), |node| tree.next_sibling(*node));
        prop_assert_eq!(walked.map(|node| tree.name(node)).collect::<Vec<_>>(), names.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

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

#[test]
fn empty_levels_are_nodes_of_their_own() {
    let mut tree = tree();
    for topic in ["a//b", "/", "/a", ""] {
        insert(&mut tree, topic);
    }
    tree.set_open_below(None, true);
    assert_eq!(shown(&tree), ["", "  ", "  a", "a", "  ", "    b"]);
}

#[test]
fn broker_topics_come_last() {
    let mut tree = tree();
    for topic in ["$SYS/uptime", "~", "plant/$x", "plant/a", "$a"] {
        insert(&mut tree, topic);
    }
    tree.set_open_below(None, true);
    assert_eq!(shown(&tree), ["plant", "  $x", "  a", "~", "$SYS", "  uptime", "$a"]);
}

#[test]
fn a_topic_of_65_535_levels_is_one_deep_node() {
    let mut tree = tree();
    let topic = "/".repeat(65_534);
    let node = insert(&mut tree, &topic);
    assert_eq!(tree.nodes(), MAX_DEPTH);
    assert_eq!(tree.topic(node), topic);
    assert_eq!(tree.name(node).len(), 65_534 - (MAX_DEPTH - 1));
    tree.reveal(node);
    assert_eq!((tree.rows(), tree.row_of(node)), (MAX_DEPTH, Some(MAX_DEPTH - 1)));
    assert_eq!(insert(&mut tree, &topic), node);
}

#[test]
fn a_topic_longer_than_mqtt_allows_is_not_listed() {
    let mut tree = tree();
    assert!(matches!(tree.intern(&format!("a/{}", "b".repeat(65_535)), Stamp::default()), Home::Unlisted(ROOT)));
    assert_eq!(tree.nodes(), 0);
}

#[test]
fn siblings_that_share_a_branch_at_the_deepest_level_stay_apart() {
    let mut tree = tree();
    let branch = "a/".repeat(MAX_DEPTH - 1);
    let (one, other) = (insert(&mut tree, &format!("{branch}x")), insert(&mut tree, &format!("{branch}x/y")));
    assert_eq!(tree.parent(one), tree.parent(other));
    assert!(!tree.is_within(other, one));
    assert_eq!((tree.name(one), tree.name(other)), ("x", "x/y"));
}

#[test]
fn the_order_stays_shallow_however_names_arrive() {
    let arrivals: [fn(u32) -> u32; 3] = [|n| n, |n| 200_000 - n, |n| n.wrapping_mul(2_654_435_761)];
    for arrival in arrivals {
        let mut tree = tree();
        for n in 0..200_000 {
            insert(&mut tree, &format!("wide/{:010}", arrival(n)));
        }
        let wide = tree.find("wide").unwrap();
        tree.set_open(wide, true);
        assert_eq!(tree.rows(), 200_001);
        // A random treap of this size is at most about 50 high; a list would be 200,000.
        let height = tree.order.height(wide.0);
        assert!(height < 100, "{height}");
    }
}

#[test]
fn a_tree_at_its_limit_counts_new_topics_at_the_nearest_branch() {
    let mut tree = Tree::new(3 * NODE_BYTES + 100);
    let known = insert(&mut tree, "plant/known");
    assert_eq!(tree.intern("plant/new/deep", Stamp::default()), Home::Unlisted(tree.find("plant").unwrap().0));
    assert_eq!(tree.intern("other/new", Stamp::default()), Home::Unlisted(ROOT));
    assert_eq!(insert(&mut tree, "plant/known"), known);
}

#[test]
fn an_unknown_node_is_nothing() {
    let mut tree = tree();
    insert(&mut tree, "a/b");
    for node in [NodeId(ROOT), NodeId(3), NodeId(u32::MAX)] {
        tree.set_open(node, true);
        tree.reveal(node);
        assert_eq!((tree.topic(node), tree.name(node), tree.row_of(node)), ("", "", None));
        assert_eq!((tree.parent(node), tree.next_sibling(node)), (None, None));
        assert!(!tree.is_open(node));
    }
    tree.set_open_below(Some(NodeId(9)), true);
    assert_eq!(tree.rows(), 1);
}

#[test]
fn a_node_with_its_share_of_everything_takes_less_than_150_bytes() {
    let mut tree = tree();
    for n in 0..100_000_u32 {
        insert(&mut tree, &format!("plant/{}/{n}", n % 100));
    }
    let per_node = (tree.bytes() - tree.texts.bytes()) / tree.nodes();
    assert!(per_node < 150, "{per_node}");
}
