//! What the server decides, and the words it decides in.
//!
//! A dialect turns a request into a [`command`]; [`decide`] turns the command and facts into a plan; a
//! [`port::Store`] commits the plan; a [`port::Fanout`] tells who is online. [`pipeline`] is that path, in one page.
//!
//! Invariant: nothing here knows HTTP, a storage engine, a socket, a real clock or a runtime, and nothing here knows a
//! vendor's field names or codes.

pub mod apps;
pub mod command;
pub mod decide;
pub mod failures;
pub mod id;
pub mod limit;
pub mod model;
pub mod pipeline;
pub mod port;
pub mod prefix;
pub mod room;
pub mod seldom;
pub mod turns;

pub use id::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset, RoomNo};
