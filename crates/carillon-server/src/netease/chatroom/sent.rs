//! A message that was sent to a room, as its sender is told of it.
//!
//! Here numbers are texts. The flags are there only where they are set, and one of them is a number or a text, depending on
//! the call.

use carillon_core::command::RoomSend;
use carillon_core::pipeline::First;
use serde::Serialize;

use crate::netease::body;

/// What the answer needs to know of the message.
#[derive(Clone, Debug)]
pub(super) struct Wording {
    pub(super) client_id: String,
    attach: String,
    room: u64,
    sender: String,
    number: u16,
    ext: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    time: String,
    from_avator: String,
    #[serde(rename = "msgid_client")]
    msgid_client: String,
    from_client_type: &'static str,
    attach: String,
    room_id: String,
    from_account: String,
    from_nick: String,
    r#type: String,
    ext: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    high_priority_flag: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_abandon_flag: Option<Flag>,
}

/// A flag that is set.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Flag {
    Number(u8),
    Text(&'static str),
}

impl Flag {
    pub(super) const NUMBER: Self = Self::Number(1);
    pub(super) const TEXT: Self = Self::Text("1");
}

impl Wording {
    pub(super) fn of(command: &RoomSend) -> Self {
        Self {
            client_id: command.client_id.clone(),
            attach: command.content.original.clone(),
            room: command.room.get(),
            sender: command.sender.to_string(),
            number: body::number(command.content.kind).expect("each of this vendor's types has a number"),
            ext: command.ext.clone(),
        }
    }

    /// As [`Wording::of`], of a message to all rooms. Their number is 0, so that typed callers read one.
    pub(super) fn of_all_rooms(command: &RoomSend) -> Self {
        Self { room: 0, ..Self::of(command) }
    }

    /// With `flag` for high priority.
    pub(super) fn word(self, first: First, flag: Flag) -> Told {
        Told {
            time: first.time_ms.to_string(),
            from_avator: first.avatar,
            msgid_client: self.client_id,
            from_client_type: "REST",
            attach: self.attach,
            room_id: self.room.to_string(),
            from_account: self.sender,
            from_nick: first.nick,
            r#type: self.number.to_string(),
            ext: self.ext,
            high_priority_flag: first.high.then_some(flag),
            msg_abandon_flag: first.abandoned.then_some(Flag::TEXT),
        }
    }
}
