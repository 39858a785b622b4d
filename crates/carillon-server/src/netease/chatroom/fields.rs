//! The fields of calls that send to rooms: what one message says, and what holds for all messages of a call.

use carillon_core::command::{Resend, RoomRecipients, RoomSend};
use carillon_core::decide::Refusal;
use carillon_core::model::{self, App, Content, Element, Kind, Moderation, RoomPriority};
use carillon_core::room::{AbandonRatio, Expression, Origin, Point};
use carillon_core::{AccountId, RoomNo};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::msg::fields;
use crate::netease::{DIALECT, accid, body, json};

/// The vendor's; its English page once says 4,069.
const ATTACH_CHARS_MAX: usize = 4_096;
const EXT_CHARS_MAX: usize = 4_096;
/// Ours: the vendor tells none.
pub(super) const ID_CHARS_MAX: usize = 128;
const SUBSTITUTE_CHARS_MAX: usize = 5_000;
const RECIPIENTS_MAX: usize = 100;

/// What one message says.
#[derive(Clone, Debug)]
pub(in crate::netease) struct Item {
    client_id: String,
    content: Content,
    subtype: u32,
    ext: String,
    is_resent: bool,
    point: Option<model::Point>,
}

/// Whether a message may be said at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::netease) enum Space {
    /// It is for members that are named: its coordinates are not looked at.
    None,
    With(Origin),
}

/// What holds for all messages of a call.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    sender: AccountId,
    to: RoomRecipients,
    although_muted: bool,
    in_history: bool,
    abandon_ratio: AbandonRatio,
    priority: RoomPriority,
    refused_if_too_frequent: bool,
    route: bool,
    moderation: Moderation,
    environment: String,
}

/// The message that the fields describe.
///
/// # Errors
/// What is wrong with the message; [`CallError::ContentTooLong`] comes before all else, as it holds for the whole call.
pub(super) fn item(form: &Form, space: Space) -> Result<Item, CallError> {
    let attach = form.optional("attach").unwrap_or_default();
    check_length("attach", attach, ATTACH_CHARS_MAX).map_err(|_| CallError::ContentTooLong)?;
    let client_id = form.required("msgId")?.to_owned();
    check_length("msgId", &client_id, ID_CHARS_MAX)?;
    let kind = body::kind(form.required("msgType")?).map_err(|error| FieldError { field: "msgType", ..error })?;
    Ok(Item {
        client_id,
        content: content(kind, attach)?,
        subtype: fields::subtype(form)?,
        ext: form.text("ext", EXT_CHARS_MAX)?,
        is_resent: fields::flag(form, "resendFlag", false)?,
        point: match space {
            Space::None => None,
            Space::With(origin) => point(form, origin)?,
        },
    })
}

/// A room's texts and tips are bare texts, unlike those of conversations; the others are JSON, or nothing.
fn content(kind: Kind, attach: &str) -> Result<Content, FieldError> {
    let text = || attach.to_owned();
    let element = match kind {
        Kind::Text => Element::Text { text: text() },
        Kind::Tip => Element::Tip { text: text() },
        Kind::Image
        | Kind::Audio
        | Kind::Video
        | Kind::Location
        | Kind::File
        | Kind::Custom
        | Kind::Notice
        | Kind::Recall
        | Kind::Read
        | Kind::Modified => {
            // As typed callers write an object that they do not have.
            let is_none = attach.is_empty() || attach.trim_ascii() == "null";
            let json = if is_none { "{}" } else { attach };
            let content = body::content(kind, json).map_err(|error| FieldError { field: "attach", ..error })?;
            return Ok(if is_none { Content { original: String::new(), ..content } } else { content });
        }
    };
    Ok(Content { kind, elements: vec![element], original: text(), dialect: DIALECT.into(), elements_say_all: true })
}

fn point(form: &Form, origin: Origin) -> Result<Option<model::Point>, FieldError> {
    let coordinate = |field| {
        let Some(text) = form.word(field) else { return Ok(None) };
        let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Some).ok_or(FieldError { field, problem: Problem::NotCoordinate })
    };
    let coordinates = [coordinate("locX")?, coordinate("locY")?, coordinate("locZ")?];
    let point = Point::given(coordinates, origin).expect("coordinates that are not finite were refused");
    let [x, y, z] = coordinates.map(Option::unwrap_or_default);
    Ok(point.map(|_| model::Point { x, y, z }))
}

/// What three zeros mean to the app.
fn origin(app: &App) -> Origin {
    if app.settings.rooms.zero_is_no_point { Origin::IsNoPoint } else { Origin::IsAPoint }
}

impl Item {
    /// Of what the message says and whom it is for.
    fn fingerprint(&self, to: &RoomRecipients) -> [u8; 32] {
        let Self { client_id: _, content, subtype, ext, is_resent: _, point } = self;
        let mut hash = Sha256::new();
        // Each text after its length, so that no two messages run together alike.
        let mut put = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        };
        let number = body::number(content.kind).expect("each of this vendor's types has a number");
        put(&number.to_string());
        put(&content.original);
        put(ext);
        put(&subtype.to_string());
        put(&format!("{point:?}"));
        match to {
            RoomRecipients::Members { tags, point: _ } => put(&format!("{tags:?}")),
            RoomRecipients::Accounts(accounts) => {
                let mut names: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
                names.sort_unstable();
                names.dedup();
                names.into_iter().for_each(put);
            }
        }
        hash.finalize().into()
    }
}

impl Envelope {
    /// Who sends all of the call's messages, and whether a mute for a time is no matter.
    pub(super) fn sender_of_all(&self) -> (&AccountId, bool) {
        (&self.sender, self.although_muted)
    }

    pub(super) fn space(&self, app: &App) -> Space {
        match self.to {
            RoomRecipients::Members { .. } => Space::With(origin(app)),
            RoomRecipients::Accounts(_) => Space::None,
        }
    }

    /// Of a call to a room's members, all or those that it describes.
    pub(super) fn to_members(form: &Form) -> Result<Self, CallError> {
        let high = form.boolean("highPriority")?.unwrap_or(false);
        let for_returning = form.boolean("needHighPriorityMsgResend")?.unwrap_or(true);
        let rank = form.number_between("chatMsgPriority", 0..=3)?.unwrap_or(0);
        let rank = u8::try_from(rank).expect("it is at most 3");
        Ok(Self {
            although_muted: form.boolean("ignoreMute")?.unwrap_or(false),
            in_history: !fields::flag(form, "skipHistory", false)?,
            abandon_ratio: abandon_ratio(form)?,
            priority: RoomPriority { high, for_returning, rank },
            refused_if_too_frequent: fields::flag(form, "forbiddenIfHighPriorityMsgFreq", false)?,
            ..Self::plain(form, RoomRecipients::Members { tags: tags(form)?, point: None })?
        })
    }

    /// Of a call to members that it names.
    pub(super) fn to_someone(form: &Form, high: bool) -> Result<Self, CallError> {
        const FIELD: &str = "toAccids";
        let too_many = FieldError { field: FIELD, problem: Problem::TooManyAccids { max: RECIPIENTS_MAX } };
        let named = accid::array(FIELD, form.required(FIELD)?, RECIPIENTS_MAX)?.ok_or(too_many)?;
        // Who is no account is not in the room, and that is not told.
        let accounts = named.iter().filter_map(|name| accid::parse(name)).collect();
        let priority = RoomPriority { high, ..RoomPriority::default() };
        Ok(Self { priority, ..Self::plain(form, RoomRecipients::Accounts(accounts))? })
    }

    fn plain(form: &Form, to: RoomRecipients) -> Result<Self, CallError> {
        let mut moderation = fields::moderation(form)?;
        let substitute = form.text("antispamCustom", SUBSTITUTE_CHARS_MAX)?;
        if form.boolean("antispam")?.unwrap_or(false) {
            moderation.substitute = substitute;
        }
        Ok(Self {
            sender: form.accid("fromAccid")?,
            to,
            although_muted: false,
            in_history: false,
            abandon_ratio: AbandonRatio::default(),
            priority: RoomPriority::default(),
            refused_if_too_frequent: false,
            route: fields::flag(form, "route", true)?,
            moderation,
            environment: form.text("env", 32)?,
        })
    }

    /// Of a call to the members of all rooms.
    pub(super) fn to_all_rooms(form: &Form) -> Result<Self, CallError> {
        let high = form.boolean("highPriority")?.unwrap_or(false);
        let priority = RoomPriority { high, for_returning: true, rank: 0 };
        let to = RoomRecipients::Members { tags: tags(form)?, point: None };
        Ok(Self { priority, ..Self::plain(form, to)? })
    }

    /// The command that sends one message to a room. `resend` is how one is meant that says that it was sent before.
    pub(super) fn message(&self, room: RoomNo, item: Item, resend: Resend) -> Result<RoomSend, FieldError> {
        let Self { sender, to, moderation, environment, .. } = self.clone();
        let fingerprint = item.fingerprint(&to);
        let to = match to {
            RoomRecipients::Members { tags, .. } => RoomRecipients::Members { tags, point: item.point },
            RoomRecipients::Accounts(accounts) => RoomRecipients::Accounts(accounts),
        };
        Ok(RoomSend {
            room,
            sender,
            from_backend: true,
            client_id: item.client_id,
            fingerprint,
            moderation: judged(moderation, item.content.kind)?,
            content: item.content,
            subtype: item.subtype,
            ext: item.ext,
            to,
            although_muted: self.although_muted,
            resend: if item.is_resent { resend } else { Resend::No },
            in_history: self.in_history,
            abandon_ratio: self.abandon_ratio,
            priority: self.priority,
            refused_if_too_frequent: self.refused_if_too_frequent,
            route: self.route,
            environment,
        })
    }
}

/// The room that a message is for; one that cannot be is refused as a message is.
pub(super) fn room(form: &Form) -> Result<RoomNo, CallError> {
    super::possible_id(form)?.ok_or(CallError::ToRoom(Refusal::NoSuchRoom))
}

/// What is to be judged of a message of this kind: only a custom one may say that it is something else.
fn judged(moderation: Moderation, kind: Kind) -> Result<Moderation, FieldError> {
    if kind != Kind::Custom {
        return Ok(Moderation { substitute: String::new(), ..moderation });
    }
    if !moderation.substitute.is_empty() && !is_substitute(&moderation.substitute) {
        return Err(FieldError { field: "antispamCustom", problem: Problem::NotSubstitute });
    }
    Ok(moderation)
}

pub(in crate::netease) fn is_substitute(text: &str) -> bool {
    let Ok(json) = serde_json::from_str::<Value>(&json::strict(text)) else { return false };
    let kind = json.get("type").and_then(Value::as_u64);
    matches!(kind, Some(1..=3)) && json.get("data").is_some_and(Value::is_string)
}

/// A tag expression that is sound.
fn tags(form: &Form) -> Result<Option<String>, FieldError> {
    const FIELD: &str = "notifyTargetTags";
    let Some(text) = form.optional(FIELD) else { return Ok(None) };
    check_length(FIELD, text, Expression::CHARACTERS_MAX)?;
    match Expression::parse(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(malformed) => Err(FieldError { field: FIELD, problem: Problem::NotTags(malformed) }),
    }
}

fn abandon_ratio(form: &Form) -> Result<AbandonRatio, FieldError> {
    let ratio = form.number_between("abandonRatio", 0..=9_999)?.unwrap_or(0);
    Ok(u16::try_from(ratio).ok().and_then(AbandonRatio::new).expect("it is below 10,000"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(fields: &[(&str, &str)]) -> Form {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Form::parse(body.as_bytes(), 1_000).unwrap()
    }

    fn refused<T>(field: &'static str, problem: Problem) -> Result<T, FieldError> {
        Err(FieldError { field, problem })
    }

    #[test]
    fn texts_are_bare_and_all_else_is_json_or_nothing() {
        let element = |kind, attach| content(kind, attach).map(|it| it.elements);
        for text in ["", "hi", r#"{"msg":"hi"}"#] {
            assert_eq!(element(Kind::Text, text), Ok(vec![Element::Text { text: text.into() }]));
            assert_eq!(element(Kind::Tip, text), Ok(vec![Element::Tip { text: text.into() }]));
        }
        for kind in [Kind::Image, Kind::Audio, Kind::Video, Kind::Location, Kind::File, Kind::Custom] {
            assert_eq!(content(kind, "hi"), refused("attach", Problem::NotJson), "{kind:?}");
            let none = content(kind, "").unwrap();
            assert_eq!(content(kind, "null").unwrap(), none, "{kind:?}");
            assert_eq!((none.original.as_str(), none.elements.len(), none.elements_say_all), ("", 1, true), "{kind:?}");
            assert_eq!(content(kind, "{}").unwrap().elements, none.elements, "{kind:?}");
        }
        assert_eq!(element(Kind::Custom, "[1]"), Ok(vec![Element::Custom { json: "[1]".into() }]));
    }

    #[test]
    fn a_point_has_finite_coordinates_and_three_zeros_are_what_the_app_says() {
        let check = |x, y, z, origin| point(&form(&[("locX", x), ("locY", y), ("locZ", z)]), origin);
        let at = |x, y, z| Ok(Some(model::Point { x, y, z }));
        assert_eq!(check("", "", "", Origin::IsAPoint), Ok(None));
        assert_eq!(check("1e3", "-2.5", "", Origin::IsNoPoint), at(1_000.0, -2.5, 0.0));
        assert_eq!(check("0", "0.0", "-0", Origin::IsNoPoint), Ok(None));
        assert_eq!(check("0", "", "", Origin::IsAPoint), at(0.0, 0.0, 0.0));
        for bad in ["x", "1,5", "NaN", "inf", "-infinity", "1e999", " 1", "0x1"] {
            assert_eq!(check("1", bad, "1", Origin::IsAPoint), refused("locY", Problem::NotCoordinate), "{bad}");
        }
    }

    #[test]
    fn what_is_judged_instead_of_a_custom_message_is_a_text_an_image_or_a_video() {
        for (text, is_sound) in [
            (r#"{"type":1,"data":"t"}"#, true),
            (r#"{"data":"","type":3,"more":{}}"#, true),
            (r#"{"type":0,"data":"t"}"#, false),
            (r#"{"type":4,"data":"t"}"#, false),
            (r#"{"type":"1","data":"t"}"#, false),
            (r#"{"type":1.0,"data":"t"}"#, false),
            (r#"{"type":1,"data":{}}"#, false),
            (r#"{"type":1}"#, false),
            ("[1]", false),
            ("t", false),
        ] {
            assert_eq!(is_substitute(text), is_sound, "{text}");
            let moderation = Moderation { substitute: text.into(), ..Moderation::default() };
            assert_eq!(judged(moderation.clone(), Kind::Custom).is_ok(), is_sound, "{text}");
            assert_eq!(judged(moderation, Kind::Text), Ok(Moderation::default()), "{text}");
        }
        assert_eq!(judged(Moderation::default(), Kind::Custom), Ok(Moderation::default()));
    }

    #[test]
    fn a_ratio_is_below_ten_thousand() {
        let check = |text| abandon_ratio(&form(&[("abandonRatio", text)]));
        assert_eq!((check(""), check("0")), (Ok(AbandonRatio::default()), Ok(AbandonRatio::default())));
        assert_eq!(check("9999"), Ok(AbandonRatio::new(9_999).unwrap()));
        for bad in ["10000", "65536", "18446744073709551615"] {
            assert_eq!(check(bad), refused("abandonRatio", Problem::NotBetween { min: 0, max: 9_999 }), "{bad}");
        }
        assert_eq!(check("-1"), refused("abandonRatio", Problem::NotBetween { min: 0, max: 9_999 }));
    }

    #[test]
    fn what_is_kept_of_json_in_single_quotes_is_strict_json() {
        let original = |kind: &str, attach: &str| {
            let form = form(&[("msgId", "m"), ("msgType", kind), ("attach", attach)]);
            item(&form, Space::None).unwrap().content.original
        };
        assert_eq!(original("100", "{'a': 'b'}"), r#"{"a": "b"}"#);
        assert_eq!((original("100", ""), original("0", "it's")), (String::new(), "it's".to_owned()));
    }

    proptest! {
        #[test]
        fn a_flag_is_zero_or_one_and_nothing_else(text in "[01]{0,2}|true|false|.{0,4}", default: bool) {
            let expected = match text.as_str() {
                "" => Ok(default),
                "0" => Ok(false),
                "1" => Ok(true),
                _ => refused("route", Problem::NotOneOf("0 1")),
            };
            prop_assert_eq!(fields::flag(&form(&[("route", &text)]), "route", default), expected);
        }

        #[test]
        fn any_texts_are_a_message_or_are_refused(
            attach in ".{0,30}",
            kind in "[0-9]{1,3}",
            subtype in "-?[0-9]{0,11}",
            place in "[-0-9.eEinfaN]{0,6}",
        ) {
            let form = form(&[("msgId", "m"), ("msgType", &kind), ("attach", &attach), ("subType", &subtype), ("locX", &place)]);
            if let Ok(item) = item(&form, Space::With(Origin::IsAPoint)) {
                let original = &item.content.original;
                prop_assert!(*original == attach || *original == json::strict(&attach));
                prop_assert!(item.point.is_none_or(|point| point.x.is_finite()));
            }
        }
    }
}
