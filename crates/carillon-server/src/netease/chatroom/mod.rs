//! The endpoints of chat rooms.

pub(super) mod batch;
pub(super) mod batch_send;
pub(super) mod batch_send_to_someone;
pub(super) mod broadcast;
mod chars_max;
pub(super) mod create;
pub(super) mod delete_history_message;
pub(super) mod fields;
pub(super) mod get;
pub(super) mod get_batch;
pub(super) mod kick_member;
mod member;
pub(super) mod members_by_page;
pub(super) mod mute_room;
mod notify;
pub(super) mod query_members;
pub(super) mod recall;
pub(super) mod request_addr;
mod room;
pub(super) mod send;
pub(super) mod send_to_someone;
mod sent;
pub(super) mod set_member_role;
pub(super) mod temporary_mute;
pub(super) mod toggle_close_stat;
pub(super) mod update;
pub(super) mod update_delay_close_policy;

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
