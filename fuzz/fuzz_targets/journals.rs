//! The journals of the embedded engine.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_store::fuzzing::journal(input));
