//! Tags: labels that members bring into a room, and expressions that choose members by them.
//!
//! A message's [`Expression`] is compiled once, and asked once for each distinct set of tags in the room ([`TagSets`]), not
//! once for each member.

mod expression;
mod parse;
mod pattern;
mod set;
mod sets;
#[cfg(test)]
mod tests;

pub use expression::Expression;
pub use parse::{Expected, Malformed};
pub use set::{Tags, TagsError};
pub use sets::{TagSet, TagSets, Verdicts};
