//! Decisions: pure functions from a command, facts and the time to a plan, or to a refusal.

mod broadcast;
mod event;
#[cfg(test)]
pub(crate) mod fixture;
mod refusal;
mod room;
mod room_change;
mod room_member;
mod send;

pub use broadcast::{broadcast, may_broadcast};
pub use event::{EventFacts, SeenBy, mark_read, modify, withdraw};
pub use refusal::Refusal;
pub use room::{
    RoomFacts, broadcast_to_room, may_broadcast_to_rooms, may_send_to_room, over_high_rate, role, send_to_room,
};
pub use room_change::{check_closing, check_room_change, may_change_room, room_change_event};
pub use room_member::{MemberAction, Operator, act_on_member};
pub use send::{SendFacts, send};
