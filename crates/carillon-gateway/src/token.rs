//! Signed login tokens: JWTs (RFC 7519) with HS256, which is one HMAC. Other algorithms are refused, whatever the token says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer};
use sha2::Sha256;

/// What a token claims. Unchecked until [`Jwt::is_signed_with`] says so.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Claims {
    /// The account.
    #[serde(default)]
    pub(crate) sub: String,
    /// Whether it is nobody's.
    #[serde(default, deserialize_with = "is_true")]
    pub(crate) anonymous: bool,
    /// The app's name.
    pub(crate) iss: Option<String>,
    /// Ends then, in seconds since 1970.
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) exp: Option<u64>,
    /// Begins then, in seconds since 1970.
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) nbf: Option<u64>,
    /// Was made then, in seconds since 1970.
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) iat: Option<u64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// A token taken apart.
pub(crate) struct Jwt<'a> {
    pub(crate) claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Takes `text` apart; `None` where it is no JWT with HS256.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = decode(header)?;
        (header.alg == "HS256").then_some(())?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { claims: decode(claims)?, signed, signature })
    }

    /// Whether `secret` signed it; compared in constant time.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(self.signed.as_bytes());
        mac.verify_slice(&self.signature).is_ok()
    }
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// A time that may have a fraction (RFC 7519, section 2), which is cut off.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is cut to what fits")]
    let cut = |number: f64| number as u64;
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    Ok(number.and_then(|it| it.as_u64().or_else(|| it.as_f64().map(cut))))
}

/// Backends may have a claim of that name with a meaning of its own.
fn is_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)? == serde_json::Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.1.
    const RFC: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const RFC_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    #[test]
    fn the_example_of_the_rfc_is_understood() {
        let jwt = Jwt::parse(RFC).unwrap();
        assert_eq!(jwt.claims.iss.as_deref(), Some("joe"));
        assert_eq!(jwt.claims.exp, Some(1_300_819_380));
        let key = URL_SAFE_NO_PAD.decode(RFC_KEY).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(jwt.signed.as_bytes());
        assert!(mac.verify_slice(&jwt.signature).is_ok());
        assert!(!jwt.is_signed_with("another key"));
    }

    #[test]
    fn what_is_no_hs256_token_is_none() {
        let token = |header: &str| format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
        assert!(Jwt::parse(&token(r#"{"alg":"HS256"}"#)).is_some());
        let fraction = format!(
            "{}.AA",
            [r#"{"alg":"HS256"}"#, r#"{"exp":17.9,"nbf":1e3}"#].map(|it| URL_SAFE_NO_PAD.encode(it)).join(".")
        );
        let claims = Jwt::parse(&fraction).unwrap().claims;
        assert_eq!((claims.exp, claims.nbf), (Some(17), Some(1_000)));
        for bad in [&token(r#"{"alg":"none"}"#), &token(r#"{"alg":"RS256"}"#), "", ".", "..", "a.b.c", "é.é.é"] {
            assert!(Jwt::parse(bad).is_none(), "{bad}");
        }
    }
}
