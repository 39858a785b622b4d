//! Only a dialect knows its vendor: the crates below the server do not even name one.

use super::Problem;
use super::tree::Tree;

const WORDS: &[&str] = &["netease", "tencent", "nimserver"];

const NEUTRAL: &[&str] = &["crates/carillon-core/src/", "crates/carillon-store/src/", "crates/carillon-gateway/src/"];

/// The one place where the core names a dialect, because logins depend on it: `App::CASELESS_DIALECTS`.
const EXCEPTION: (&str, &str) = ("crates/carillon-core/src/model/app.rs", "const CASELESS_DIALECTS");

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(&[".rs"]).filter(|file| NEUTRAL.iter().any(|folder| file.path.starts_with(folder))) {
        for (line, number) in file.text.lines().zip(1..) {
            let lower = line.to_ascii_lowercase();
            let Some(word) = WORDS.iter().find(|word| lower.contains(**word)) else { continue };
            if file.path == EXCEPTION.0 && line.contains(EXCEPTION.1) {
                continue;
            }
            problems.push(Problem::new(
                &file.path,
                number,
                format!("names the vendor `{word}`, which only its dialect may"),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_named_in_its_dialect_and_in_one_constant_only() {
        let word = "const CASELESS_DIALECTS: [&str; 1] = [\"netease\"];\n";
        let tree = Tree::of(&[
            ("crates/carillon-core/src/model/app.rs", word),
            ("crates/carillon-server/src/netease/mod.rs", word),
            ("crates/carillon-store/src/keys.rs", word),
        ]);
        let paths: Vec<String> = check(&tree).into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["crates/carillon-store/src/keys.rs"]);
    }
}
