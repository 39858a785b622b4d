//! Lock files of outside package managers pin versions and digests, not the host that somebody happened to load from.

use super::Problem;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(&["package-lock.json"]) {
        for (line, number) in file.text.lines().zip(1..) {
            if line.trim_start().starts_with("\"resolved\":") {
                problems.push(Problem::new(
                    &file.path,
                    number,
                    "names a host: lock with omit-lockfile-registry-resolved",
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_names_a_host_is_found() {
        let tree = Tree::of(&[("tests/package-lock.json", "{\n  \"resolved\": \"https://host/ws.tgz\"\n}\n")]);
        assert_eq!(check(&tree)[0].line, 2);
    }
}
