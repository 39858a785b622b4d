//! What the fuzz targets of `fuzz/` run on backends' bytes, and `cargo test` on their seeds: any input may come, and what is
//! asserted here holds for all of them.

pub use super::openim::fuzzing::message_body;
use super::usersig::{Claims, pack};

const KEY: &str = "key";

/// A signature, or what is inside of one.
pub fn usersig(input: &[u8]) {
    for level in [0, 6] {
        check(&pack(input, level));
    }
    if let Ok(text) = std::str::from_utf8(input) {
        check(text);
    }
}

fn check(text: &str) {
    let Some(claims) = Claims::decode(text) else { return };
    // Nobody finds a signature by chance.
    assert!(!claims.are_signed_with(KEY));
    assert_eq!(Claims::decode(&claims.encode()), Some(claims.clone()), "what was read is written and read again");
    let signed = claims.signed_with(KEY);
    assert!(signed.are_signed_with(KEY));
}
