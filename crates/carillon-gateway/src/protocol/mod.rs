//! The client protocol: messages, and their two encodings.

pub(crate) mod code;
pub(crate) mod codec;
pub(crate) mod command;
pub(crate) mod json;
pub(crate) mod reply;

pub(crate) use codec::Encoding;
pub(crate) use command::Command;
pub(crate) use reply::{Failure, Reply};
