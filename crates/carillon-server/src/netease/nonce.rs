//! The nonces of apps that take each one only once.
//!
//! A signature lives for at most twice the clock window and a second, so a nonce is remembered for that long. The memory of
//! an app is bounded: where it is full the oldest nonce is forgotten early, and counted, because refusing would let a busy
//! hour stop the app's own calls. What has died is forgotten whoever calls next, as its app may never call again: it may be
//! removed, or take nonces more than once by now.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use carillon_core::AppId;
use sha2::{Digest, Sha256};

/// Time between two looks for apps all of whose nonces have died, in ms: each costs no more than the apps are.
const TIDY_MS: u64 = 60_000;

pub(super) struct Nonces {
    max: usize,
    apps: Mutex<HashMap<AppId, Seen>>,
    /// When such a look is due.
    tidy_ms: AtomicU64,
}

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    New,
    /// New, and another one was forgotten for it.
    NewForOld,
    Repeated,
}

#[derive(Default)]
struct Seen {
    /// Short digests: a nonce may be long, and only equality matters.
    known: HashSet<[u8; 16]>,
    /// When each is forgotten, oldest first.
    order: VecDeque<(u64, [u8; 16])>,
    /// When all of them are.
    end_ms: u64,
}

impl Nonces {
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.max(1), apps: Mutex::default(), tidy_ms: AtomicU64::new(0) }
    }

    /// Remembers a nonce of a call whose signature held until `forget_ms`.
    pub(super) fn note(&self, app: AppId, nonce: &[u8], now_ms: u64, forget_ms: u64) -> Noted {
        let digest = Sha256::digest(nonce);
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        self.lock().entry(app).or_default().note(key, self.max, now_ms, forget_ms)
    }

    /// Forgets the apps all of whose nonces have died. To be called with each call of whatever app: most cost a look at a number.
    pub(super) fn tidy(&self, now_ms: u64) {
        if now_ms < self.tidy_ms.load(Ordering::Relaxed) {
            return;
        }
        self.tidy_ms.store(now_ms.saturating_add(TIDY_MS), Ordering::Relaxed);
        let over: Vec<Seen> = self.lock().extract_if(|_, seen| seen.end_ms <= now_ms).map(|(_, seen)| seen).collect();
        // Freed where nobody waits for the lock.
        drop(over);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AppId, Seen>> {
        self.apps.lock().expect("no holder of this lock panics")
    }
}

impl Seen {
    fn note(&mut self, key: [u8; 16], max: usize, now_ms: u64, forget_ms: u64) -> Noted {
        while self.order.front().is_some_and(|&(forget_ms, _)| forget_ms <= now_ms) {
            self.forget_oldest();
        }
        if self.known.contains(&key) {
            return Noted::Repeated;
        }
        let full = self.order.len() >= max;
        if full {
            self.forget_oldest();
        }
        self.known.insert(key);
        self.order.push_back((forget_ms, key));
        self.end_ms = self.end_ms.max(forget_ms);
        if full { Noted::NewForOld } else { Noted::New }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_refused_until_its_signature_has_died() {
        let nonces = Nonces::new(10);
        let note = |app, now_ms| nonces.note(AppId(app), b"n", now_ms, now_ms + 100);
        assert_eq!(note(1, 0), Noted::New);
        assert_eq!(note(1, 99), Noted::Repeated);
        assert_eq!(note(2, 99), Noted::New);
        assert_eq!(note(1, 100), Noted::New);
    }

    #[test]
    fn the_nonces_of_an_app_that_calls_no_more_are_forgotten_when_the_last_one_has_died() {
        let nonces = Nonces::new(10);
        for (nonce, now_ms) in [(b"a", 0), (b"b", 5)] {
            assert_eq!(nonces.note(AppId(1), nonce, now_ms, now_ms + 2 * TIDY_MS), Noted::New);
        }
        for (now_ms, left) in [(0, 1), (2 * TIDY_MS, 1), (2 * TIDY_MS + 5, 1), (3 * TIDY_MS, 0)] {
            nonces.tidy(now_ms);
            assert_eq!(nonces.lock().len(), left, "at {now_ms} ms");
        }
    }

    #[test]
    fn a_full_memory_forgets_the_oldest_and_says_so() {
        let nonces = Nonces::new(2);
        let note = |nonce: &[u8]| nonces.note(AppId(1), nonce, 0, 100);
        assert_eq!([note(b"a"), note(b"b"), note(b"c")], [Noted::New, Noted::New, Noted::NewForOld]);
        assert_eq!(note(b"c"), Noted::Repeated);
        assert_eq!(note(b"a"), Noted::NewForOld);
    }
}
