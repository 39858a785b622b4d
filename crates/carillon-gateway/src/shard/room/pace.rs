//! When a room's round goes on: without a break while one message at a time is on its way, and with rests where several are.
//!
//! A write costs the kernel much the same whether it brings one message or ten. So after a turn in which messages shared
//! writes, the round rests for twice as long as that turn took: what comes meanwhile shares the next one's. Whoever sends now and
//! then never waits for this.

/// Turns that were shorter are not worth a rest, which the timer's grain would make longer than they are.
const TURN_US_MIN: u64 = 1_000;
/// How much longer than the turn before it a rest is. With one as long, sixteen senders to 1,000 members cost 8 to 25 % more.
const REST_PER_TURN: u64 = 2;
/// The longest rest: what a message may be late for it. In a longer turn enough comes anyhow.
const REST_US_MAX: u64 = 4_000;

/// How far a round is in its turn, by which each member was handed something once.
#[derive(Default)]
pub(super) struct Pace {
    began_us: u64,
    handed: usize,
    /// Whether several messages were on their way at once.
    is_shared: bool,
}

impl Pace {
    /// Members are about to be handed something.
    pub(super) fn go_on(&mut self, now_us: u64) {
        if self.handed == 0 {
            self.began_us = now_us;
        }
    }

    /// So many members were handed something, while this many messages were on their way.
    pub(super) fn handed(&mut self, members: usize, messages: usize) {
        self.handed += members;
        self.is_shared |= messages > 1;
    }

    /// Until when to rest, where a turn is over: all `members` had theirs, or nothing is on its way any more.
    pub(super) fn rest_until_us(&mut self, now_us: u64, members: usize, is_over: bool) -> Option<u64> {
        if self.handed < members && !is_over {
            return None;
        }
        let Self { began_us, is_shared, .. } = std::mem::take(self);
        let took_us = now_us.saturating_sub(began_us);
        let is_worth_it = is_shared && took_us >= TURN_US_MIN;
        is_worth_it.then(|| now_us + (REST_PER_TURN * took_us).min(REST_US_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of two strides over 100 members, each with its messages, the time that it takes, and the rest after it.
    #[test]
    fn a_long_turn_in_which_messages_shared_writes_is_followed_by_a_rest_of_twice_its_length() {
        let table = [
            ([1, 1], 3_000, None),
            ([1, 2], 1_500, Some(3_000)),
            ([2, 1], 1_500, Some(3_000)),
            ([2, 1], 3_000, Some(4_000)),
            ([5, 5], 900, None),
            ([5, 5], 50_000, Some(4_000)),
            ([1, 1], 3_000, None),
        ];
        let mut pace = Pace::default();
        for ([first, second], took_us, rest_us) in table {
            pace.go_on(10_000);
            pace.handed(50, first);
            assert_eq!(pace.rest_until_us(10_500, 100, false), None);
            pace.go_on(11_000);
            pace.handed(50, second);
            let now_us = 10_000 + took_us;
            assert_eq!(pace.rest_until_us(now_us, 100, false), rest_us.map(|it| now_us + it), "{took_us}");
        }
        pace.go_on(0);
        pace.handed(10, 2);
        assert_eq!(pace.rest_until_us(2_000, 100, true), Some(6_000), "nothing is on its way any more");
    }
}
