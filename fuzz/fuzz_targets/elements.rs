//! The elements that clients send.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_gateway::fuzzing::element(input));
