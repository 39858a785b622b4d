//! The fields that the two calls share which send notices: text of a backend's own to accounts' devices, in no conversation.
//!
//! What concerns teams is checked and has no effect: there are none.

use carillon_core::AccountId;
use carillon_core::command::{Recipients, Send, Terms};
use carillon_core::model::{Content, CopyOptions, Element, Kind, Moderation, Push};

use super::fields;
use crate::netease::error::{FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::{DIALECT, option};

const FORCED_MAX: usize = 100;

/// The notice that the form describes.
pub(super) fn notice(form: &Form, sender: AccountId, to: Recipients) -> Result<Send, FieldError> {
    let text = form.required("attach")?;
    check_length("attach", text, 4_096)?;
    let content = Content {
        kind: Kind::Notice,
        elements: vec![Element::Notice { text: text.into() }],
        original: text.into(),
        dialect: DIALECT.into(),
        elements_say_all: true,
    };
    let options = CopyOptions { persistent: kept(form)?, ..option::parse_notice(form.optional("option"))? };
    let push = Push { sound: form.text("sound", 30)?, ..fields::push(form)? };
    check_forced(form)?;
    Ok(Send {
        sender,
        from_backend: true,
        to,
        client_id: None,
        content,
        subtype: 0,
        ext: String::new(),
        options,
        push,
        moderation: Moderation { enabled: false, ..Moderation::default() },
        description: String::new(),
        environment: form.text("env", 32)?,
        sender_sees: false,
        recipients_see: true,
        terms: Terms::default(),
    })
}

/// Whether it is kept for who is offline.
fn kept(form: &Form) -> Result<bool, FieldError> {
    match form.word("save") {
        Some("1") => Ok(false),
        None | Some("2") => Ok(true),
        Some(_) => Err(FieldError { field: "save", problem: Problem::NotOneOf("1 2") }),
    }
}

/// Checks what would force a push notification on members of a team.
fn check_forced(form: &Form) -> Result<(), FieldError> {
    form.boolean("isForcePush")?;
    form.text("forcePushContent", 500)?;
    form.boolean("forcePushAll")?;
    fields::check_forced(form, "forcePushList", FORCED_MAX)
}
