//! Decisions: pure functions from a command, facts and the time to a plan, or to a refusal.

mod refusal;
mod send;

pub use refusal::Refusal;
pub use send::{SendFacts, send};
