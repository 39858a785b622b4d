//! The endpoints of messages.

pub(super) mod send_batch;
