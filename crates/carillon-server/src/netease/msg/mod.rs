//! The endpoints of messages.

mod fields;
mod notice;
mod recipients;
pub(super) mod send;
pub(super) mod send_attach;
pub(super) mod send_batch;
pub(super) mod send_batch_attach;
