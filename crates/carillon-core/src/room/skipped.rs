//! Notices to a receiver of how many messages it missed for its flow limits: one a second at most.

/// What one receiver missed since it was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    missed: u32,
    /// The time from which it may be told again, in ms; starts over after 49 days, which then costs a delay at most.
    quiet_until_ms: u32,
}

impl Skipped {
    const PAUSE_MS: u32 = 1_000;

    /// Of a receiver that was told nothing yet.
    pub fn new(now_us: u64) -> Self {
        Self { missed: 0, quiet_until_ms: ms(now_us) }
    }

    /// One more message was missed.
    #[inline]
    pub fn add(&mut self) {
        self.missed = self.missed.saturating_add(1);
    }

    /// How long it is until there is something to tell: `None` if nothing was missed.
    pub fn due_in_ms(&self, now_us: u64) -> Option<u32> {
        let left = self.quiet_until_ms.wrapping_sub(ms(now_us));
        // Further away than the pause is a time that was passed.
        (self.missed > 0).then_some(if left <= Self::PAUSE_MS + 1 { left } else { 0 })
    }

    /// How many messages to tell of now, if it is time to. They count as told.
    pub fn take(&mut self, now_us: u64) -> Option<u32> {
        if self.due_in_ms(now_us) != Some(0) {
            return None;
        }
        // What is left of this ms must not shorten the pause.
        self.quiet_until_ms = ms(now_us).wrapping_add(Self::PAUSE_MS + 1);
        Some(std::mem::take(&mut self.missed))
    }
}

fn ms(us: u64) -> u32 {
    u32::try_from((us / 1_000) & u64::from(u32::MAX)).expect("the upper bits are gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_told_at_once_and_then_once_a_second_of_what_it_missed_since() {
        let mut skipped = Skipped::new(5_000_000);
        assert_eq!((skipped.due_in_ms(5_000_000), skipped.take(5_000_000)), (None, None));
        skipped.add();
        assert_eq!((skipped.due_in_ms(5_000_900), skipped.take(5_000_900)), (Some(0), Some(1)));
        skipped.add();
        skipped.add();
        assert_eq!((skipped.due_in_ms(5_100_000), skipped.take(5_100_000)), (Some(901), None));
        assert_eq!((skipped.due_in_ms(6_000_899), skipped.take(6_000_899)), (Some(1), None));
        assert_eq!((skipped.due_in_ms(6_001_000), skipped.take(6_001_000)), (Some(0), Some(2)));
        assert_eq!(skipped.take(60_000_000), None);
        skipped.add();
        assert_eq!(skipped.take(60_000_000), Some(1));
    }

    #[test]
    fn notices_go_on_when_the_ms_start_over() {
        let over_us = (u64::from(u32::MAX) + 1) * 1_000;
        let mut skipped = Skipped::new(over_us - 500_000);
        skipped.add();
        assert_eq!(skipped.take(over_us - 500_000), Some(1));
        skipped.add();
        assert_eq!(skipped.take(over_us + 400_000), None);
        assert_eq!(skipped.take(over_us + 501_000), Some(1));
    }
}
