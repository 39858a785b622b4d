//! `POST /nimserver/msg/delMsgOneWay.action`: takes a message back from its recipient, whose devices learn of it. Its sender
//! keeps it.

use bytes::Bytes;
use carillon_core::command::Withdraw;
use carillon_core::model::{App, Push};

use super::{fields, past};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::Form;
use crate::netease::reply;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let remember = key.map(|key| key.remember(Box::new(reply::done)));
    netease.pipeline.withdraw(app, parse(form)?, remember).await?;
    Ok(reply::done(&()))
}

/// No limit of the message's age is known, so it is the widest that there is.
fn parse(form: &Form) -> Result<Withdraw, FieldError> {
    fields::direct(form, "type", "13 14")?;
    Ok(Withdraw {
        message: past::message(form)?,
        from_sender: false,
        at_any_age: true,
        note: form.text("msg", 128)?,
        attachment: String::new(),
        push: Push::default(),
        environment: String::new(),
    })
}
