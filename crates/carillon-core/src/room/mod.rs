//! Chat rooms: who in a room gets a message.
//!
//! Rules and what they remember of a member, for whoever holds the members; no clock, no socket, no lock. Times are
//! handed over, in µs of a clock that is never set, and so is chance.

mod abandon;
mod choose;
#[cfg(test)]
mod choose_tests;
mod members;
mod seen;
mod skipped;
mod space;
mod tags;
mod window;

pub use abandon::AbandonRatio;
pub use choose::{Audience, Choice, Named, Pass, Priority, Rules, To};
pub use members::Members;
pub use seen::{FanoutNo, Seen};
pub use skipped::Skipped;
pub use space::{Origin, Point, Reach, SpaceError};
pub use tags::{Expected, Expression, Malformed, TagSet, TagSets, Tags, TagsError, Verdicts};
pub use window::{FlowLimit, Moment, Window};
