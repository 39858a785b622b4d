//! Calls that send several messages to a room: which were sent, and why the others were not.

use std::sync::Arc;

use bytes::Bytes;
use carillon_core::RoomNo;
use carillon_core::command::Resend;
use carillon_core::decide::Refusal;
use carillon_core::model::App;
use carillon_core::pipeline::SentToRoom;
use serde::{Serialize, Serializer};

use super::fields::{self, Envelope, Item, Space};
use super::sent::{Flag, Told, Wording};
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, Members};
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;
use crate::netease::{Netease, json};

const FIELD: &str = "msgList";
pub(in crate::netease) const MESSAGES_MAX: usize = 10;
/// What a message of the list may say.
const MEMBERS: [&str; 9] = ["msgId", "msgType", "attach", "ext", "subType", "resendFlag", "locX", "locY", "locZ"];

/// A message of the list under its sender's id of it, or what is wrong with it.
pub(in crate::netease) type Listed = (String, Result<Item, CallError>);

#[derive(Serialize)]
struct Reply {
    code: u16,
    fail: Vec<Entry<String>>,
    success: Vec<Entry<Told>>,
}

/// An object with one key, the sender's id of the message.
struct Entry<T>(String, T);

impl<T: Serialize> Serialize for Entry<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, &self.1)])
    }
}

/// Sends the messages of `msgList` in one commit, in the order of the list.
///
/// # Errors
/// What holds for all messages; then none was sent.
pub(super) async fn send(
    netease: &Netease,
    app: &App,
    form: &Form,
    (room, envelope): (RoomNo, &Envelope),
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let resend = if app.settings.rooms.resend_must_be_known { Resend::MustBeKnown } else { Resend::IfKnown };
    let (mut listed, mut commands) = (Vec::new(), Vec::new());
    for (id, item) in list(form.required(FIELD)?, envelope.space(app))? {
        let command = item.and_then(|item| Ok(envelope.message(room, item, resend)?));
        let wording = command.as_ref().map(Wording::of).map_err(Clone::clone);
        listed.push((id, wording));
        commands.extend(command);
    }
    if commands.is_empty() {
        // None of them is one, and yet it is said first what holds for all.
        let (sender, although_muted) = envelope.sender_of_all();
        let checked = netease.pipeline.may_send_to_room(app, room, sender, although_muted).await;
        checked.map_err(CallError::ToRoom)?;
    }
    let answer = Arc::new(move |outcomes: &[Result<SentToRoom, Refusal>]| word(&listed, outcomes));
    let words = Arc::clone(&answer);
    let remember = key.map(|key| key.remember(Box::new(move |outcomes: &Vec<_>| words(outcomes))));
    let sent = netease.pipeline.send_several_to_room(app, commands, remember).await;
    Ok(answer(&sent.map_err(CallError::ToRoom)?))
}

/// What became of the messages of a list, of which those that could be read have an outcome.
fn word(listed: &[(String, Result<Wording, CallError>)], outcomes: &[Result<SentToRoom, Refusal>]) -> Bytes {
    let (mut fail, mut success, mut outcomes) = (Vec::new(), Vec::new(), outcomes.iter());
    for (id, wording) in listed {
        let told = wording.clone().and_then(|wording| match outcomes.next() {
            Some(Ok(sent)) => Ok(wording.word(sent.first.clone(), Flag::TEXT)),
            Some(Err(refusal)) => Err(CallError::ToRoom(refusal.clone())),
            None => unreachable!("each command has an outcome"),
        });
        match told {
            Ok(told) => success.push(Entry(id.clone(), told)),
            Err(error) => fail.push(Entry(id.clone(), error.code_and_desc().1)),
        }
    }
    reply::json(&Reply { code: OK, fail, success })
}

/// # Errors
/// The list is none; a message has no id that its fate could be told under; or one has too long an attachment, which
/// refuses the whole call.
pub(in crate::netease) fn list(text: &str, space: Space) -> Result<Vec<Listed>, CallError> {
    let problem = |problem| FieldError { field: FIELD, problem };
    let text = json::strict(text);
    let objects: Vec<Members<'_>> = serde_json::from_str(&text).map_err(|_| problem(Problem::NotArrayOf("objects")))?;
    if objects.is_empty() {
        return Err(problem(Problem::Empty).into());
    }
    if objects.len() > MESSAGES_MAX {
        return Err(problem(Problem::TooMany { max: MESSAGES_MAX, of: "messages" }).into());
    }
    let mut listed = Vec::with_capacity(objects.len());
    for object in &objects {
        let id = Form::of_members(object, &["msgId"]).ok().and_then(|form| form.optional("msgId").map(str::to_owned));
        let id = id.ok_or(problem(Problem::MemberEmpty("msgId")))?;
        let form = Form::of_members(object, &MEMBERS).map_err(CallError::from);
        match form.and_then(|form| fields::item(&form, space)) {
            Err(CallError::ContentTooLong) => return Err(CallError::ContentTooLong),
            item => listed.push((id, item)),
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, bool)>, CallError> {
        let list = list(text, Space::None)?;
        Ok(list.into_iter().map(|(id, item)| (id, item.is_ok())).collect())
    }

    #[test]
    fn a_list_is_read_message_by_message_in_its_order() {
        let text = r#" [{"msgId":"b","msgType":0,"x":[{}]}, {"msgId":7,"msgType":"1"}, {"msgId":"a","msgType":{}}] "#;
        assert_eq!(read(text), Ok(vec![("b".into(), true), ("7".into(), true), ("a".into(), false)]));
        let long = r#"[{"msgId":18446744073709551616,"msgType":0}]"#;
        assert_eq!(read(long), Ok(vec![("18446744073709551616".into(), true)]));
        let twice = r#"[{"msgId":"a","msgType":0},{"msgId":"a","msgType":0}]"#;
        assert_eq!(read(twice), Ok(vec![("a".into(), true); 2]));
    }

    #[test]
    fn what_is_no_list_of_messages_with_ids_is_refused_as_a_whole() {
        let refused = |problem| Err(FieldError { field: "msgList", problem }.into());
        for text in ["", "x", "{}", "7", "[1]", "[[]]", "[null]", r#"[{"msgId":"a"}"#, r#"[{"msgId":"a"}]x"#] {
            assert_eq!(read(text), refused(Problem::NotArrayOf("objects")), "{text}");
        }
        assert_eq!(read("[]"), refused(Problem::Empty));
        for text in ["[{}]", r#"[{"msgId":""}]"#, r#"[{"msgId":null}]"#, r#"[{"msgId":["a"]}]"#] {
            assert_eq!(read(text), refused(Problem::MemberEmpty("msgId")), "{text}");
        }
        let many = format!("[{}{{}}]", "{},".repeat(10));
        assert_eq!(read(&many), refused(Problem::TooMany { max: 10, of: "messages" }));
    }

    proptest! {
        #[test]
        fn a_list_of_any_messages_is_read_and_each_stands_for_itself(
            messages in proptest::collection::vec(("[a-z0-9]{1,9}", any::<bool>()), 1..=10),
        ) {
            let object = |(id, is_sound): &(String, bool)| {
                serde_json::json!({ "msgId": id, "msgType": if *is_sound { 0 } else { 5 }, "attach": id })
            };
            let text = Value::Array(messages.iter().map(object).collect()).to_string();
            prop_assert_eq!(read(&text), Ok(messages));
        }

        #[test]
        fn any_text_is_read_or_refused(text in r#"[\[\]{}",:a-z0-9 ]{0,60}|.{0,60}"#) {
            if let Ok(list) = read(&text) {
                prop_assert!((1..=MESSAGES_MAX).contains(&list.len()));
                prop_assert!(list.iter().all(|(id, _)| !id.is_empty()));
            }
        }
    }
}
