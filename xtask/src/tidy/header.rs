//! Each Rust file says at its top what it is for.

use super::Problem;
use super::tree::Tree;

/// Longer, and it is a document rather than a header.
const LINES_MAX: usize = 12;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(&[".rs"]) {
        let lines = file.text.lines().take_while(|line| line.starts_with("//!")).count();
        if lines == 0 {
            problems.push(Problem::new(
                &file.path,
                1,
                "starts without a `//!` header: what is it for, what does it leave to others?",
            ));
        } else if lines > LINES_MAX {
            problems.push(Problem::new(
                &file.path,
                lines,
                format!("the header has {lines} lines, {LINES_MAX} are the most"),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_and_one_with_an_endless_one_are_found() {
        let endless = "//! more\n".repeat(13);
        let tree = Tree::of(&[("a.rs", "//! Good.\nfn a() {}\n"), ("b.rs", "fn b() {}\n"), ("c.rs", &endless)]);
        let paths: Vec<String> = check(&tree).into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["b.rs", "c.rs"]);
    }
}
