//! The endpoints of messages.

mod fields;
pub(super) mod send;
pub(super) mod send_batch;
