//! Failures of the last minute, by whom they came from: who guesses is not listened to for a while.
//!
//! Nothing here is ever looked at as a whole: what a minute has passed over is at the front of one queue. Bounded: above the
//! bound the oldest failure is forgotten.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard};

/// A failure counts for this long, in µs.
const WINDOW_US: u64 = 60_000_000;

/// Failures that are forgotten at a time, so that nobody waits long for the lock. Each question forgets some, so they are
/// forgotten faster than they come.
const FORGOTTEN_AT_ONCE: usize = 1_000;

#[derive(Debug)]
pub struct Failures<K> {
    per_minute_max: usize,
    all_max: usize,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    /// When and whose, oldest first.
    times: VecDeque<(u64, K)>,
    /// Of whom there are any.
    counts: HashMap<K, usize>,
}

impl<K: Copy + Eq + Hash> Failures<K> {
    /// Of each one so many may come within a minute; of all together so many are remembered.
    pub fn new(per_minute_max: usize, all_max: usize) -> Self {
        let state = State { times: VecDeque::new(), counts: HashMap::new() };
        Self { per_minute_max, all_max, state: Mutex::new(state) }
    }

    pub fn are_too_many(&self, of: K, now_us: u64) -> bool {
        let mut state = self.lock();
        state.forget(now_us);
        state.counts.get(&of).is_some_and(|&count| count >= self.per_minute_max)
    }

    /// Returns whether another one was forgotten for it.
    pub fn note(&self, of: K, now_us: u64) -> bool {
        let mut state = self.lock();
        let is_full = state.times.len() >= self.all_max;
        if is_full {
            state.forget_oldest();
        }
        state.times.push_back((now_us, of));
        *state.counts.entry(of).or_default() += 1;
        is_full
    }

    /// Forgets some of those that do not count any more.
    pub fn tidy(&self, now_us: u64) {
        self.lock().forget(now_us);
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl<K: Copy + Eq + Hash> State<K> {
    fn forget(&mut self, now_us: u64) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.times.front().is_none_or(|(at, _)| at + WINDOW_US > now_us) {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, of)) = self.times.pop_front() else { return };
        if let Some(count) = self.counts.get_mut(&of) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_too_many_failures_waits_until_they_are_a_minute_old() {
        let failures = Failures::new(2, 10);
        failures.note('a', 0);
        assert!(!failures.are_too_many('a', 1));
        failures.note('a', 1);
        assert!(failures.are_too_many('a', WINDOW_US - 1));
        assert!(!failures.are_too_many('b', 2), "another one does not wait");
        assert!(!failures.are_too_many('a', WINDOW_US));
        failures.tidy(WINDOW_US + 1);
        let state = failures.lock();
        assert!(state.times.is_empty() && state.counts.is_empty());
    }

    #[test]
    fn a_tick_forgets_a_bounded_number_and_the_next_ones_forget_the_rest() {
        let failures = Failures::new(9_999, 9_999);
        for _ in 0..2 * FORGOTTEN_AT_ONCE + 1 {
            failures.note('a', 0);
        }
        for left in [FORGOTTEN_AT_ONCE + 1, 1, 0] {
            failures.tidy(WINDOW_US);
            assert_eq!(failures.lock().times.len(), left);
        }
    }

    #[test]
    fn above_the_bound_the_oldest_is_forgotten() {
        let failures = Failures::new(1, 2);
        assert_eq!(['a', 'b', 'c'].map(|of| failures.note(of, 0)), [false, false, true]);
        assert!(!failures.are_too_many('a', 0) && failures.are_too_many('b', 0) && failures.are_too_many('c', 0));
        assert_eq!(failures.lock().counts.len(), 2);
    }
}
