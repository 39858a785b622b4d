//! The field `antispamCustom`: what moderation is to judge instead of a message's own text.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| carillon_server::netease::fuzzing::antispam_custom(input));
