//! The gateway as clients see it: real shards and the memory engine, over sockets in memory and a clock that only the
//! tests move.

mod broadcast;
mod catch_up;
mod commands;
mod conversation;
mod devices;
mod do_not_disturb;
mod held;
mod lifetime;
mod lists;
mod live;
mod login;
mod once;
mod options;
mod order;
mod past;
mod presence;
mod profile;
mod records;
pub(crate) mod room;
mod room_again;
mod room_anonymous;
mod room_broadcast;
mod room_crowd;
mod room_explain;
mod room_presence;
mod room_return;
mod room_rpcs;
mod room_slow;
mod rpc;
mod ruin;
mod send;
mod sessions;
mod sim;
mod stream;
mod tcp;
pub(crate) mod world;
