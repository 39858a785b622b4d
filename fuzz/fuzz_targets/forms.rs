//! The bodies of a backend's calls.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::netease::fuzzing::form(input));
