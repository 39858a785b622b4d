//! Which of a room's last messages a connection got, so that one that is sent again goes only to those who did not.

/// The place of a message among all that a room fanned out, from 1: dense, without regard to whom they were for, and seen
/// by no client. It starts anew with the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FanoutNo(pub u64);

/// What one connection got of a room since it entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Bit n: the message n places before `last`.
    bits: u128,
    /// The last message that it got, or where it entered.
    last: FanoutNo,
    entered: FanoutNo,
}

impl Seen {
    /// How many messages back are remembered.
    pub const LEN: u64 = 128;

    /// Of a connection that enters when `last` was the room's last message; it has none of them.
    pub fn new(last: FanoutNo) -> Self {
        Self { bits: 0, last, entered: last }
    }

    /// The connection got `no`. One that is further back than is remembered leaves no trace, so it may get that once more
    /// each time that it is sent again; clients drop repeats by their own id.
    #[inline]
    pub fn mark(&mut self, no: FanoutNo) {
        if let Some(ahead) = no.0.checked_sub(self.last.0) {
            self.bits = if ahead < Self::LEN { self.bits << ahead | 1 } else { 1 };
            self.last = no;
        } else if let Some(bit) = self.bit(no) {
            self.bits |= bit;
        }
    }

    /// The connection did not get `no` after all.
    pub fn unmark(&mut self, no: FanoutNo) {
        if let Some(bit) = self.bit(no) {
            self.bits &= !bit;
        }
    }

    /// Of a connection that comes back: it has what it had `before`, of what is still remembered.
    #[must_use]
    pub fn after(self, before: Self) -> Self {
        let ahead = self.last.0.checked_sub(before.last.0).filter(|ahead| *ahead < Self::LEN);
        Self { bits: ahead.map_or(0, |ahead| before.bits << ahead), ..self }
    }

    /// Whether the connection got `no`. [`Self::LEN`] or more places before the last that it got, that is forgotten: then it
    /// got what was sent while it was there, and nothing of what was sent before.
    #[inline]
    pub fn has(&self, no: FanoutNo) -> bool {
        if no > self.last {
            return false;
        }
        match self.bit(no) {
            Some(bit) => self.bits & bit != 0,
            None => no > self.entered,
        }
    }

    /// Whether the connection did not get `no`, which was sent after it first entered.
    pub fn has_missed(&self, no: FanoutNo) -> bool {
        no > self.entered && !self.has(no)
    }

    #[inline]
    fn bit(&self, no: FanoutNo) -> Option<u128> {
        let back = self.last.0.checked_sub(no.0)?;
        (back < Self::LEN).then(|| 1 << back)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(entered: u64, marks: &[u64]) -> Seen {
        let mut seen = Seen::new(FanoutNo(entered));
        marks.iter().for_each(|no| seen.mark(FanoutNo(*no)));
        seen
    }

    #[test]
    fn a_connection_has_what_it_got_and_is_taken_to_have_what_is_forgotten() {
        let table: [(u64, &[u64], u64, bool); 15] = [
            (10, &[], 10, false),
            (10, &[], 3, false),
            (10, &[], 11, false),
            (10, &[12], 11, false),
            (10, &[12], 12, true),
            (10, &[12], 13, false),
            (10, &[12, 11], 11, true),
            // Sent before it entered, and again to it.
            (10, &[8], 8, true),
            (10, &[8, 12], 8, true),
            // The last place that is remembered.
            (10, &[12, 139], 12, true),
            (10, &[139], 12, false),
            // Forgotten: it was there when this was sent.
            (10, &[140], 12, true),
            // Forgotten: it entered later.
            (10, &[12, 1_000], 10, false),
            (10, &[1_000, 12], 12, true),
            (0, &[u64::MAX], 1, true),
        ];
        for (entered, marks, asked, has) in table {
            assert_eq!(seen(entered, marks).has(FanoutNo(asked)), has, "{entered} {marks:?} {asked}");
        }
    }

    #[test]
    fn a_connection_has_missed_what_came_after_it_and_did_not_reach_it() {
        let seen = seen(10, &[12, 13]);
        let missed: Vec<u64> = (9..=15).filter(|no| seen.has_missed(FanoutNo(*no))).collect();
        assert_eq!(missed, [11, 14, 15]);
    }

    #[test]
    fn a_connection_that_comes_back_has_what_it_had_and_nothing_of_what_it_missed() {
        let mut before = seen(10, &[11, 12, 14]);
        before.unmark(FanoutNo(12));
        let mut back = Seen::new(FanoutNo(20)).after(before);
        back.mark(FanoutNo(21));
        let had: Vec<u64> = (0..=22).filter(|no| back.has(FanoutNo(*no))).collect();
        assert_eq!(had, [11, 14, 21]);
        assert!((0..=20).all(|no| !back.has_missed(FanoutNo(no))), "what it missed before, it does not miss once more");
        for (last, has) in [(14 + Seen::LEN - 1, true), (14 + Seen::LEN, false), (13, false)] {
            assert_eq!(Seen::new(FanoutNo(last)).after(before).has(FanoutNo(14)), has, "{last}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_last_messages_is_mistaken(
            entered in 0..50_u64,
            steps in prop::collection::vec((0..40_u64, any::<bool>()), 0..80),
        ) {
            let mut seen = Seen::new(FanoutNo(entered));
            let (mut got, mut now) = (Vec::new(), entered);
            for (step, is_late) in steps {
                let no = if is_late { now.saturating_sub(step) } else { now + step };
                now = now.max(no);
                seen.mark(FanoutNo(no));
                got.push(no);
                for back in 0..Seen::LEN.min(now + 1) {
                    let asked = now - back;
                    prop_assert_eq!(seen.has(FanoutNo(asked)), got.contains(&asked), "{}", asked);
                }
            }
        }
    }
}
