//! The commands of clients that speak Protobuf.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_gateway::fuzzing::protobuf_commands(input));
