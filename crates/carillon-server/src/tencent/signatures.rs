//! Signatures that were found good, so that the next call with one costs a lookup: a backend uses one for months.
//!
//! Bounded: the one that was not used for longest makes room. One is known only for the app and the secret that it was
//! checked with; whether it has expired meanwhile is asked each time. What is kept of one is small, however long its text
//! is: a hash, and what calls and logins ask for.

use std::sync::Arc;

use carillon_core::AppId;
use carillon_core::model::Secret;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::error::AuthError;
use super::usersig::Claims;

pub(super) struct Signatures(Cache<[u8; 32], Arc<Known>>);

/// Whose signature it must be.
#[derive(Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) app: AppId,
    pub(super) sdk_app_id: &'a str,
    pub(super) secret: &'a Secret,
}

/// A signature that was good once.
pub(super) struct Known {
    app: AppId,
    secret: Secret,
    said: Said,
}

/// What a good signature says.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) identifier: Arc<str>,
    /// When it was made, in seconds since 1970.
    pub(super) time_s: u64,
    /// The last second in which it is good.
    pub(super) end_s: u64,
}

pub(super) enum Checked {
    Good(Said),
    Bad(AuthError),
}

impl Signatures {
    pub(super) fn new(max: usize) -> Self {
        Self(Cache::new(max))
    }

    /// The signature, if it is known to be good but for its end.
    pub(super) fn known(&self, text: &str, signer: Signer<'_>) -> Option<Arc<Known>> {
        self.0.get(&hash(text)).filter(|it| it.app == signer.app && it.secret == *signer.secret)
    }

    /// Checks a signature that is not known, in the vendor's order.
    pub(super) fn check(&self, text: &str, signer: Signer<'_>, now_ms: u64) -> Checked {
        let Some(claims) = Claims::decode(text) else { return Checked::Bad(AuthError::Malformed) };
        if claims.sdk_app_id.to_string() != signer.sdk_app_id {
            return Checked::Bad(AuthError::ForAnotherApp);
        }
        if claims.are_expired(now_ms / 1_000) {
            return Checked::Bad(AuthError::Expired);
        }
        if !claims.are_signed_with(signer.secret.expose()) {
            return Checked::Bad(AuthError::WrongMac);
        }
        let end_s = claims.end_s();
        let said = Said { identifier: claims.identifier.into(), time_s: claims.time_s, end_s };
        let known = Known { app: signer.app, secret: signer.secret.clone(), said: said.clone() };
        self.0.insert(hash(text), Arc::new(known));
        Checked::Good(said)
    }
}

impl Known {
    pub(super) fn check(&self, now_ms: u64) -> Checked {
        if now_ms / 1_000 > self.said.end_s {
            Checked::Bad(AuthError::Expired)
        } else {
            Checked::Good(self.said.clone())
        }
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
