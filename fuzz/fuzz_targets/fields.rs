//! The fields of a backend's calls that are more than texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::netease::fuzzing::fields(input));
