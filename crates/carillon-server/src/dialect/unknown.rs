//! Paths that nothing answers to: what a migrating backend still lacks, for its operator to see.

use std::collections::HashSet;
use std::sync::Mutex;

/// What unknown paths beyond the bound are counted as.
const OTHER: &str = "other";
const SHOWN_MAX: usize = 200;

pub(crate) struct UnknownPaths {
    max: usize,
    seen: Mutex<HashSet<String>>,
}

impl UnknownPaths {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, seen: Mutex::default() }
    }

    /// The name under which `shown` is counted: its own for the first paths that are seen, then one for all others.
    pub(crate) fn label(&self, shown: &str) -> String {
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        if !seen.contains(shown) {
            if seen.len() >= self.max {
                return OTHER.into();
            }
            seen.insert(shown.to_owned());
        }
        shown.to_owned()
    }
}

/// The path as it may be shown: no more than 200 characters, and nothing that a terminal or a page would act on.
pub(crate) fn shown(path: &str) -> String {
    let harmless = |it: char| it.is_ascii_graphic() && !matches!(it, '<' | '>' | '"' | '\'' | '&' | '\\' | '`');
    path.chars().take(SHOWN_MAX).map(|it| if harmless(it) { it } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_paths_are_counted_by_name_and_later_ones_together() {
        let paths = UnknownPaths::new(2);
        let labels: Vec<_> = ["/a", "/b", "/c", "/a", "/d"].into_iter().map(|path| paths.label(path)).collect();
        assert_eq!(labels, ["/a", "/b", "other", "/a", "other"]);
    }

    #[test]
    fn a_path_is_shown_short_and_harmless() {
        assert_eq!(shown("/nimserver/<b>\u{1b}ä'x"), "/nimserver/?b????x");
        assert_eq!(shown(&"/a".repeat(500)).len(), 200);
    }
}
