//! Each rule of choosing, their order, and what is remembered of a choice.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::*;
use crate::id::AccountNo;
use crate::model::DropReason;

const FREE: Rules = Rules { normal: FlowLimit::UNLIMITED, high: FlowLimit::UNLIMITED, hear_without_position: false };

fn everyone() -> Audience {
    Audience {
        to: To::Everyone,
        tags: None,
        at: None,
        priority: Priority::Normal,
        is_abandoned: false,
        is_resend: false,
    }
}

/// A room in which each message is one later, with one member: account 1 with the tag "a", at (0, 0, 0), hearing as far
/// as 10, who entered after message 100 at 5 s.
struct Room {
    members: Members,
    rules: Rules,
    last: u64,
    rng: SmallRng,
}

impl Room {
    fn new(rules: Rules) -> Self {
        let mut members = Members::default();
        members.push(AccountNo(1), FanoutNo(100), 5_000_000);
        members.set_tags(0, Tags::new(&["a"]).unwrap());
        members.set_reach(0, Some(Reach::new(point(0.0), 10.0).unwrap()));
        Self { members, rules, last: 100, rng: SmallRng::seed_from_u64(1) }
    }

    fn look(&mut self, audience: &Audience, no: u64, at_ms: u64) -> Choice {
        let pass = Pass::new(audience, FanoutNo(no), Moment::new(at_ms * 1_000), self.members.sets(), &self.rules);
        self.members.choose(&pass, 0, &mut self.rng)
    }

    fn send(&mut self, audience: &Audience, at_ms: u64) -> Choice {
        self.last += 1;
        self.send_as(audience, self.last, at_ms)
    }

    fn send_as(&mut self, audience: &Audience, no: u64, at_ms: u64) -> Choice {
        let choice = self.look(audience, no, at_ms);
        let pass = Pass::new(audience, FanoutNo(no), Moment::new(at_ms * 1_000), self.members.sets(), &self.rules);
        self.members.charge(&pass, 0, choice);
        choice
    }
}

fn point(x: f64) -> Point {
    Point::new(x, 0.0, 0.0).unwrap()
}

fn tagged(tag: &str) -> Option<Expression> {
    Some(Expression::parse(&format!(r#"{{"tag":"{tag}"}}"#)).unwrap())
}

fn named(accounts: &[u64]) -> To {
    To::These(Named::new(accounts.iter().copied().map(AccountNo).collect()))
}

#[test]
fn the_first_rule_that_has_something_against_a_member_names_the_reason() {
    use Choice::{Deliver, Drop, Outside};
    use DropReason::{Abandoned, AlreadyReceived, FlowLimit as Flow, FlowLimitHigh, OutOfRange, TagMismatch};
    let none = FlowLimit::per_second(0).unwrap();
    let rules = Rules { normal: none, high: none, ..FREE };
    let mut room = Room::new(rules);
    assert_eq!(room.send(&Audience { priority: Priority::Exempt, ..everyone() }, 5_000), Deliver);
    // All is against it; each line takes away what the line before named.
    let mut audience = Audience {
        to: named(&[2, 3]),
        tags: tagged("b"),
        at: Some(point(11.0)),
        priority: Priority::High,
        is_abandoned: true,
        is_resend: true,
    };
    assert_eq!(room.look(&audience, 101, 5_000), Outside);
    audience.to = named(&[3, 1, 1]);
    assert_eq!(room.look(&audience, 101, 5_000), Drop(Abandoned));
    audience.is_abandoned = false;
    assert_eq!(room.look(&audience, 101, 5_000), Drop(TagMismatch));
    audience.tags = tagged("a");
    assert_eq!(room.look(&audience, 101, 5_000), Drop(OutOfRange));
    audience.at = Some(point(-10.0));
    assert_eq!(room.look(&audience, 101, 5_000), Drop(AlreadyReceived));
    audience.is_resend = false;
    assert_eq!(room.look(&audience, 101, 5_000), Drop(FlowLimitHigh));
    audience.priority = Priority::Normal;
    assert_eq!(room.look(&audience, 101, 5_000), Drop(Flow));
    audience.priority = Priority::Exempt;
    assert_eq!(room.look(&audience, 101, 5_000), Deliver);
}

#[test]
fn who_gave_no_position_hears_what_is_said_at_a_point_if_the_setting_says_so() {
    for (hear_without_position, expected) in [(true, Choice::Deliver), (false, Choice::Drop(DropReason::OutOfRange))] {
        let mut room = Room::new(Rules { hear_without_position, ..FREE });
        room.members.set_reach(0, None);
        assert_eq!(room.send(&Audience { at: Some(point(1.0)), ..everyone() }, 5_000), expected);
        assert_eq!(room.send(&everyone(), 5_000), Choice::Deliver);
    }
}

#[test]
fn a_message_that_is_sent_again_goes_to_who_did_not_get_it() {
    let mut room = Room::new(FREE);
    let again = Audience { is_resend: true, ..everyone() };
    assert_eq!(room.send(&everyone(), 5_000), Choice::Deliver);
    assert_eq!(room.send(&Audience { tags: tagged("b"), ..everyone() }, 5_000), Choice::Drop(DropReason::TagMismatch));
    let had = Choice::Drop(DropReason::AlreadyReceived);
    // Before it entered; what it had; what it did not have; and then all of them again.
    for (no, first) in [(99, Choice::Deliver), (101, had), (102, Choice::Deliver)] {
        assert_eq!([room.send_as(&again, no, 5_001), room.send_as(&again, no, 5_002)], [first, had], "{no}");
    }
}

#[test]
fn the_two_windows_are_apart_and_what_is_missed_is_counted_for_a_notice() {
    let limit = |messages| FlowLimit::per_second(messages).unwrap();
    let mut room = Room::new(Rules { normal: limit(20), high: limit(10), ..FREE });
    let high = Audience { priority: Priority::High, ..everyone() };
    let exempt = Audience { priority: Priority::Exempt, ..everyone() };
    let mut delivered = [0; 3];
    for n in 0..40 {
        for (place, audience) in [&everyone(), &high, &exempt].into_iter().enumerate() {
            delivered[place] += u32::from(room.send(audience, 5_000 + n) == Choice::Deliver);
        }
    }
    assert_eq!(delivered, [20, 10, 40]);
    assert_eq!(room.members.skipped(0).take(5_100_000), Some(20 + 30));
}

#[test]
fn a_dry_run_charges_nothing() {
    let mut room = Room::new(Rules { normal: FlowLimit::per_second(1).unwrap(), ..FREE });
    assert!((0..50).all(|_| room.look(&everyone(), 101, 5_000) == Choice::Deliver));
    assert!(!room.members.has(0, FanoutNo(101)));
    assert_eq!(room.send(&everyone(), 5_000), Choice::Deliver);
    assert!(room.members.has(0, FanoutNo(101)));
    assert!((0..50).all(|_| room.look(&everyone(), 102, 5_999) == Choice::Drop(DropReason::FlowLimit)));
    assert_eq!(room.members.skipped(0).take(9_000_000), None);
}

#[test]
fn what_a_rule_kept_from_a_member_is_not_held_against_its_window() {
    let mut room = Room::new(Rules { normal: FlowLimit::per_second(1).unwrap(), ..FREE });
    let others = [
        Audience { to: named(&[2]), ..everyone() },
        Audience { tags: tagged("b"), ..everyone() },
        Audience { at: Some(point(99.0)), ..everyone() },
        Audience { is_abandoned: true, ..everyone() },
    ];
    for audience in others.iter().cycle().take(400) {
        assert_ne!(room.send(audience, 5_000), Choice::Deliver);
    }
    assert_eq!(room.send(&everyone(), 5_000), Choice::Deliver);
}
