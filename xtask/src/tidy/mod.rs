//! Rules about the tree that no compiler, clippy or other tool knows. One file per rule; `STYLE.md` says why they are there.
//!
//! They read the files of the working tree and nothing else, so that they run wherever the sources are, also without git.
//! A rule gets the whole tree and returns what is wrong; it never stops at the first problem.

mod arrows;
mod header;
mod length;
mod links;
mod locks;
mod metrics;
mod serde;
mod tests_wait;
mod tree;
mod vendors;

use std::path::Path;

use anyhow::bail;

use tree::Tree;

/// What is wrong, and where. The line starts at 1; 0 is the file as a whole.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    text: String,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

const RULES: &[fn(&Tree) -> Vec<Problem>] = &[
    header::check,
    length::check,
    arrows::check,
    serde::check,
    vendors::check,
    tests_wait::check,
    links::check,
    locks::check,
    metrics::check,
];

/// Checks all rules on the repository at `root` and prints what is wrong.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let tree = Tree::read(root)?;
    let mut problems: Vec<Problem> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    problems.sort();
    for Problem { path, line, text } in &problems {
        println!("{path}:{line}: {text}");
    }
    if !problems.is_empty() {
        bail!("tidy found {} problems", problems.len());
    }
    println!("tidy: {} files, nothing to complain about", tree.files.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_is_tidy() {
        super::check(&crate::root()).unwrap();
    }
}
