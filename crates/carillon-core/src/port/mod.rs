//! Ports: what the server needs from the world, as contracts. Each has two implementations or more.

mod clock;
mod fanout;
mod random;
mod rooms;
mod sessions;
mod store;

pub use clock::{Clock, FakeClock};
pub use fanout::Fanout;
pub use random::{Random, SeededRandom};
pub use rooms::{
    Along, ClosingRooms, Foreseen, ForeseenOf, Kept, LiveRooms, Member, MemberSpan, NotedInRoom, OpenRoomError,
    Planned, Present, RoomMessageChange, RoomPlan, RoomSending, RoomSpan, RoomStore, Trial, Which, Whom,
};
pub use sessions::{EndReason, SESSIONS_ACCOUNTS_MAX, Session, Sessions};
pub use store::{
    Answer, Change, Conversation, Conversations, CopyPlace, CreateError, Epoch, HistoryPage, InboxEntry, InboxPage,
    InboxPlan, InboxState, LATE_MS, ListSpan, MOMENT_MS, NewAccount, NotedCopies, PageLimit, PlannedCopy, Remember,
    Remembered, Role, Settled, Span, Standing, Store, StoreError, Trimmed, View,
};
