//! How often each account of a shard did something lately: a sliding window, so that a limit holds in any second.

use std::collections::{HashMap, VecDeque};

use carillon_core::AccountNo;

const WINDOW_US: u64 = 1_000_000;

/// When each account did it, oldest first; at most as often as the limit allows.
#[derive(Default)]
pub(super) struct Rates {
    lately_us: HashMap<AccountNo, VecDeque<u64>>,
}

impl Rates {
    /// Whether the account may do it once more within its second; if so, it has.
    pub(super) fn charge(&mut self, account: AccountNo, now_us: u64, max: usize) -> bool {
        let times = self.lately_us.entry(account).or_default();
        while times.front().is_some_and(|at| at + WINDOW_US <= now_us) {
            times.pop_front();
        }
        let may = times.len() < max;
        if may {
            times.push_back(now_us);
        }
        may
    }

    /// Forgets whoever has been silent.
    pub(super) fn tidy(&mut self, now_us: u64) {
        self.lately_us.retain(|_, times| times.back().is_some_and(|at| at + WINDOW_US > now_us));
    }
}
