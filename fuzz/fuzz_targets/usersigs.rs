//! The signatures of accounts, in the query of a backend's call and as the token of a login.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::tencent::fuzzing::usersig(input));
