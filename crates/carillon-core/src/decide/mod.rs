//! Decisions: pure functions from a command, facts and the time to a plan, or to a refusal.

mod broadcast;
mod event;
mod refusal;
mod send;

pub use broadcast::broadcast;
pub use event::{EventFacts, mark_read, withdraw};
pub use refusal::Refusal;
pub use send::{SendFacts, send};
