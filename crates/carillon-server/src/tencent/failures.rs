//! Refused signatures of the last minute, by the address that they came from: who guesses is not listened to for a while.
//!
//! By address and not by account, so that nobody shuts an administrator out; and a signature that was good before is not
//! asked for here. Bounded: above the bound the oldest failure is forgotten.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;

use carillon_gateway::network_of;

/// The vendor asks to try again after a minute.
const WINDOW_US: u64 = 60_000_000;

/// Failures that are forgotten at a time, so that nobody waits long for the lock.
const FORGOTTEN_AT_ONCE: usize = 1_000;

pub(super) struct Failures {
    per_minute_max: usize,
    all_max: usize,
    state: Mutex<State>,
}

/// The address, where it is known.
type Peer = Option<IpAddr>;

#[derive(Default)]
struct State {
    /// Oldest first.
    times: VecDeque<(u64, Peer)>,
    counts: HashMap<Peer, usize>,
}

impl Failures {
    pub(super) fn new(per_minute_max: usize, all_max: usize) -> Self {
        Self { per_minute_max, all_max, state: Mutex::default() }
    }

    pub(super) fn are_too_many(&self, peer: Peer, now_us: u64) -> bool {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.forget(now_us);
        state.counts.get(&peer.map(network_of)).is_some_and(|&count| count >= self.per_minute_max)
    }

    pub(super) fn note(&self, peer: Peer, now_us: u64) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        if state.times.len() >= self.all_max {
            state.forget_oldest();
        }
        let peer = peer.map(network_of);
        state.times.push_back((now_us, peer));
        *state.counts.entry(peer).or_default() += 1;
    }
}

impl State {
    fn forget(&mut self, now_us: u64) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.times.front().is_none_or(|(at, _)| at + WINDOW_US > now_us) {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, peer)) = self.times.pop_front() else { return };
        if let Some(count) = self.counts.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_with_too_many_failures_waits_until_they_are_a_minute_old() {
        let failures = Failures::new(2, 10);
        failures.note(peer("1.1.1.1"), 0);
        assert!(!failures.are_too_many(peer("1.1.1.1"), 1));
        failures.note(peer("1.1.1.1"), 1);
        assert!(failures.are_too_many(peer("1.1.1.1"), 59_999_999));
        assert!(!failures.are_too_many(peer("1.1.1.2"), 2), "another one does not wait");
        assert!(!failures.are_too_many(peer("1.1.1.1"), 60_000_000));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let failures = Failures::new(1, 10);
        failures.note(peer("2001:db8::1"), 0);
        assert!(failures.are_too_many(peer("2001:db8::2"), 0));
        assert!(!failures.are_too_many(peer("2001:db8:0:1::1"), 0));
    }

    #[test]
    fn above_the_bound_the_oldest_is_forgotten() {
        let failures = Failures::new(1, 2);
        for at in ["1.1.1.1", "1.1.1.2", "1.1.1.3"] {
            failures.note(peer(at), 0);
        }
        assert!(!failures.are_too_many(peer("1.1.1.1"), 0) && failures.are_too_many(peer("1.1.1.3"), 0));
        assert_eq!(failures.state.lock().unwrap().counts.len(), 2);
    }
}
