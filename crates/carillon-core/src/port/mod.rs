//! Ports: what the server needs from the world, as contracts. Each has two implementations or more.

mod clock;
mod fanout;
mod random;
mod store;

pub use clock::{Clock, FakeClock};
pub use fanout::{EndReason, Fanout, Sessions};
pub use random::{Random, SeededRandom};
pub use store::{
    Answer, Change, Conversation, Conversations, CopyPlace, CreateError, Epoch, HistoryPage, InboxEntry, InboxPage,
    InboxPlan, InboxState, NewAccount, PageLimit, PlannedCopy, Remember, Remembered, Role, Span, Standing, Store,
    StoreError, Trimmed, View,
};
