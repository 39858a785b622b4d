//! The model of the core has no encoding: how a type looks outside is for the crate that shows it.

use super::Problem;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(&[".rs"]).filter(|file| file.path.starts_with("crates/carillon-core/src/")) {
        for (number, line) in file.code_lines() {
            for word in ["Serialize", "Deserialize"] {
                if line.contains(word) {
                    problems.push(Problem::new(&file.path, number, format!("{word} in the core: convert at the rim")));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_core_is_kept_free_of_encodings() {
        let derive = "//! x\n#[derive(Serialize)]\nstruct A;\n";
        let tree = Tree::of(&[("crates/carillon-core/src/a.rs", derive), ("crates/carillon-server/src/a.rs", derive)]);
        let found = check(&tree);
        assert_eq!((found.len(), found[0].line), (1, 2));
    }
}
