//! Lets one of many through in a while, and counts the others: for lines of the log about what may fail as often as calls come.
//!
//! Such lines would fill the disk that their cause may be the lack of.

use std::sync::Mutex;

const PAUSE_US: u64 = 10_000_000;

#[derive(Debug, Default)]
pub struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    again_at_us: u64,
    left_out: u64,
}

impl Seldom {
    /// Whether this one is let through: then how many were not, since the one before.
    pub fn pass(&self, now_us: u64) -> Option<u64> {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        if now_us < state.again_at_us {
            state.left_out += 1;
            return None;
        }
        state.again_at_us = now_us + PAUSE_US;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passes_at_once_and_the_next_after_a_while_with_the_number_of_those_between() {
        let seldom = Seldom::default();
        let passed: Vec<_> = (0..25).map(|second| seldom.pass(second * 1_000_000)).collect();
        let expected = |second| [(0, 0), (10, 9), (20, 9)].into_iter().find(|it| it.0 == second).map(|it| it.1);
        assert!(passed.into_iter().eq((0..25).map(expected)));
    }
}
