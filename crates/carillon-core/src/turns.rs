//! Turns: of calls that are the same, one runs at a time, and the others wait for it.
//!
//! A [`Turn`] gives the word free however its call ends. Who waits is bounded by whoever bounds calls.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::task::{Poll, Waker};

use crate::id::AppId;

/// What makes calls of an app the same.
type Word = (AppId, String);

#[derive(Debug, Default)]
pub struct Turns {
    /// Those that are taken, with who waits for them.
    taken: Mutex<HashMap<Word, Vec<Waker>>>,
}

/// The right to run, until dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    word: Word,
}

impl Turns {
    /// Waits until no other call with this word runs. May be dropped at any time.
    pub async fn take(&self, app: AppId, word: &str) -> Turn<'_> {
        let word = (app, word.to_owned());
        std::future::poll_fn(|context| {
            let mut taken = self.lock();
            if let Some(waiting) = taken.get_mut(&word) {
                waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            taken.insert(word.clone(), Vec::new());
            Poll::Ready(())
        })
        .await;
        Turn { turns: self, word }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Word, Vec<Waker>>> {
        self.taken.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let waiting = self.turns.lock().remove(&self.word);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn who_says_the_same_waits_until_the_turn_is_over() {
        let turns = Turns::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut take = |app, word: &str| match pin!(turns.take(AppId(app), word)).poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        };
        let first = take(1, "a");
        assert!(first.is_some());
        assert!(take(1, "a").is_none());
        assert!(take(2, "a").is_some() && take(1, "b").is_some(), "another app's is another");
        drop(first);
        assert!(take(1, "a").is_some());
        assert!(turns.lock().is_empty());
    }
}
