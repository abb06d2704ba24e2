//! The tree against a model that flattens everything each time, and against hostile shapes.

mod arranged;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

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
