//! The commands of clients that speak JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_gateway::fuzzing::json_commands(input));
