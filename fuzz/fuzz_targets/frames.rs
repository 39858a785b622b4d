//! The WebSocket frames of clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_gateway::fuzzing::frames(input));
