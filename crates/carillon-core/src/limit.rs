//! Call limits: a sliding window over the times of the last calls, and a shut-out for who goes over it.
//!
//! Exact in every window, unlike a token bucket, which lets nearly twice as many through. State is kept per app and
//! operation, in memory: a restart forgets it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard};

use crate::id::AppId;
use crate::model::{Limit, Operation};

/// A call over the limit; the app is shut out of the operation until then, by the clock that the call was charged with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls; shut out until {until_ms} ms")]
pub struct ShutOut {
    pub until_ms: u64,
}

/// The windows of every app, dialect that counts by itself, and operation, or of whatever else is limited.
#[derive(Debug)]
pub struct Limiter<K = (AppId, &'static str, Operation)>(Mutex<Windows<K>>);

#[derive(Debug)]
struct Windows<K> {
    by_key: HashMap<K, Window>,
    /// With how many windows those are forgotten next that are over: so that each is looked at a few times at most.
    sweep_len: usize,
}

/// Windows that are too few to be worth a look.
const SWEEP_LEN_MIN: usize = 1_024;

impl<K> Default for Limiter<K> {
    fn default() -> Self {
        Self(Mutex::new(Windows { by_key: HashMap::new(), sweep_len: SWEEP_LEN_MIN }))
    }
}

impl<K: Eq + Hash> Limiter<K> {
    /// Charges one call at `now_ms`, of a clock that is never set, or refuses it. A refused call is not charged; the first
    /// refusal starts the shut-out, and later ones do not prolong it.
    ///
    /// # Errors
    /// [`ShutOut`] with the time from which calls are let in again.
    pub fn charge(&self, key: K, limit: Limit, now_ms: u64) -> Result<(), ShutOut> {
        let Limit::Sliding { calls, window_ms, shut_out_ms } = limit else { return Ok(()) };
        let mut windows = self.lock();
        if windows.by_key.len() >= windows.sweep_len {
            windows.by_key.retain(|_, window| !window.is_over(now_ms));
            windows.sweep_len = (2 * windows.by_key.len()).max(SWEEP_LEN_MIN);
        }
        windows.by_key.entry(key).or_default().charge(calls, window_ms, shut_out_ms, now_ms)
    }

    /// Forgets what is not there any more.
    pub fn retain(&self, is_there: impl Fn(&K) -> bool) {
        self.lock().by_key.retain(|key, _| is_there(key));
    }

    fn lock(&self) -> MutexGuard<'_, Windows<K>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

#[derive(Debug, Default)]
struct Window {
    /// Times of the calls that were let in, oldest first; at most as many as the limit.
    calls_ms: VecDeque<u64>,
    shut_until_ms: u64,
    /// When none of the calls counts any more.
    end_ms: u64,
}

impl Window {
    /// Whether it is as good as a new one.
    fn is_over(&self, now_ms: u64) -> bool {
        self.end_ms.max(self.shut_until_ms) <= now_ms
    }

    fn charge(&mut self, calls: u32, window_ms: u64, shut_out_ms: u64, now_ms: u64) -> Result<(), ShutOut> {
        if now_ms < self.shut_until_ms {
            return Err(ShutOut { until_ms: self.shut_until_ms });
        }
        while self.calls_ms.front().is_some_and(|&at| at.saturating_add(window_ms) <= now_ms) {
            self.calls_ms.pop_front();
        }
        if self.calls_ms.len() >= calls as usize {
            self.shut_until_ms = now_ms.saturating_add(shut_out_ms);
            return Err(ShutOut { until_ms: self.shut_until_ms });
        }
        self.calls_ms.push_back(now_ms);
        self.end_ms = now_ms.saturating_add(window_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit::Sliding { calls: 3, window_ms: 1_000, shut_out_ms: 5_000 };

    fn check(times: &[(u64, bool)]) {
        let limiter = Limiter::default();
        for &(now, allowed) in times {
            let charged = limiter.charge((AppId(1), "", Operation::SendBatch), LIMIT, now);
            assert_eq!(charged.is_ok(), allowed, "at {now} ms");
        }
    }

    #[test]
    fn three_calls_fit_into_any_second_and_the_fourth_shuts_the_app_out() {
        check(&[(0, true), (500, true), (999, true), (1_000, true), (1_001, false), (6_000, false), (6_001, true)]);
    }

    #[test]
    fn calls_during_the_shut_out_do_not_prolong_it() {
        check(&[(0, true), (0, true), (0, true), (0, false), (4_999, false), (5_000, true)]);
    }

    #[test]
    fn a_limit_holds_for_one_app_and_one_operation() {
        let limiter = Limiter::default();
        let once = Limit::Sliding { calls: 1, window_ms: 1_000, shut_out_ms: 1_000 };
        let charge = |app, operation| limiter.charge((AppId(app), "", operation), once, 0).is_ok();
        assert!(charge(1, Operation::SendBatch));
        assert!(charge(2, Operation::SendBatch));
        assert!(charge(1, Operation::CreateAccount));
        assert!(!charge(1, Operation::SendBatch));
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_is_not_holds() {
        let limiter = Limiter::default();
        let charge = |key: u64, now_ms| limiter.charge(key, LIMIT, now_ms).is_ok();
        assert_eq!([(); 4].map(|()| charge(0, 0)), [true, true, true, false]);
        for key in 1..40_000 {
            assert!(charge(key, key / 10));
        }
        let len = limiter.lock().by_key.len();
        assert!(len < 30_000, "a second has ten thousand: {len}");
        assert!(!charge(0, 4_999) && charge(0, 5_000));
    }

    #[test]
    fn unlimited_never_refuses() {
        let limiter = Limiter::default();
        assert!((0..1_000).all(|_| limiter.charge((AppId(1), "", Operation::SendBatch), Limit::Unlimited, 0).is_ok()));
    }

    #[test]
    fn windows_and_shut_outs_beyond_the_end_of_time_last_for_ever() {
        let limiter = Limiter::default();
        let once = Limit::Sliding { calls: 1, window_ms: u64::MAX, shut_out_ms: u64::MAX };
        let charge = |now_ms| limiter.charge((AppId(1), "", Operation::SendBatch), once, now_ms);
        assert_eq!(charge(5), Ok(()));
        assert_eq!(charge(6), Err(ShutOut { until_ms: u64::MAX }));
        assert_eq!(charge(7), Err(ShutOut { until_ms: u64::MAX }));
    }
}
