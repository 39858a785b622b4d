//! A real server, driven over sockets by a backend's HTTP calls and by users with the official Rust SDK.
#![expect(
    clippy::disallowed_methods,
    reason = "a test's tasks end with its runtime, and tokens go by the machine's clock"
)]
#![expect(clippy::unwrap_used, reason = "a test's panic is its failure")]
#![expect(clippy::wildcard_enum_match_arm, reason = "the SDK's events may grow, and a test awaits one of them")]

mod bench;
mod broadcast;
mod catch_up;
mod churn;
mod cli;
mod crash;
mod delivery;
mod devices;
mod hostile;
mod import;
mod limits;
mod options;
mod past;
mod records;
mod request_id;
mod room_repeats;
mod rooms;
mod rpcs;
mod send;
mod sessions;
mod stop;
mod stream_churn;
mod streams;
mod tencent;
mod usersig;
