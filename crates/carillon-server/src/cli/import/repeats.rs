//! Accounts that the file names twice: the later line is refused, as nobody knows which of them is meant.
//!
//! A file has more accounts than fit into memory with their names, so it is fingerprints that are kept: about 30 bytes an
//! account. Of a million accounts two share one by chance less than once in ten million runs; the later of them is refused.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

pub(super) struct Repeats {
    folds_case: bool,
    hasher: RandomState,
    first_lines: HashMap<u64, u64>,
    /// The same without regard to case, where case counts: two such accounts are nearly always one that somebody misspelt.
    first_lines_folded: HashMap<u64, u64>,
}

impl Repeats {
    pub(super) fn new(folds_case: bool) -> Self {
        Self { folds_case, hasher: RandomState::new(), first_lines: HashMap::new(), first_lines_folded: HashMap::new() }
    }

    /// # Errors
    /// Names the earlier line that has the account.
    pub(super) fn check(&mut self, line: u64, account: &str) -> Result<(), String> {
        let fingerprint = if self.folds_case {
            self.hasher.hash_one(account.to_ascii_lowercase())
        } else {
            self.hasher.hash_one(account)
        };
        match *self.first_lines.entry(fingerprint).or_insert(line) {
            first if first == line => Ok(()),
            first if self.folds_case => {
                Err(format!("line {first} names this account already, in this or another case"))
            }
            first => Err(format!("line {first} names this account already")),
        }
    }

    /// The earlier line with an account that differs from this one in case only, where the app takes them for two.
    pub(super) fn in_another_case(&mut self, line: u64, account: &str) -> Option<u64> {
        if self.folds_case {
            return None;
        }
        let fingerprint = self.hasher.hash_one(account.to_ascii_lowercase());
        Some(*self.first_lines_folded.entry(fingerprint).or_insert(line)).filter(|first| *first != line)
    }
}
