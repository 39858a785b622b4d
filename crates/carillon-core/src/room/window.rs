//! How many messages of a room one receiver gets in a second: exactly held in every window, with what is too much dropped
//! at random rather than at the end.
//!
//! A token bucket lets twice as many through, and counts by the second do, too. So a [`Window`] keeps the times of
//! the last deliveries, as many as the limit, in a ring of fixed size.

use rand::Rng;

/// A second, in µs.
const SECOND: u32 = 1_000_000;

/// How many messages of a class a receiver gets in any one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowLimit(Option<u16>);

/// A moment, split once for all members that are asked at it. Moments come in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    second: u32,
    in_second: u32,
    /// In µs; starts over after 71 minutes.
    us: u32,
}

/// What a receiver got and was offered of a class of messages.
///
/// Limits up to `SLOTS` are kept by the time of each delivery. Higher ones by the last time of each of `SLOTS` groups of
/// deliveries: the limit still holds exactly, but a receiver that was at it may be held up until a whole group is a
/// second old.
#[derive(Clone, Copy, Debug)]
pub struct Window<const SLOTS: usize> {
    /// Of the last delivery in each group, as in [`Moment::us`].
    times: [u32; SLOTS],
    /// Of the last offer. If it is long ago, `times` may have started over, and means nothing.
    second: u32,
    /// Within that second, and within the one before.
    offers: u16,
    offers_before: u16,
    /// The group that is being filled, and how many it has.
    slot: u16,
    in_slot: u16,
}

impl FlowLimit {
    pub const UNLIMITED: Self = Self(None);

    /// The times of that many deliveries, each within two seconds of the one before, must not start over (71 minutes).
    pub const MAX: u16 = 2_000;

    /// `None` above [`Self::MAX`]; what is meant is then [`Self::UNLIMITED`].
    pub fn per_second(messages: u16) -> Option<Self> {
        (messages <= Self::MAX).then_some(Self(Some(messages)))
    }
}

impl Moment {
    /// At `now_us`, of a clock that is never set.
    pub fn new(now_us: u64) -> Self {
        let low = |number: u64| u32::try_from(number & u64::from(u32::MAX)).expect("the upper bits are gone");
        let second = u64::from(SECOND);
        Self { second: low(now_us / second), in_second: low(now_us % second), us: low(now_us) }
    }
}

impl<const SLOTS: usize> Window<SLOTS> {
    /// Of a receiver that got nothing within the last second.
    pub fn new(now: Moment) -> Self {
        let times = [now.us.wrapping_sub(SECOND); SLOTS];
        Self { times, second: now.second, offers: 0, offers_before: 0, slot: 0, in_slot: 0 }
    }

    /// Whether one more message may be delivered now. Charges nothing.
    ///
    /// Where more than the limit was offered within a second, some must be lost. For the loss to be spread over the second,
    /// and to be another one for each receiver, a message then passes with the chance limit / offers, before it must find
    /// room in the window. Where no second had more offers than the limit allows, chance is not asked.
    #[inline]
    pub fn has_room(&self, limit: FlowLimit, now: Moment, rng: &mut impl Rng) -> bool {
        let Some(limit) = limit.0 else { return true };
        limit > 0 && (self.is_stale(now) || !self.is_full(limit, now)) && self.is_lucky(limit, now, rng)
    }

    /// A message was for this receiver; `is_delivered` if it got it. `limit` is the same each time.
    #[inline]
    pub fn charge(&mut self, limit: FlowLimit, now: Moment, is_delivered: bool) {
        let Some(limit) = limit.0 else { return };
        if self.is_stale(now) {
            *self = Self::new(now);
        }
        (self.offers, self.offers_before) = self.offers(now);
        self.second = now.second;
        if is_delivered && limit > 0 {
            if self.in_slot >= Self::group(limit, self.slot) {
                (self.slot, self.in_slot) = (Self::after(limit, self.slot), 0);
            }
            self.times[usize::from(self.slot)] = now.us;
            self.in_slot += 1;
        }
    }

    /// The second before the last one cannot be in a window that ends now.
    #[inline]
    fn is_stale(&self, now: Moment) -> bool {
        now.second.wrapping_sub(self.second) >= 2
    }

    /// Whether what `limit` places before the next message was delivered is less than a second old.
    #[inline]
    fn is_full(&self, limit: u16, now: Moment) -> bool {
        if self.in_slot < Self::group(limit, self.slot) {
            return false;
        }
        let oldest = self.times[usize::from(Self::after(limit, self.slot))];
        now.us.wrapping_sub(oldest) < SECOND
    }

    fn is_lucky(&self, limit: u16, now: Moment, rng: &mut impl Rng) -> bool {
        let (offers, before) = self.offers(now);
        if offers <= limit && before <= limit {
            return true;
        }
        // The second before counts as far as it is in the window.
        let rest = u64::from(before) * u64::from(SECOND - now.in_second) / u64::from(SECOND);
        let rate = u64::from(offers) + rest;
        (u64::from(rng.next_u32()) * rate) >> 32 < u64::from(limit)
    }

    /// How many messages were offered within this second, one more included, and within the second before.
    #[inline]
    fn offers(&self, now: Moment) -> (u16, u16) {
        match now.second.wrapping_sub(self.second) {
            0 => (self.offers.saturating_add(1), self.offers_before),
            1 => (1, self.offers),
            _ => (1, 0),
        }
    }

    /// How many groups there are, and how many deliveries the first of them have.
    #[inline]
    fn groups(limit: u16) -> (u16, u16) {
        let slots = u16::try_from(SLOTS).expect("a ring is small");
        if limit <= slots {
            return (limit, 1);
        }
        let group = limit.div_ceil(slots);
        (limit.div_ceil(group), group)
    }

    /// How many deliveries the group in `slot` has: all together have the limit.
    #[inline]
    fn group(limit: u16, slot: u16) -> u16 {
        let (slots, group) = Self::groups(limit);
        if slot + 1 < slots { group } else { limit - (slots - 1) * group }
    }

    #[inline]
    fn after(limit: u16, slot: u16) -> u16 {
        if slot + 1 < Self::groups(limit).0 { slot + 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    const MS: u64 = 1_000;

    /// Offers a message at each of `times_us`, and returns when one was delivered.
    fn deliver<const SLOTS: usize>(limit: FlowLimit, times_us: &[u64], seed: u64) -> Vec<u64> {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut window = Window::<SLOTS>::new(Moment::new(times_us.first().copied().unwrap_or(0)));
        let mut delivered = Vec::new();
        for at in times_us {
            let now = Moment::new(*at);
            let is_delivered = window.has_room(limit, now, &mut rng);
            window.charge(limit, now, is_delivered);
            delivered.extend(is_delivered.then_some(*at));
        }
        delivered
    }

    /// The most that any window of one second holds.
    fn most_in_a_second(delivered: &[u64]) -> usize {
        let from = |first: &u64| delivered.iter().filter(|at| (*first..*first + 1_000_000).contains(at)).count();
        delivered.iter().map(from).max().unwrap_or(0)
    }

    #[test]
    fn a_receiver_gets_all_of_what_is_within_its_limit() {
        let steady = |every_ms: u64| (0..200).map(|n| 7 + n * every_ms * MS).collect::<Vec<_>>();
        let bursts = |every_ms: u64| (0..200).map(|n| n / 20 * every_ms * MS + n % 20).collect::<Vec<_>>();
        for times in [steady(50), steady(51), steady(3_000), bursts(1_001), bursts(1_000), bursts(90_000)] {
            assert_eq!(deliver::<20>(FlowLimit::per_second(20).unwrap(), &times, 1), times);
        }
    }

    #[test]
    fn limits_of_none_and_of_no_message_hold_and_none_too_high_can_be_named() {
        let times: Vec<u64> = (0..5_000).collect();
        assert_eq!(deliver::<20>(FlowLimit::UNLIMITED, &times, 1), times);
        assert_eq!(deliver::<20>(FlowLimit::per_second(0).unwrap(), &times, 1), [0; 0]);
        assert_eq!(FlowLimit::per_second(FlowLimit::MAX + 1), None);
    }

    #[test]
    fn a_receiver_is_not_held_up_by_what_it_got_when_the_ring_started_over() {
        let round = u64::from(u32::MAX) + 1;
        let burst: Vec<u64> = (0..20).collect();
        for later in [round, round + 10, round * 3] {
            let times: Vec<u64> = burst.iter().copied().chain(burst.iter().map(|at| at + later)).collect();
            assert_eq!(deliver::<20>(FlowLimit::per_second(20).unwrap(), &times, 1), times);
        }
    }

    #[test]
    fn what_is_too_much_is_lost_all_over_the_second_and_not_by_all_the_same() {
        let limit = FlowLimit::per_second(20).unwrap();
        // 100 a second for a minute; a second passes before the first are old enough.
        let times: Vec<u64> = (0..6_000).map(|n| n * 10 * MS).collect();
        let members: Vec<Vec<u64>> = (0..100).map(|seed| deliver::<20>(limit, &times, seed)).collect();
        let mut tenths = [0_usize; 10];
        let mut got_by = vec![0; times.len()];
        for delivered in &members {
            assert!(most_in_a_second(delivered) <= 20);
            // Less than the limit allows, for chance leaves gaps, but not by much.
            assert!((950..=1_200).contains(&delivered.len()), "{}", delivered.len());
            for at in delivered.iter().filter(|at| **at >= 2_000 * MS) {
                tenths[usize::try_from(at / (100 * MS) % 10).unwrap()] += 1;
                got_by[usize::try_from(at / (10 * MS)).unwrap()] += 1;
            }
        }
        let share = tenths.iter().sum::<usize>() / 10;
        for tenth in tenths {
            assert!(tenth.abs_diff(share) * 10 < share, "{tenths:?}");
        }
        // Each message reached about a fifth of them: none all, none nobody.
        let after = &got_by[200..];
        assert!(after.iter().all(|members| (1..=50).contains(members)), "{after:?}");
        assert!((0..100).all(|one| (0..one).all(|other| members[one] != members[other])));
    }

    #[test]
    fn a_room_that_falls_silent_leaves_no_thinning_behind() {
        let mut times: Vec<u64> = (0..1_000).map(|n| n * MS).collect();
        let after: Vec<u64> = (0..100).map(|n| 3_000 * MS + n * 50 * MS).collect();
        times.extend(&after);
        let delivered = deliver::<20>(FlowLimit::per_second(20).unwrap(), &times, 3);
        assert!(delivered.ends_with(&after));
    }

    proptest! {
        #[test]
        fn no_window_of_a_second_holds_more_than_the_limit(
            start in prop_oneof![0..10_u64, u64::from(u32::MAX) - 2_000_000..u64::from(u32::MAX)],
            pauses in prop::collection::vec(
                prop_oneof![8 => 0..3_000_u64, 4 => 0..60_000_u64, 1 => 900_000..1_100_000_u64, 1 => 1_900_000..2_100_000_u64],
                0..300,
            ),
            limit in prop_oneof![0..=20_u16, 21..=200_u16],
            seed: u64,
        ) {
            let times: Vec<u64> = pauses.iter().scan(start, |at, pause| { *at += pause; Some(*at) }).collect();
            let flow = FlowLimit::per_second(limit).unwrap();
            for delivered in [deliver::<20>(flow, &times, seed), deliver::<10>(flow, &times, seed), deliver::<1>(flow, &times, seed)] {
                prop_assert!(most_in_a_second(&delivered) <= usize::from(limit));
            }
            if limit <= 20 && most_in_a_second(&times) <= usize::from(limit) {
                prop_assert_eq!(deliver::<20>(flow, &times, seed), times);
            }
        }
    }
}
