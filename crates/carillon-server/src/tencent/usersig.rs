//! The vendor's signature of an account, version 2: JSON, compressed, in an alphabet of its own, with an HMAC over its lines.
//!
//! Pure: time and keys are given. What is inflated is bounded, and the HMAC is compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Real ones have a few hundred bytes; the rest is room for what an app adds to them.
const TEXT_BYTES_MAX: usize = 8_192;
const INFLATED_BYTES_MAX: usize = 8_192;

/// zlib's usual level.
const LEVEL: u8 = 6;

/// What a signature says. Unchecked until [`Claims::are_signed_with`] says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "TLS.identifier")]
    pub(super) identifier: String,
    #[serde(rename = "TLS.sdkappid")]
    pub(super) sdk_app_id: u64,
    /// For how long it is good, in seconds.
    #[serde(rename = "TLS.expire")]
    pub(super) expire_s: u64,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "TLS.time")]
    pub(super) time_s: u64,
    /// What an app has added, in base64.
    #[serde(rename = "TLS.userbuf", default, skip_serializing_if = "Option::is_none")]
    userbuf: Option<String>,
    #[serde(rename = "TLS.sig")]
    sig: String,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "TLS.ver")]
    version: &'static str,
    #[serde(flatten)]
    claims: &'a Claims,
}

/// The signature of `identifier` for an app, good for `expire_s` seconds.
pub fn sign(secret: &str, sdk_app_id: u64, identifier: &str, time_s: u64, expire_s: u64) -> String {
    Claims::unsigned(sdk_app_id, identifier, time_s, expire_s).signed_with(secret).encode()
}

/// A signature's text with this inside.
pub(super) fn pack(json: &[u8], level: u8) -> String {
    let text = STANDARD.encode(compress_to_vec_zlib(json, level));
    text.replace('+', "*").replace('/', "-").replace('=', "_")
}

impl Claims {
    /// Takes a signature apart; `None` where it is none.
    pub(super) fn decode(text: &str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        // The alphabet is not that of URLs in RFC 4648, and the padding is kept.
        let in_base64: Vec<u8> = text
            .bytes()
            .map(|byte| match byte {
                b'*' => Some(b'+'),
                b'-' => Some(b'/'),
                b'_' => Some(b'='),
                b'+' | b'/' | b'=' => None,
                other => Some(other),
            })
            .collect::<Option<_>>()?;
        let compressed = STANDARD.decode(in_base64).ok()?;
        let json = decompress_to_vec_zlib_with_limit(&compressed, INFLATED_BYTES_MAX).ok()?;
        serde_json::from_slice(&json).ok()
    }

    fn unsigned(sdk_app_id: u64, identifier: &str, time_s: u64, expire_s: u64) -> Self {
        let (identifier, sig) = (identifier.to_owned(), String::new());
        Self { identifier, sdk_app_id, expire_s, time_s, userbuf: None, sig }
    }

    pub(super) fn signed_with(mut self, secret: &str) -> Self {
        self.sig = STANDARD.encode(self.mac(secret).finalize().into_bytes());
        self
    }

    pub(super) fn encode(&self) -> String {
        let json = serde_json::to_vec(&Written { version: "2.0", claims: self }).expect("texts and numbers");
        pack(&json, LEVEL)
    }

    /// Whether `secret` signed it; compared in constant time.
    pub(super) fn are_signed_with(&self, secret: &str) -> bool {
        STANDARD.decode(&self.sig).is_ok_and(|sig| self.mac(secret).verify_slice(&sig).is_ok())
    }

    /// It is still good in its last second.
    pub(super) fn are_expired(&self, now_s: u64) -> bool {
        now_s > self.end_s()
    }

    /// The last second in which it is good.
    pub(super) fn end_s(&self) -> u64 {
        self.time_s.saturating_add(self.expire_s)
    }

    /// The key is the text of the secret, though it looks like hexadecimal digits.
    fn mac(&self, secret: &str) -> Hmac<Sha256> {
        let Self { identifier, sdk_app_id, expire_s, time_s, userbuf, sig: _ } = self;
        let mut lines = format!(
            "TLS.identifier:{identifier}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{time_s}\nTLS.expire:{expire_s}\n"
        );
        if let Some(userbuf) = userbuf {
            lines += &format!("TLS.userbuf:{userbuf}\n");
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(lines.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The public sample key of the vendor's libraries.
    const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

    fn signed(sdk_app_id: u64, identifier: &str, time_s: u64, expire_s: u64, userbuf: Option<&[u8]>) -> Claims {
        let userbuf = userbuf.map(|it| STANDARD.encode(it));
        Claims { userbuf, ..Claims::unsigned(sdk_app_id, identifier, time_s, expire_s) }.signed_with(KEY)
    }

    /// What the vendor's signers in two languages make of the same.
    fn check(expected: &Claims, mac: &str, texts: [&str; 2]) {
        assert_eq!(expected.sig, mac);
        for text in texts {
            if text.is_empty() {
                continue;
            }
            let claims = Claims::decode(text).unwrap();
            assert_eq!(&claims, expected, "{text}");
            assert!(claims.are_signed_with(KEY) && !claims.are_signed_with("another"));
        }
    }

    #[test]
    fn signatures_of_the_vendors_libraries_are_understood_and_made_alike() {
        check(
            &signed(1_400_000_000, "administrator", 1_700_000_000, 15_552_000, None),
            "JCzxanF8NTTXau4m+2h9wv7gYJnyNksm0xm1NEXU274=",
            [
                "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqSMTU1NUKIl2TmgkXN0dQXZ6aD7PFyrqpIzHOz8AsJiUgsNcnVNsqwLC8zT4-0yqv0yy7ONajINfRzjQg1MjexVaoFANTGNgc_",
                "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwokpuZl5mcUlRYkl*UVQBcUp2YkFBZkpSlaGJgZQAJEpycxNVbIyNEcVTa0oyCwCiZuamhrBRYsz05WslLycqyoS89ws-EJCIhJLTXK1jTIsy8vM0yO98ir9sotzDSpyDf1cI0KNzE1slWoBQr40pw__",
            ],
        );
        check(
            &signed(88_888_888, "admin", 1_577_836_800, 86_400, None),
            "AtmBHNEZrfJ0XbTHSu26YwPPEbVnOIk1V3NeV+US1vc=",
            [
                "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-NgUsUp2YkFBZkpQAkLKIDKpFYUZBalgsTNTAwMoIIlmbkgIUNTc3MLYzMLuHhxZjrIaMeSXCcPP9eoojQvg4ikEI-gUiOzyPKAANeksDx-z2zDMGO-1DDt0GDDsmRbpVoAycoxjg__",
                "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwokpuZl5UInilOzEgoLMFCUrCyiAiJdk5qYqWRmamptbGJtZGBhARFMrCjKLUpWsLMxMYELFmelKVkqOJblOHn6uUUVpXgYRSSEewaVGZpHlAQGuSWF5-p7ZhmHGfqlh2qHBhmXJtkq1AFwvMC4_",
            ],
        );
        check(
            &signed(1_400_000_000, "xiaojun", 1_700_000_000, 15_552_000, Some(b"hello")),
            "FaFNPJDnrG2bq4BO6liVBPc78BU4aWaePZTQgxCCWsE=",
            [
                "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFFzNPWlxalFSaVpIFsS3cOKk9wtbOHWZKaDhN0S3fwCvFzyityNkgpNnPzNcjLDnAKSzS2cQk0SwxNTA6JCAtMrnJ3Di11tlWoBxIE62Q__",
                "",
            ],
        );
    }

    #[test]
    fn any_level_of_compression_any_order_and_further_members_are_taken() {
        let claims = signed(7, "ann", 1, 2, None);
        let json = format!(
            "{{\n \"TLS.sig\": \"{}\", \"TLS.time\": 1, \"x\": [null], \"TLS.expire\": 2, \"TLS.sdkappid\": 7, \"TLS.identifier\": \"ann\" }}\n",
            claims.sig
        );
        for level in 0..=10 {
            assert_eq!(Claims::decode(&pack(json.as_bytes(), level)), Some(claims.clone()), "level {level}");
        }
    }

    #[test]
    fn what_is_no_signature_is_none() {
        let good = signed(7, "ann", 1, 2, None).encode();
        let unpadded = good.trim_end_matches('_');
        let other_alphabet = pack(b"{}", 6).replace('_', "=");
        let texts =
            ["", "eJ", "x", unpadded, &other_alphabet, &pack(b"{}", 6), &pack(b"[", 6), &good[4..], &good[..40]];
        for bad in texts.iter().filter(|it| !(**it == unpadded && unpadded == good)) {
            assert_eq!(Claims::decode(bad), None, "{bad}");
        }
        let negative = r#"{"TLS.identifier":"a","TLS.sdkappid":7,"TLS.time":-1,"TLS.expire":2,"TLS.sig":""}"#;
        assert_eq!(Claims::decode(&pack(negative.as_bytes(), 6)), None);
    }

    #[test]
    fn what_inflates_to_more_than_a_signature_has_is_refused_before_it_is_inflated() {
        let bomb = pack(&vec![b' '; 4 << 20], 10);
        assert!(bomb.len() < TEXT_BYTES_MAX, "{} bytes", bomb.len());
        assert_eq!(Claims::decode(&bomb), None);
        let compressed = compress_to_vec_zlib(&vec![b' '; 4 << 20], 10);
        let left = decompress_to_vec_zlib_with_limit(&compressed, INFLATED_BYTES_MAX).unwrap_err().output;
        assert!(left.capacity() <= 2 * INFLATED_BYTES_MAX, "{} bytes were taken", left.capacity());
        assert_eq!(Claims::decode(&"A".repeat(1 << 20)), None);
    }

    fn any_claims() -> impl Strategy<Value = Claims> {
        let userbuf = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
        ("[ -~]{1,32}", any::<u64>(), any::<u64>(), any::<u64>(), userbuf).prop_map(
            |(identifier, app, time_s, expire_s, userbuf)| {
                signed(app, &identifier, time_s, expire_s, userbuf.as_deref())
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_signed_is_read_back_and_good(claims in any_claims()) {
            let read = Claims::decode(&claims.encode());
            prop_assert_eq!(read.as_ref(), Some(&claims));
            prop_assert!(claims.are_signed_with(KEY) && !claims.are_signed_with(&KEY.to_uppercase()));
        }

        /// But for bits that say nothing, as the ones that fill the last byte of what was compressed.
        #[test]
        fn a_flipped_bit_is_refused_wherever_it_is(claims in any_claims(), byte in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let refused = |read: Option<Claims>| read.is_none_or(|it| it == claims || !it.are_signed_with(KEY));
            let mut text = claims.encode().into_bytes();
            let at = byte.index(text.len());
            text[at] ^= 1 << bit;
            if let Ok(text) = String::from_utf8(text) {
                prop_assert!(refused(Claims::decode(&text)), "{}", text);
            }
            let mut json = serde_json::to_vec(&claims).unwrap();
            let at = byte.index(json.len());
            json[at] ^= 1 << bit;
            prop_assert!(refused(Claims::decode(&pack(&json, 0))));
            prop_assert!(refused(serde_json::from_slice(&json).ok()));
        }

        #[test]
        fn any_text_is_refused_or_read(text in ".{0,60}|[A-Za-z0-9*_-]{0,80}") {
            if let Some(claims) = Claims::decode(&text) {
                prop_assert!(!claims.are_signed_with(KEY));
            }
        }
    }
}
