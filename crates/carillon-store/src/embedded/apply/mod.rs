//! What each kind of write puts into a group: one file per kind.

pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod broadcast;
pub(crate) mod change;
pub(crate) mod claim;
pub(crate) mod message;
pub(crate) mod record;
pub(crate) mod room;
