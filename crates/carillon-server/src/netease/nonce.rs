//! The nonces of apps that take each one only once.
//!
//! A signature lives for at most twice the clock window and a second, so a nonce is remembered for that long. The memory of
//! an app is bounded: where it is full the oldest nonce is forgotten early, and counted, because refusing would let a busy
//! hour stop the app's own calls.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use carillon_core::AppId;
use sha2::{Digest, Sha256};

pub(super) struct Nonces {
    max: usize,
    apps: Mutex<HashMap<AppId, Seen>>,
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
}

impl Nonces {
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.max(1), apps: Mutex::default() }
    }

    /// Remembers a nonce of a call whose signature held until `forget_ms`.
    pub(super) fn note(&self, app: AppId, nonce: &[u8], now_ms: u64, forget_ms: u64) -> Noted {
        let digest = Sha256::digest(nonce);
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        let mut apps = self.apps.lock().expect("no holder of this lock panics");
        apps.entry(app).or_default().note(key, self.max, now_ms, forget_ms)
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
    fn a_full_memory_forgets_the_oldest_and_says_so() {
        let nonces = Nonces::new(2);
        let note = |nonce: &[u8]| nonces.note(AppId(1), nonce, 0, 100);
        assert_eq!([note(b"a"), note(b"b"), note(b"c")], [Noted::New, Noted::New, Noted::NewForOld]);
        assert_eq!(note(b"c"), Noted::Repeated);
        assert_eq!(note(b"a"), Noted::NewForOld);
    }
}
