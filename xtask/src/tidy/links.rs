//! What a document points at is there: relative links with their headings, and paths in backticks.
//!
//! Addresses elsewhere are not looked up: a check must not depend on the network.

use super::Problem;
use super::tree::{File, Tree};

/// A word in backticks that starts so is a path from the root.
const ROOTS: &[&str] = &["crates/", "docs/", "fuzz/", "tests/", "xtask/", ".ci/", ".cargo/"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(&[".md"]) {
        for (number, line) in prose(file) {
            problems.extend(links_in(line).filter_map(|link| broken_link(tree, file, number, link)));
            problems.extend(paths_in(line).filter_map(|path| missing_path(tree, file, number, path)));
        }
    }
    problems
}

/// The lines that are not in a block of code.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    file.text.lines().zip(1..).filter_map(move |(line, number)| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        (!in_block && !is_fence).then_some((number, line))
    })
}

/// The targets of `[text](target)`.
fn links_in(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, start)| line[at + start.len()..].split(')').next())
}

/// The words in backticks that look like paths of the repository.
fn paths_in(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|text| {
        ROOTS.iter().any(|root| text.starts_with(root)) && !text.contains(['*', '<', '>', '{', '…', ' ', '$'])
    })
}

fn broken_link(tree: &Tree, file: &File, number: usize, link: &str) -> Option<Problem> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
    let target = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path)? };
    if !tree.paths.contains(&target) {
        return Some(Problem::new(&file.path, number, format!("links to `{link}`, which is not there")));
    }
    let linked = tree.files.iter().find(|file| file.path == target)?;
    let heading = heading?;
    let has_heading = prose(linked).any(|(_, line)| line.starts_with('#') && anchor(line) == heading);
    (!has_heading).then(|| Problem::new(&file.path, number, format!("`{target}` has no heading `#{heading}`")))
}

fn missing_path(tree: &Tree, file: &File, number: usize, text: &str) -> Option<Problem> {
    // `crates/x/src/lib.rs:12` and `crates/x/src/lib.rs::name` mean the file.
    let path = text.split(':').next().unwrap_or(text).trim_end_matches('/');
    (!tree.paths.contains(path))
        .then(|| Problem::new(&file.path, number, format!("names `{path}`, which is not there")))
}

/// The path that `relative` means in the file `from`; none if it leaves the repository.
fn resolve(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.trim_end_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// A heading as a fragment: lower case, spaces as dashes, no punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str) -> Vec<usize> {
        let tree =
            Tree::of(&[("docs/a.md", text), ("docs/b.md", "# Two words, `code`\n"), ("crates/x/src/lib.rs", "")]);
        check(&tree).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn links_to_files_and_headings_must_lead_somewhere() {
        assert_eq!(lines_of("[b](b.md) [b](../docs/b.md#two-words-code) [web](https://example.org/x)\n"), []);
        assert_eq!(lines_of("[c](c.md)\n\n[b](b.md#three-words)\n"), [1, 3]);
    }

    #[test]
    fn paths_in_backticks_must_be_there() {
        assert_eq!(lines_of("`crates/x/src/lib.rs:12` `crates/*/src` `other/thing`\n"), []);
        assert_eq!(lines_of("see `crates/y/src/lib.rs`\n"), [1]);
    }

    #[test]
    fn blocks_of_code_are_not_read() {
        assert_eq!(lines_of("```\n[c](c.md) `docs/none.md`\n```\n"), []);
    }
}
