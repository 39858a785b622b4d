//! `POST /v4/im_open_login_svc/account_import`: an account, created where it is not there. Done again, it is done, and changes
//! what is given.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::{AccountChange, CreateAccount, ProfileChange};
use carillon_core::decide::Refusal;
use carillon_core::model::{App, Profile};

use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code::{ACCOUNTS_PARAMETER, PROFILE_TOO_LONG};
use crate::tencent::error::{CallError, FieldError};
use crate::tencent::json::Fields;
use crate::tencent::reply;

const PROFILE_BYTES_MAX: usize = 500;

/// An account to be imported.
pub(super) struct Import {
    pub(super) id: AccountId,
    /// A name and an icon.
    pub(super) profile: ProfileChange,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    import(tencent, &call.app, Import::read(call.fields())?).await?;
    Ok(reply::done(call.service))
}

pub(super) async fn import(tencent: &Tencent, app: &App, account: Import) -> Result<(), Refusal> {
    let Import { id, profile: given } = account;
    let mut profile = Profile::default();
    given.clone().apply(&mut profile);
    let command = CreateAccount { id: id.clone(), token: None, profile };
    match tencent.pipeline.create_account(app, command, None).await {
        Err(Refusal::AccountExists(_)) if given == ProfileChange::default() => Ok(()),
        Err(Refusal::AccountExists(_)) => {
            tencent.pipeline.change_account(app, &id, AccountChange::SetProfile(given), None).await.map(drop)
        }
        created => created.map(drop),
    }
}

impl Import {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, FieldError> {
        let id = super::account(fields)?;
        let text = |field| {
            let text = fields.short_text(field, ACCOUNTS_PARAMETER, PROFILE_BYTES_MAX, PROFILE_TOO_LONG)?;
            // Typed callers write both, and import an account each time that its user logs in. What was set by other calls
            // must not go by that.
            Ok(text.filter(|it| !it.is_empty()).map(str::to_owned))
        };
        let profile = ProfileChange { name: text("Nick")?, icon: text("FaceUrl")?, ..ProfileChange::default() };
        Ok(Self { id, profile })
    }
}
