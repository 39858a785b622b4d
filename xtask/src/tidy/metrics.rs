//! Every metric that the code registers is explained in `docs/metrics.md`, and nothing else is.

use std::collections::BTreeMap;

use super::Problem;
use super::tree::Tree;

const DOCUMENT: &str = "docs/metrics.md";

/// Our own, and those that every server's process has.
const PREFIXES: [&str; 2] = ["carillon_", "process_"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(document) = tree.files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![Problem::new(DOCUMENT, 0, "is not there")];
    };
    let registered = registered(tree);
    let explained: BTreeMap<&str, usize> = quoted(&document.text, '`').collect();
    let mut problems = Vec::new();
    for (name, (path, line)) in &registered {
        if !explained.keys().any(|known| base(known) == *name) {
            problems.push(Problem::new(path, *line, format!("registers `{name}`, which {DOCUMENT} does not explain")));
        }
    }
    for (name, line) in &explained {
        if !registered.contains_key(base(name)) {
            problems.push(Problem::new(DOCUMENT, *line, format!("explains `{name}`, which nothing registers")));
        }
    }
    problems
}

/// The names in string literals, each with the place where it stands first.
fn registered(tree: &Tree) -> BTreeMap<&str, (&str, usize)> {
    let mut names = BTreeMap::new();
    let sources = tree.with_ending(&["metrics.rs"]).filter(|file| file.path.starts_with("crates/"));
    for file in sources {
        for (name, line) in quoted(&file.text, '"') {
            names.entry(name).or_insert((file.path.as_str(), line));
        }
    }
    names
}

/// The metrics' names between two of these marks, with their lines.
fn quoted(text: &str, mark: char) -> impl Iterator<Item = (&str, usize)> {
    let is_name = |word: &&str| {
        PREFIXES.iter().any(|prefix| word.starts_with(prefix))
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    text.lines().zip(1..).flat_map(move |(line, number)| {
        line.split(mark).skip(1).step_by(2).filter(is_name).map(move |name| (name, number))
    })
}

/// Counters are shown with an ending that the registry adds.
fn base(shown: &str) -> &str {
    shown.strip_suffix("_total").unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_registered_and_explained_or_neither() {
        let source = "registry.register(\"carillon_a\", \"A\", a);\nregistry.register(\"carillon_b\", \"B\", b);\n";
        let document = "| `carillon_a_total` | |\n| `carillon_c` | |\n";
        let tree = Tree::of(&[("crates/x/src/metrics.rs", source), (DOCUMENT, document)]);
        let found: Vec<_> = check(&tree).into_iter().map(|problem| (problem.path, problem.line)).collect();
        assert_eq!(found, [("crates/x/src/metrics.rs".to_owned(), 2), (DOCUMENT.to_owned(), 2)]);
    }
}
