//! Clients and callers that mean no good, over real sockets: the server's memory stays within a bound, it counts what it
//! did, and everybody else is served meanwhile. docs/security.md is the table of them.

mod api;
mod raw;
mod siege;
mod stream;
mod websocket;
