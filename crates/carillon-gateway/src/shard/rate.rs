//! How often each account of a shard did something lately: a sliding window, so that a limit holds in any second.

use std::collections::{HashMap, VecDeque};

use carillon_core::AccountNo;

use super::Shard;
use crate::protocol::code::ErrorCode;

const WINDOW_US: u64 = 1_000_000;

/// What is limited for each account, over all of its connections.
#[derive(Default)]
pub(super) struct Rates {
    rpcs: Rate,
    entries: Rate,
    writes: Rate,
}

/// When each account did it, oldest first; at most as often as the limit allows.
#[derive(Default)]
struct Rate {
    lately_us: HashMap<AccountNo, VecDeque<u64>>,
}

impl Shard {
    pub(super) fn charge_rpc(&self, account: AccountNo) -> Result<(), ErrorCode> {
        let now_us = self.server.pipeline.clock.monotonic_us();
        self.state.borrow_mut().rates.rpcs.charge(account, now_us, self.server.config.rpcs_per_second_max)
    }

    /// Charges a try to enter a room, which the store is asked about and members may be told of.
    pub(super) fn charge_entry(&self, account: AccountNo) -> Result<(), ErrorCode> {
        let now_us = self.server.pipeline.clock.monotonic_us();
        let max = self.server.config.room_entries_per_second_max;
        let charged = self.state.borrow_mut().rates.entries.charge(account, now_us, max);
        self.server.metrics.rooms.limited.inc_by(u64::from(charged.is_err()));
        charged
    }

    /// Charges what is to be written for the account.
    pub(super) fn charge_write(&self, account: AccountNo) -> Result<(), ErrorCode> {
        let now_us = self.server.pipeline.clock.monotonic_us();
        self.state.borrow_mut().rates.writes.charge(account, now_us, self.server.config.sends_per_second_max)
    }
}

impl Rates {
    /// Forgets whoever has been silent.
    pub(super) fn tidy(&mut self, now_us: u64) {
        for rate in [&mut self.rpcs, &mut self.entries, &mut self.writes] {
            rate.lately_us.retain(|_, times| times.back().is_some_and(|at| at + WINDOW_US > now_us));
        }
    }
}

impl Rate {
    /// Fails where the account has done it `max` times within the last second; else it has done it once more.
    fn charge(&mut self, account: AccountNo, now_us: u64, max: usize) -> Result<(), ErrorCode> {
        let times = self.lately_us.entry(account).or_default();
        while times.front().is_some_and(|at| at + WINDOW_US <= now_us) {
            times.pop_front();
        }
        if times.len() >= max {
            return Err(ErrorCode::TOO_MANY_REQUESTS);
        }
        times.push_back(now_us);
        Ok(())
    }
}
