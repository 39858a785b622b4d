//! `POST /nimserver/user/setSpecialRelation.action`: puts an account on another one's blocklist or mute list, or takes it off.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::App;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let (_, answer) = super::change(netease, app, &accid, relation(form)?, key).await?;
    Ok(answer)
}

fn relation(form: &Form) -> Result<AccountChange, FieldError> {
    let other = form.accid("targetAcc")?;
    let relation = form.required("relationType")?;
    let on = match form.required("value")? {
        "0" => false,
        "1" => true,
        _ => return Err(FieldError { field: "value", problem: Problem::NotOneOf("0 1") }),
    };
    match relation {
        "1" => Ok(AccountChange::SetBlocklisted { other, on }),
        "2" => Ok(AccountChange::SetSilenced { other, on }),
        _ => Err(FieldError { field: "relationType", problem: Problem::NotOneOf("1 2") }),
    }
}
