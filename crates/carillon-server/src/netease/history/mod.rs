//! The endpoints that read conversations.

mod row;
pub(super) mod session_list;
pub(super) mod session_msg;
