//! Who calls: an app's administrator, by a signature in the query.
//!
//! Only the query is looked at, so that nobody unknown makes the server read a body. The query holds a secret: it is in no
//! log and in no error.

use std::net::IpAddr;
use std::sync::Arc;

use carillon_core::AccountId;
use carillon_core::model::{App, is_void};
use carillon_gateway::network_of;

use super::error::{AuthError, CallError};
use super::signatures::{Checked, Signer};
use super::{DIALECT, Tencent};

/// The app whose administrator signed the call, and who that is.
pub(super) async fn authenticate(
    tencent: &Tencent,
    query: &str,
    peer: Option<IpAddr>,
) -> Result<(Arc<App>, AccountId), CallError> {
    let query = Query::of(query);
    let app = app_of(tencent, &query)?;
    let identifier = AccountId::new(&query.identifier).map_err(|_| AuthError::NoIdentifier)?;
    if query.usersig.is_empty() {
        return Err(AuthError::Empty.into());
    }
    let now_ms = tencent.pipeline.clock.now_ms();
    let key = app.key(DIALECT).expect("the app was found by this key");
    let signer = Signer { app: app.id, sdk_app_id: &key.key, secret: &key.secret };
    let now_us = tencent.pipeline.clock.monotonic_us();
    let network = peer.map(network_of);
    // One that was good before is not kept waiting.
    let checked = match tencent.signatures.known(&query.usersig, signer) {
        Some(known) => known.check(now_ms),
        None if tencent.failures.are_too_many(network, now_us) => return Err(AuthError::TooManyFailures.into()),
        None => tencent.signatures.check(&query.usersig, signer, now_ms),
    };
    let said = match checked {
        Checked::Good(said) if *said.identifier == *identifier.as_str() => said,
        Checked::Good(_) => return Err(AuthError::OfAnother.into()),
        Checked::Bad(error) => {
            tencent.failures.note(network, now_us);
            return Err(error.into());
        }
    };
    // What is asked of the account with each call is at hand, and its record is not.
    let facts = tencent.pipeline.store.account_facts(app.id, std::slice::from_ref(&identifier)).await?;
    let facts = facts[0].filter(|_| key.operators.contains(&identifier)).ok_or(AuthError::NotOperator)?;
    if is_void(Some(said.time_s.saturating_mul(1_000)), facts.signed_since_ms) {
        return Err(AuthError::Expired.into());
    }
    if facts.blocked {
        return Err(AuthError::Blocked.into());
    }
    Ok((app, identifier))
}

fn app_of(tencent: &Tencent, query: &Query) -> Result<Arc<App>, AuthError> {
    if query.sdk_app_id.is_empty() {
        return Err(AuthError::NoAppId);
    }
    let number: u64 = query.sdk_app_id.parse().map_err(|_| AuthError::BadAppId)?;
    let app = tencent.pipeline.apps.by_key(DIALECT, &number.to_string()).ok_or(AuthError::UnknownApp)?;
    if app.settings.disabled { Err(AuthError::AppDisabled) } else { Ok(app) }
}

/// What the query says. What is not given is empty; of what is given twice the first holds.
#[derive(Default)]
struct Query {
    sdk_app_id: String,
    identifier: String,
    usersig: String,
}

impl Query {
    fn of(query: &str) -> Self {
        let mut this = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = match &*name {
                "sdkappid" => &mut this.sdk_app_id,
                "identifier" => &mut this.identifier,
                "usersig" => &mut this.usersig,
                _ => continue,
            };
            if text.is_empty() {
                *text = value.into_owned();
            }
        }
        this
    }
}
