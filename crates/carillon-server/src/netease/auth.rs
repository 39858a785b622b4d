//! Who calls: four headers, of which one signs the others with the app's secret.
//!
//! Only headers are looked at, so that nobody unknown makes the server read a body. The signature does not cover the body;
//! that is the vendor's scheme.

use std::sync::Arc;

use carillon_core::model::App;
use http::HeaderMap;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::error::{AuthError, CallError};
use super::nonce::Noted;
use super::{DIALECT, Netease};

/// The app whose backend signed the call.
///
/// The order of the checks is the order of the vendor's words: headers, key, time, signature.
pub(super) fn authenticate(netease: &Netease, headers: &HeaderMap) -> Result<Arc<App>, CallError> {
    let signed = Signed::of(headers)?;
    let app = netease.pipeline.apps.by_key(DIALECT, signed.app_key).ok_or(AuthError::UnknownKey)?;
    let key = app.key(DIALECT).expect("the app was found by this key");
    let now_ms = netease.pipeline.clock.now_ms();
    if !is_current(signed.cur_time, now_ms, netease.config.clock_window_s) {
        return Err(AuthError::Expired.into());
    }
    if !signed.is_signed_with(key.secret.expose()) {
        return Err(AuthError::BadCheckSum.into());
    }
    netease.nonces.tidy(now_ms);
    if app.settings.nonce_once {
        // A signature holds to the end of its last second.
        let life_s = netease.config.clock_window_s.saturating_mul(2).saturating_add(1);
        let forget_ms = now_ms.saturating_add(life_s.saturating_mul(1_000));
        match netease.nonces.note(app.id, signed.nonce, now_ms, forget_ms) {
            Noted::New => {}
            Noted::NewForOld => netease.metrics.nonce_forgotten(),
            Noted::Repeated => return Err(AuthError::NonceRepeated.into()),
        }
    }
    Ok(app)
}

struct Signed<'a> {
    app_key: &'a str,
    nonce: &'a [u8],
    cur_time: &'a str,
    check_sum: &'a [u8],
}

impl<'a> Signed<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Self, AuthError> {
        let get = |name| match headers.get(name) {
            Some(value) if !value.is_empty() => Ok(value.as_bytes()),
            Some(_) | None => Err(AuthError::BadHeader),
        };
        let text = |name| std::str::from_utf8(get(name)?).map_err(|_| AuthError::BadHeader);
        let this = Self {
            app_key: text("appkey")?,
            nonce: get("nonce")?,
            cur_time: text("curtime")?,
            check_sum: get("checksum")?,
        };
        let is_number = this.cur_time.bytes().all(|byte| byte.is_ascii_digit());
        // The vendor documents 128 characters for a nonce. Its PHP sample, which many backends have a copy of, adds as many at
        // each call of one object, so what a head has room for is taken.
        if is_number { Ok(this) } else { Err(AuthError::BadHeader) }
    }

    /// Upper-case digits are taken as well: they say the same.
    fn is_signed_with(&self, secret: &str) -> bool {
        let expected = check_sum(secret, self.nonce, self.cur_time);
        let given = self.check_sum.to_ascii_lowercase();
        bool::from(expected.as_bytes().ct_eq(&given))
    }
}

/// The signature of a call: lower-case hex of SHA-1 over secret, nonce and time.
pub(crate) fn check_sum(secret: &str, nonce: &[u8], cur_time: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(secret);
    hash.update(nonce);
    hash.update(cur_time);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds that are too many for a number are as far away as milliseconds are.
fn is_current(cur_time: &str, now_ms: u64, window_s: u64) -> bool {
    cur_time.parse::<u64>().is_ok_and(|time_s| time_s.abs_diff(now_ms / 1_000) <= window_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_sha1_over_secret_nonce_and_seconds() {
        // sha1("abc"), from FIPS 180.
        assert_eq!(check_sum("a", b"b", "c"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn the_time_may_be_five_minutes_off_either_way_and_is_in_seconds() {
        let now_ms = 1_700_000_000_999;
        let check = |time: &str| is_current(time, now_ms, 300);
        assert!(check("1700000000") && check("1700000300") && check("1699999700"));
        assert!(!check("1700000301") && !check("1699999699"));
        assert!(!check("1700000000000"), "milliseconds");
        assert!(!check("99999999999999999999999"));
    }
}
