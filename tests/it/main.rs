//! A real server, driven over sockets by a backend's HTTP calls and by users with the official Rust SDK.

mod catch_up;
mod churn;
mod cli;
mod crash;
mod delivery;
mod limits;
mod options;
mod request_id;
mod sessions;
