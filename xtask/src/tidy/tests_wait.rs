//! Tests await what they wait for, or move the fake clock; none sleeps and hopes, and none is switched off.

use super::Problem;
use super::tree::{File, Tree};

const ENDINGS: &[&str] = &[".rs", ".py", ".js", ".mjs", ".go", ".sh"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.with_ending(ENDINGS) {
        let first = if file.is_test() { 1 } else { first_test_line(file) };
        for (number, line) in file.code_lines().filter(|(number, _)| *number >= first) {
            if sleeps(line, file.path.ends_with(".sh")) {
                problems.push(Problem::new(
                    &file.path,
                    number,
                    "a test that sleeps: await the event, or move the clock",
                ));
            }
            if line.trim_start().starts_with(concat!("#[", "ignore")) {
                problems.push(Problem::new(
                    &file.path,
                    number,
                    "an ignored test: assert what it does today, with a FIXME",
                ));
            }
        }
    }
    problems
}

fn first_test_line(file: &File) -> usize {
    if file.path.ends_with(".rs") { file.lines_before_tests() + 1 } else { usize::MAX }
}

fn sleeps(line: &str, is_shell: bool) -> bool {
    let names = ["sleep", "Sleep"];
    names.iter().flat_map(|word| line.match_indices(word)).any(|(at, word)| {
        let before = line[..at].chars().next_back();
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let after = line[at + word.len()..].chars().next();
        starts && (after == Some('(') || is_shell && after == Some(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_found_in_tests_of_every_language_and_nowhere_else() {
        let call = concat!("sle", "ep");
        let tree = Tree::of(&[
            ("tests/it/a.rs", &format!("    tokio::time::{call}(second).await;\n")),
            ("tests/sdk/a.py", &format!("import time\ntime.{call}(1)\n")),
            ("tests/sdk/a_test.go", concat!("func a() { time.Sle", "ep(second) }\n")),
            ("tests/sdk/a.sh", &format!("# {call} 1\n{call} 1\n")),
            ("crates/x/src/a.rs", &format!("fn a() {{ {call}(1) }}\n#[cfg(test)]\nmod tests {{\n{call}(1)\n}}\n")),
            ("tests/it/b.rs", &format!("clock.{call}_until(t);\n// {call}(1)\n")),
        ]);
        let found: Vec<(String, usize)> =
            check(&tree).into_iter().map(|problem| (problem.path, problem.line)).collect();
        let expected = [
            ("tests/it/a.rs", 1),
            ("tests/sdk/a.py", 2),
            ("tests/sdk/a_test.go", 1),
            ("tests/sdk/a.sh", 2),
            ("crates/x/src/a.rs", 4),
        ];
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
    }
}
