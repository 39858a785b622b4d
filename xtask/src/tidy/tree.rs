//! The files that the rules look at: every text file of the working tree but what is built, installed or git's own.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

/// Folders whose content is not ours. A name that ends in `*` stands for all that begin so.
const NOT_OURS: &[&str] = &[".git", "target", "target-*", "node_modules", "__pycache__", ".venv", ".pytest_cache"];

/// A file and its text.
pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// The working tree.
#[derive(Default)]
pub(super) struct Tree {
    /// The text files, by path.
    pub(super) files: Vec<File>,
    /// Every file and every folder, also those that are no text.
    pub(super) paths: BTreeSet<String>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, dir: &Path, prefix: &str) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            let kind = entry.file_type()?;
            if is_not_ours(&name) || kind.is_symlink() {
                continue;
            }
            self.paths.insert(path.clone());
            if kind.is_dir() {
                self.walk(&entry.path(), &path)?;
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                self.files.push(File { path, text });
            }
        }
        Ok(())
    }

    /// The files whose names end in one of these.
    pub(super) fn with_ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| endings.iter().any(|ending| file.path.ends_with(ending)))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.paths.insert((*path).to_owned());
            tree.files.push(File { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        tree
    }
}

fn is_not_ours(name: &str) -> bool {
    NOT_OURS.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

impl File {
    /// Whether the whole file is a test or a measurement.
    pub(super) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
    }

    /// The number of lines before the tests at the end of a Rust file: all lines if it has none.
    pub(super) fn lines_before_tests(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let is_start = |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].trim().starts_with("mod tests");
        lines.windows(2).rposition(is_start).unwrap_or(lines.len())
    }

    /// The lines with their numbers, without those that are a comment as a whole.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let comment = if self.path.ends_with(".rs") || self.path.ends_with("js") { "//" } else { "#" };
        self.text
            .lines()
            .zip(1..)
            .map(|(line, number)| (number, line))
            .filter(move |(_, line)| !line.trim_start().starts_with(comment))
    }
}
