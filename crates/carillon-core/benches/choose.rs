//! What choosing costs, in ns for each member of a room, by rule: one message on its way over all members, chosen and charged,
//! nothing sent. `cargo bench -p carillon-core`.
#![expect(clippy::print_stdout, reason = "a bench is for whoever reads its lines")]

use std::hint::black_box;
use std::time::Instant;

use carillon_core::AccountNo;
use carillon_core::room::{
    Audience, Choice, Expression, FanoutNo, FlowLimit, Members, Moment, Named, Pass, Point, Priority, Reach, Rules,
    Tags, To,
};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

const MEMBERS: [usize; 3] = [1_000, 10_000, 100_000];

/// Each line is measured in slices, which are short beside a scheduler's.
const SLICES: u64 = 40;
const CHOICES_IN_SLICE: usize = 500_000;

/// How many distinct tags there are; a message with an expression is for those who have one of them.
const TAGS: u64 = 10;

struct Line {
    name: &'static str,
    audience: Audience,
    rules: Rules,
    /// Between two messages.
    pause_us: u64,
}

fn main() {
    // As a test it need only compile.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{} bytes a member", Members::BYTES);
    println!("{:<34} {:>9} {:>10} {:>10}", "", "members", "ns/member", "delivered");
    for line in lines() {
        for members in MEMBERS {
            let (ns, delivered) = line.measure(members);
            println!("{:<34} {members:>9} {ns:>10.2} {:>9.1}%", line.name, delivered * 100.0);
        }
    }
}

fn lines() -> Vec<Line> {
    let unlimited = FlowLimit::UNLIMITED;
    let free = Rules { normal: unlimited, high: unlimited, hear_without_position: true };
    let limit = |messages| FlowLimit::per_second(messages).expect("below the highest limit");
    let everyone = Audience {
        to: To::Everyone,
        tags: None,
        at: None,
        priority: Priority::Normal,
        is_abandoned: false,
        is_resend: false,
    };
    let line = |name, audience: &Audience, rules, pause_us| Line { name, audience: audience.clone(), rules, pause_us };
    let tags = Expression::parse(r#"{"tag":"t3"} or {"tag":"x.*","matchType":"regex"}"#).expect("an expression");
    let tagged = Audience { tags: Some(tags), ..everyone.clone() };
    let spoken = Audience { at: Some(Point::new(0.0, 0.0, 0.0).expect("a point")), ..everyone.clone() };
    let again = Audience { is_resend: true, ..everyone.clone() };
    let named = Named::new((0..100).map(|n| AccountNo(n * 7)).collect());
    let directed = Audience { to: To::These(named), ..everyone.clone() };
    let usual = Rules { normal: limit(20), high: limit(10), ..free };
    let high = Rules { normal: limit(FlowLimit::MAX), ..free };
    let all = Audience { tags: tagged.tags.clone(), at: spoken.at, is_resend: true, ..everyone.clone() };
    vec![
        line("no rules", &everyone, free, 1_000),
        line("tags, a tenth", &tagged, free, 1_000),
        line("space, about a half", &spoken, free, 1_000),
        line("sent again", &again, free, 1_000),
        line("directed to 100", &directed, free, 1_000),
        line("window of 20, at 10 a second", &everyone, usual, 100_000),
        line("window of 20, at 100 a second", &everyone, usual, 10_000),
        line("window of 20, at 1,000 a second", &everyone, usual, 1_000),
        line("window of 2,000, at 1,000 a second", &everyone, high, 1_000),
        line("tags, space, again, window of 20", &all, usual, 10_000),
    ]
}

impl Line {
    /// The ns for a member, and the part of choices that were to deliver. The fastest slice counts: the others shared the
    /// machine.
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    fn measure(&self, members: usize) -> (f64, f64) {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut members = room(members, &mut rng);
        let rounds = CHOICES_IN_SLICE.div_ceil(members.len()) as u64;
        let (mut delivered, mut fastest_ns) = (0, f64::MAX);
        for slice in 0..SLICES {
            let start = Instant::now();
            for round in slice * rounds + 1..=(slice + 1) * rounds {
                delivered += self.send(FanoutNo(round), &mut members, &mut rng);
            }
            fastest_ns = fastest_ns.min(start.elapsed().as_nanos() as f64);
        }
        let choices = (rounds as usize * members.len()) as f64;
        (fastest_ns / choices, delivered as f64 / choices / SLICES as f64)
    }

    fn send(&self, no: FanoutNo, members: &mut Members, rng: &mut SmallRng) -> usize {
        let now = Moment::new(no.0 * self.pause_us);
        let pass = Pass::new(black_box(&self.audience), no, now, members.sets(), &self.rules);
        let mut delivered = 0;
        for place in 0..members.len() {
            let choice = members.choose(&pass, place, rng);
            members.charge(&pass, place, choice);
            delivered += usize::from(choice == Choice::Deliver);
        }
        delivered
    }
}

/// Members with one tag of ten each, at places around the origin that half of them hear.
fn room(len: usize, rng: &mut SmallRng) -> Members {
    let mut members = Members::default();
    for place in 0..len {
        members.push(AccountNo(place as u64), FanoutNo(0), 0);
        let tag = format!("t{}", rng.next_u64() % TAGS);
        members.set_tags(place, Tags::new(&[tag]).expect("a tag"));
        let at = Point::new((rng.next_u32() % 1_000).into(), 0.0, 0.0).expect("a point");
        members.set_reach(place, Some(Reach::new(at, 500.0).expect("a distance")));
    }
    members
}
