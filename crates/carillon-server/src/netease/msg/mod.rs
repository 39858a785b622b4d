//! The endpoints of messages.

pub(super) mod broadcast;
pub(super) mod del_msg;
pub(super) mod del_msg_one_way;
pub(super) mod del_roam_session;
pub(super) mod fields;
pub(super) mod mark_read;
mod notice;
mod past;
pub(super) mod recall;
mod recipients;
pub(super) mod send;
pub(super) mod send_attach;
pub(super) mod send_batch;
pub(super) mod send_batch_attach;
