//! A Rust file has at most 600 lines, tests apart. The length of functions is clippy's.

use super::Problem;
use super::tree::Tree;

/// A file that long holds two ideas.
const LINES_MAX: usize = 600;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.with_ending(&[".rs"])
        .filter(|file| !file.is_test())
        .map(|file| (file, file.lines_before_tests()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| {
            Problem::new(&file.path, lines, format!("{lines} lines before its tests, {LINES_MAX} are the most"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count_for_the_length() {
        let code = "fn a() {}\n".repeat(600);
        let with_tests = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let long = format!("{code}\n");
        let tree = Tree::of(&[("a.rs", &with_tests), ("b.rs", &long), ("crates/x/tests/c.rs", &long)]);
        assert_eq!(check(&tree), [Problem::new("b.rs", 601, "601 lines before its tests, 600 are the most")]);
    }
}
