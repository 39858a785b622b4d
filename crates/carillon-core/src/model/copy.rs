//! Copies: what one message is for one account, and what became of it.

use std::sync::Arc;

use crate::id::{AccountNo, MessageId, Offset};
use crate::model::Message;

/// What the plan says about one copy. What is handed to a socket is then also counted as delivered, by the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Kept in the recipient's inbox, and handed to who is online.
    Inbox,
    /// Handed to who is online, and kept nowhere.
    OnlineOnly,
    /// Kept in the conversation's history, for backends to read, and for whoever shall find it there; neither in the inbox nor
    /// handed out.
    Hidden,
    /// Not for this recipient. The copy still has an id, so that its sender cannot tell.
    Drop(DropReason),
}

/// Why a copy did not reach its recipient: the whole list. Records name a reason by its place: new ones join at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// No such account in the app.
    Unregistered,
    /// The recipient keeps the sender on its blocklist.
    Blocked,
    /// It was for who is online, and the recipient was not.
    Offline,
    /// It was for who is online, and the recipient's connection could not take it.
    SlowConnection,
    /// The member had as many normal messages of the room within a second as one gets.
    FlowLimit,
    /// The member had as many messages of high priority within a second as one gets.
    FlowLimitHigh,
    /// The share of messages that its sender gave up took this one.
    Abandoned,
    /// The member's tags are not those that the message is for.
    TagMismatch,
    /// The message was said further away than the member wants to hear.
    OutOfRange,
    /// It was for an account that is not in the room.
    NotInRoom,
    /// It was sent again, and the member had it the first time.
    AlreadyReceived,
    /// The server had so much to hand out that nobody looked whom this was for.
    Overrun,
}

impl Fate {
    /// Whether the copy's recipient is to have nothing of it.
    pub fn is_dropped(self) -> bool {
        match self {
            Self::Inbox | Self::OnlineOnly | Self::Hidden => false,
            Self::Drop(_) => true,
        }
    }
}

impl DropReason {
    pub const ALL: [Self; 12] = [
        Self::Unregistered,
        Self::Blocked,
        Self::Offline,
        Self::SlowConnection,
        Self::FlowLimit,
        Self::FlowLimitHigh,
        Self::Abandoned,
        Self::TagMismatch,
        Self::OutOfRange,
        Self::NotInRoom,
        Self::AlreadyReceived,
        Self::Overrun,
    ];

    /// Its name in metrics and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Blocked => "blocked",
            Self::Offline => "offline",
            Self::SlowConnection => "slow_connection",
            Self::FlowLimit => "flow_limit",
            Self::FlowLimitHigh => "flow_limit_high",
            Self::Abandoned => "abandoned",
            Self::TagMismatch => "tag_mismatch",
            Self::OutOfRange => "out_of_range",
            Self::NotInRoom => "not_in_room",
            Self::AlreadyReceived => "already_received",
            Self::Overrun => "overrun",
        }
    }
}

/// A message that is committed, with the place of each of its copies.
#[derive(Clone, Debug)]
pub struct Committed {
    pub message: Arc<Message>,
    /// One for each registered recipient, in the order of the plan.
    pub copies: Vec<CommittedCopy>,
    /// The sender's own copy, one for the whole message, if there is one. Its id is the message's.
    pub sender_copy: Option<CommittedCopy>,
    /// How many recipients were named that are no accounts.
    pub unregistered: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedCopy {
    pub to: AccountNo,
    pub id: MessageId,
    pub fate: Fate,
    /// Its place in the inbox; set exactly where `fate` is [`Fate::Inbox`].
    pub offset: Option<Offset>,
}
