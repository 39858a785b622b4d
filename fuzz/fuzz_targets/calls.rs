//! A backend's calls, from the request to the answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::netease::fuzzing::call(input));
