//! Tag expressions: who, by their tags, a message to a room is for.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::netease::fuzzing::tag_expression(input));
