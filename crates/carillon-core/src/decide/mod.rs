//! Decisions: pure functions from a command, facts and the time to a plan, or to a refusal.

mod batch;
mod refusal;

pub use batch::{BatchFacts, batch};
pub use refusal::Refusal;
