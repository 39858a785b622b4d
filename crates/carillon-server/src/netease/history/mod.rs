//! The endpoints that read conversations and rooms.

pub(super) mod chatroom_msg;
mod row;
pub(super) mod session_list;
pub(super) mod session_msg;
