//! The endpoints of chat rooms.

mod chars_max;
pub(super) mod create;
mod fields;
pub(super) mod get;
pub(super) mod get_batch;
mod room;
pub(super) mod send;
mod sent;
pub(super) mod toggle_close_stat;

use carillon_core::RoomNo;
use carillon_core::decide::Refusal;
use carillon_core::model::{Content, Element};

use super::error::{CallError, FieldError, Problem};
use super::form::Form;
use super::{DIALECT, body};

const ID: &str = "roomid";

/// The room that the field `roomid` names.
pub(super) fn id(form: &Form) -> Result<RoomNo, CallError> {
    Ok(possible_id(form)?.ok_or(Refusal::NoSuchRoom)?)
}

/// As [`id`]; `None` where no room can have the number.
fn possible_id(form: &Form) -> Result<Option<RoomNo>, FieldError> {
    let number = form.number(ID)?.ok_or(FieldError { field: ID, problem: Problem::Empty })?;
    Ok(RoomNo::new(number))
}

/// The content as the `attach` of a message to a room: as it came, or, where another dialect wrote it, as its elements say it.
pub(super) fn attach(content: &Content) -> String {
    match content.elements.first().filter(|_| content.dialect != DIALECT) {
        Some(Element::Text { text } | Element::Tip { text }) => text.clone(),
        Some(_) => body::written(content).get().to_owned(),
        None => content.original.clone(),
    }
}
