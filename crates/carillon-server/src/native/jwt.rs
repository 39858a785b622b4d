//! A signed token of an account: JWT with HS256, as an app's own backend would sign it with the app's token secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Native;
use super::account::known;
use super::body::Body;
use super::path::Path;
use crate::http::problem::Problem;

const TTL_S: u64 = 3_600;
const TTL_S_MAX: u64 = 10 * 365 * 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default = "usual_ttl_s")]
    ttl_s: u64,
}

fn usual_ttl_s() -> u64 {
    TTL_S
}

#[derive(Serialize)]
pub(super) struct Signed {
    account: String,
    token: String,
    expires_s: u64,
}

pub(super) async fn sign(
    State(native): State<Arc<Native>>,
    Path((app, account)): Path<(String, String)>,
    Body(Wanted { ttl_s }): Body<Wanted>,
) -> Result<Json<Signed>, Problem> {
    if !(1..=TTL_S_MAX).contains(&ttl_s) {
        return Err(Problem::bad_request(format!("`ttl_s`: must be 1 to {TTL_S_MAX}")));
    }
    let app = native.app(&app)?;
    let account = known(&native, &app, &account).await?.id.to_string();
    let now_s = native.pipeline.clock.now_ms() / 1_000;
    let expires_s = now_s + ttl_s;
    let claims = serde_json::json!({ "iss": app.name, "sub": account, "iat": now_s, "exp": expires_s });
    let token = signed(app.token_secret.expose(), &claims);
    Ok(Json(Signed { account, token, expires_s }))
}

/// The claims as a token that is signed with an app's token secret.
pub(crate) fn signed(secret: &str, claims: &serde_json::Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
