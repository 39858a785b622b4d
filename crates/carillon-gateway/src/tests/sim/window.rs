//! How many messages a member gets in a second, counted one by one.

use std::collections::HashMap;

use super::model::SECOND_US;

#[derive(Default)]
pub(super) struct Window {
    got_us: Vec<u64>,
    /// By second.
    offers: HashMap<u64, u32>,
}

impl Window {
    /// Whether so many more are got now, so that chance has no part in it. A limit of 0 is none.
    pub(super) fn takes_all(&self, now_us: u64, limit: u32, messages: u32) -> bool {
        let second = now_us / SECOND_US;
        let offers = |second: u64| self.offers.get(&second).copied().unwrap_or(0);
        let fits = offers(second) + messages <= limit && offers(second.saturating_sub(1)) <= limit;
        limit == 0 || fits && self.got(now_us) + messages as usize <= limit as usize
    }

    /// One more was offered, and got or not. Panics where that was against the limit, or without need.
    pub(super) fn offer(&mut self, client: usize, now_us: u64, limit: u32, has_got: bool) {
        let second = now_us / SECOND_US;
        *self.offers.entry(second).or_default() += 1;
        let offers = |second| self.offers.get(&second).copied().unwrap_or(0);
        let is_much = offers(second) > limit || second.checked_sub(1).is_some_and(|it| offers(it) > limit);
        let (is_thinned, has_room) = (limit > 0 && is_much, limit == 0 || self.got(now_us) < limit as usize);
        if has_got {
            assert!(has_room, "client {client} got more than {limit} in a second");
            self.got_us.push(now_us);
        } else {
            assert!(is_thinned || !has_room, "client {client} missed one of {limit} without need");
        }
    }

    /// How many were got within a second.
    fn got(&self, now_us: u64) -> usize {
        self.got_us.iter().filter(|at| now_us - **at < SECOND_US).count()
    }
}
