//! Users log in with the signature that administrators call with: a kind of token for the gateway, which knows no vendor.

use std::sync::Arc;

use carillon_core::AccountId;
use carillon_gateway::{Identity, LoginAttempt, TokenVerifier, Verdict};

use super::DIALECT;
use super::error::AuthError;
use super::signatures::{Checked, Signatures, Signer};
use super::usersig::Claims;

pub(crate) struct Login {
    signatures: Arc<Signatures>,
    creates_account: bool,
}

impl Login {
    pub(super) fn new(signatures: Arc<Signatures>, creates_account: bool) -> Self {
        Self { signatures, creates_account }
    }
}

impl TokenVerifier for Login {
    fn verify(&self, attempt: &LoginAttempt<'_>) -> Verdict {
        // Which app it is for, only the signature says.
        let Some(claims) = Claims::decode(attempt.token) else { return Verdict::NotMine };
        let Some(app) = attempt.apps.by_key(DIALECT, &claims.sdk_app_id.to_string()) else { return Verdict::Invalid };
        let key = app.key(DIALECT).expect("the app was found by this key");
        let signer = Signer { app: app.id, sdk_app_id: &key.key, secret: &key.secret };
        let checked = match self.signatures.known(attempt.token, signer) {
            Some(known) => known.check(attempt.now_ms),
            None => self.signatures.check(attempt.token, signer, attempt.now_ms),
        };
        let said = match checked {
            Checked::Good(said) => said,
            Checked::Bad(AuthError::Expired) => return Verdict::Expired,
            Checked::Bad(_) => return Verdict::Invalid,
        };
        let Ok(account) = AccountId::new(&said.identifier) else { return Verdict::Invalid };
        // It is good in all of its last second.
        let expires_ms = Some(said.end_s.saturating_add(1).saturating_mul(1_000));
        Verdict::Accepted(Identity {
            app,
            account,
            expires_ms,
            made_ms: Some(said.time_s.saturating_mul(1_000)),
            creates_account: self.creates_account,
        })
    }
}
