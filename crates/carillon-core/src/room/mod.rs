//! Chat rooms: who in a room gets a message.
//!
//! Rules and what they remember of a member, for whoever holds the members; no clock, no socket, no lock. Times are
//! handed over, in µs of a clock that is never set, and so is chance.

mod tags;

pub use tags::{Expected, Expression, Malformed, TagSet, TagSets, Tags, TagsError, Verdicts};
