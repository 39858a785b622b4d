//! The field `msgList` of calls that send several messages to a room.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::netease::fuzzing::message_list(input));
