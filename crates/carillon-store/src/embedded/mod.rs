//! The embedded engine: everything in one directory, on a log-structured store in this process.
//!
//! One writer thread (`writer`) syncs groups of writes (`group`, `apply`); a few reader threads (`threads`) read from
//! snapshots (`inbox`, `reads`, `room`), and look up beforehand what the writer will need (`heads`). What was read lately is kept
//! in step with commits (`facts`, `senders`, `messages`). `trim` and `removed` take away what is not kept, `leftover` frees what
//! the engine has replaced, `pace` has merges give way to writes, and `writeback` has tables go to disk a little at a time.
//! `complete` and `journal` look at the engine's files before it opens them. What lies on disk is in `format`, `seal` and `record`.

mod apply;
mod complete;
mod config;
mod conversation;
mod db;
mod facts;
mod failing;
mod format;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod gather;
mod group;
mod heads;
mod home;
mod inbox;
pub(crate) mod journal;
mod leftover;
mod messages;
mod metrics;
mod overlay;
mod pace;
mod reads;
mod record;
mod records;
mod removed;
mod room;
mod rows;
mod seal;
mod senders;
mod shared;
mod space;
mod state;
mod store;
mod synced;
mod threads;
mod torn_end;
mod trim;
mod writeback;
mod writer;

pub use config::EmbeddedConfig;
pub use home::{OpenError, is_in_use, renew_generation};
pub use metrics::{Reason, RecordKind, StoreMetrics};
pub use store::EmbeddedStore;
