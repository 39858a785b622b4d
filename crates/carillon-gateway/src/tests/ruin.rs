//! Bytes that nobody should send: nothing that arrives panics or is held without bound.

use proptest::prelude::*;

use crate::protocol::Encoding;
use crate::ws::read::Reader;

proptest! {
    #[test]
    fn any_bytes_are_commands_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let decoded = encoding.decode(&bytes, 16);
            prop_assert!(decoded.is_err() || decoded.unwrap().len() <= 16);
        }
    }

    #[test]
    fn any_bytes_are_frames_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 1_usize..50) {
        let (mut reader, mut out) = (Reader::default(), Vec::new());
        for part in bytes.chunks(cut) {
            if reader.feed(part, 100, &mut out).is_err() {
                break;
            }
        }
    }

    #[test]
    fn any_token_is_judged(token in "[A-Za-z0-9_.=-]{0,80}") {
        let _ = crate::token::Jwt::parse(&token);
    }
}
