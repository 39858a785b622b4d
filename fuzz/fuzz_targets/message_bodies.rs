//! The `MsgBody` of a backend's message.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::tencent::fuzzing::message_body(input));
