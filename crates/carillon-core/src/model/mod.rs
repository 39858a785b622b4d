//! What the server knows: apps, accounts, messages, copies.

mod account;
mod app;
mod broadcast;
mod copy;
mod device;
mod message;
mod record;
mod room;
mod room_message;
mod room_record;
mod room_settings;
mod secret;

pub use account::{Account, AccountFacts, Gender, Mute, MutedIn, Profile, is_void};
pub use app::{ApiKey, App, AppSettings, Limit, Limits, NewApp, Operation};
pub use broadcast::{Broadcast, BroadcastRecord};
pub use copy::{Committed, CommittedCopy, DropReason, Fate};
pub use device::{DevicePolicy, Platform};
pub use message::{
    Content, CopyOptions, CopyRef, Edition, Element, Kind, Media, Message, Moderation, Modified, Place, Push, Recall,
    Sender,
};
pub use record::{Counts, Fates, Heading, Noted, Outcome, Record};
pub use room::{Closing, ClosingPolicy, Membership, NewRoom, Room, RoomCard, RoomInfo, RoomKey, RoomRole};
pub use room_message::{
    Point, RoomCommitted, RoomEvent, RoomMessage, RoomNews, RoomNotice, RoomPriority, RoomSender, RoomTo,
};
pub use room_record::{RoomHeading, RoomOutcomes, RoomRecord};
pub use room_settings::RoomSettings;
pub use secret::Secret;
