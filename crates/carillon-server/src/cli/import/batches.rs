//! Lines, gathered into batches of bounded size.

use serde_json::Value;

use super::repeats::Repeats;
use super::source::{Line, Lines};
use crate::native::batch::ENTRIES_MAX;

/// Bytes of the entries of a batch: with what is around them less than the server takes by default (`body_bytes_max`).
const BYTES_MAX: usize = 49_152;

/// What goes into one call.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each line, with the reason where it was refused without asking the server.
    pub(super) lines: Vec<(u64, Option<String>)>,
    /// The bodies of the other lines.
    pub(super) entries: Vec<Value>,
    /// Lines that were told of already: their accounts differ from earlier ones' in case only.
    pub(super) told: Vec<u64>,
}

/// Takes a line, and the earlier one whose account differs from its in case only.
pub(super) type Warn = Box<dyn Fn(u64, u64)>;

pub(super) struct Batches {
    lines: Lines,
    repeats: Repeats,
    warn: Warn,
    /// Read, but for the next batch.
    held: Option<anyhow::Result<Line>>,
}

impl Batches {
    /// `warn` is told of accounts that are imported, and probably should not be.
    pub(super) fn new(lines: Lines, folds_case: bool, warn: Warn) -> Self {
        Self { lines, repeats: Repeats::new(folds_case), warn, held: None }
    }
}

impl Iterator for Batches {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while batch.lines.len() < ENTRIES_MAX {
            let Line { number, entry } = match self.held.take().or_else(|| self.lines.next()) {
                Some(Ok(line)) => line,
                Some(Err(error)) if batch.lines.is_empty() => return Some(Err(error)),
                error @ Some(Err(_)) => {
                    self.held = error;
                    break;
                }
                None => break,
            };
            let refused = match entry {
                Err(refused) => Some(refused),
                Ok(entry) => {
                    let with_comma = entry.bytes + 1;
                    if bytes + with_comma > BYTES_MAX {
                        self.held = Some(Ok(Line { number, entry: Ok(entry) }));
                        break;
                    }
                    let repeated = self.repeats.check(number, &entry.account).err();
                    if repeated.is_none() {
                        if let Some(first) = self.repeats.in_another_case(number, &entry.account) {
                            (self.warn)(number, first);
                            batch.told.push(number);
                        }
                        bytes += with_comma;
                        batch.entries.push(entry.body);
                    }
                    repeated
                }
            };
            batch.lines.push((number, refused));
        }
        (!batch.lines.is_empty()).then_some(Ok(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Entry, Field};
    use super::*;

    fn line(number: u64, accid: &str, ex: &str) -> anyhow::Result<Line> {
        let fields = [(Field::Accid, accid.to_owned()), (Field::Text("ex"), ex.to_owned())];
        Ok(Line { number, entry: Entry::of(fields) })
    }

    fn batches(lines: Vec<anyhow::Result<Line>>, folds_case: bool) -> Batches {
        Batches::new(Box::new(lines.into_iter()), folds_case, Box::new(|_, _| {}))
    }

    #[test]
    fn a_batch_ends_before_it_has_too_many_lines_or_too_many_bytes() {
        let small = (1..=1_200).map(|n| line(n, &format!("u{n}"), ""));
        let lengths: Vec<usize> = batches(small.collect(), true).map(|it| it.unwrap().lines.len()).collect();
        assert_eq!(lengths, [500, 500, 200]);
        let large = (1..=100).map(|n| line(n, &format!("u{n}"), &"x".repeat(1_024)));
        let mut next = 1;
        for batch in batches(large.collect(), true) {
            let batch = batch.unwrap();
            let bytes = serde_json::to_string(&batch.entries).unwrap().len();
            assert!(bytes <= BYTES_MAX + 1, "{bytes}");
            for (number, _) in batch.lines {
                assert_eq!(number, next);
                next += 1;
            }
        }
        assert_eq!(next, 101);
    }

    #[test]
    fn an_account_that_an_earlier_line_names_is_refused_and_its_case_counts_where_the_app_says_so() {
        let named = |names: &[&str], folds_case| {
            let lines = names.iter().zip(2..).map(|(name, number)| line(number, name, ""));
            let mut found = Vec::new();
            for batch in batches(lines.collect(), folds_case) {
                found.extend(batch.unwrap().lines.into_iter().filter_map(|(number, refused)| Some((number, refused?))));
            }
            found
        };
        let folded = |first| format!("line {first} names this account already, in this or another case");
        assert_eq!(named(&["Ann", "bob", "ann", "ANN"], true), [(4, folded(2)), (5, folded(2))]);
        let repeated = (5, "line 3 names this account already".to_owned());
        assert_eq!(named(&["Ann", "ann", "bob", "ann"], false), [repeated]);
    }

    #[test]
    fn an_account_that_differs_in_case_only_is_imported_with_a_warning_where_case_counts() {
        for (folds_case, expected) in [(false, vec![(4, 2)]), (true, Vec::new())] {
            let warned = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
            let seen = warned.clone();
            let lines = ["Ann", "bob", "ann", "bob"].iter().zip(2..).map(|(name, number)| line(number, name, ""));
            let lines: Vec<_> = lines.collect();
            let warn = move |line, first| seen.borrow_mut().push((line, first));
            Batches::new(Box::new(lines.into_iter()), folds_case, Box::new(warn)).for_each(drop);
            assert_eq!(*warned.borrow(), expected);
        }
    }

    #[test]
    fn what_was_read_before_an_error_goes_out_before_it() {
        let lines = vec![line(2, "ann", ""), Err(anyhow::anyhow!("no more")), line(4, "bob", "")];
        let mut batches = batches(lines, true);
        assert_eq!(batches.next().unwrap().unwrap().lines, [(2, None)]);
        assert!(batches.next().unwrap().is_err());
    }
}
