//! What clients get of rooms: messages, what happened, the room itself and who is in it.

use carillon_core::model::{Room, RoomCard, RoomEvent, RoomKey, RoomMessage, RoomNotice, RoomRole};
use carillon_core::port::{Present, Role};
use serde::Serialize;

use super::{Part, element, is_zero, kind};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    client_id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    subtype: u32,
    sender: Sender<'a>,
    room: String,
    time: u64,
    elements: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<&'a str>,
}

#[derive(Serialize)]
struct Sender<'a> {
    account: &'a str,
    #[serde(flatten)]
    card: Card<'a>,
    role: &'static str,
}

#[derive(Serialize)]
struct Card<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    nick: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    avatar: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
}

#[derive(Serialize)]
struct Priority {
    high: bool,
    rank: u8,
}

pub(crate) fn room_message(message: &RoomMessage) -> Vec<u8> {
    let (content, sender, priority) = (&message.content, &message.sender, message.priority);
    write(&Message {
        id: message.id.to_string(),
        client_id: &message.client_id,
        r#type: kind(content.kind),
        subtype: message.subtype,
        sender: Sender { account: sender.account.as_str(), card: card(&sender.card), role: role(sender.role) },
        room: message.room.no.to_string(),
        time: message.time_ms,
        elements: content.elements.iter().map(|it| element(it, Role::Recipient)).collect(),
        ext: &message.ext,
        priority: (priority.high || priority.rank > 0).then_some(Priority { high: priority.high, rank: priority.rank }),
        original: (!content.elements_say_all).then_some(&*content.original),
    })
}

/// What a room tells its members besides messages.
#[derive(Default, Serialize)]
struct Event<'a> {
    r#type: &'static str,
    event: &'static str,
    room: String,
    #[serde(skip_serializing_if = "is_never")]
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Recalled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<Member<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
}

#[derive(Serialize)]
struct Recalled<'a> {
    id: String,
    client_id: &'a str,
    time: u64,
    sender: &'a str,
}

/// The type of everything that a room tells and that is no message.
const EVENT: &str = "room";

pub(crate) fn room_event<'a>(room: &'a Room, notice: &'a RoomNotice) -> Vec<u8> {
    let base = Event {
        r#type: EVENT,
        room: room.key.no.to_string(),
        time: notice.time_ms,
        by: notice.by.as_ref().map(carillon_core::AccountId::as_str),
        ext: &notice.ext,
        ..Event::default()
    };
    let of = |event, account| Event { event, account, ..base };
    write(&match &notice.event {
        RoomEvent::Closed => of("closed", None),
        RoomEvent::Opened => of("opened", None),
        RoomEvent::Updated => Event { state: Some(state(room)), ..of("updated", None) },
        RoomEvent::Muted(true) => of("muted", None),
        RoomEvent::Muted(false) => of("unmuted", None),
        RoomEvent::Role { id, role: it, .. } => Event { role: Some(role(*it)), ..of("role", Some(id.as_str())) },
        RoomEvent::Blocked { id, on: true, .. } => of("member_blocked", Some(id.as_str())),
        RoomEvent::Blocked { id, on: false, .. } => of("member_unblocked", Some(id.as_str())),
        // It is muted still, and now it ends.
        RoomEvent::MemberMuted { id, on: false, left_s, .. } if *left_s > 0 => {
            Event { seconds: Some(*left_s), ..of("member_muted", Some(id.as_str())) }
        }
        RoomEvent::MemberMuted { id, on: true, .. } => of("member_muted", Some(id.as_str())),
        RoomEvent::MemberMuted { id, on: false, .. } | RoomEvent::MutedFor { id, seconds: 0, .. } => {
            of("member_unmuted", Some(id.as_str()))
        }
        RoomEvent::MutedFor { id, seconds, .. } => {
            Event { seconds: Some(*seconds), ..of("member_muted", Some(id.as_str())) }
        }
        RoomEvent::Kicked { id, .. } => of("member_kicked", Some(id.as_str())),
        RoomEvent::Recalled { message, client_id, sent_ms, sender, only: _ } => {
            let message = Recalled { id: message.to_string(), client_id, time: *sent_ms, sender: sender.as_str() };
            Event { message: Some(message), ..of("recalled", None) }
        }
    })
}

/// Somebody came, or went.
pub(crate) fn room_moved(room: RoomKey, who: &Present, has_come: bool, now: (u64, usize)) -> Vec<u8> {
    let (time, online) = now;
    write(&Event {
        r#type: EVENT,
        event: if has_come { "entered" } else { "left" },
        room: room.no.to_string(),
        time,
        member: Some(member(who)),
        online: Some(online),
        ..Event::default()
    })
}

/// What a member missed for its flow limits.
pub(crate) fn room_skipped(room: RoomKey, missed: u32, time: u64) -> Vec<u8> {
    let room = room.no.to_string();
    write(&Event { r#type: EVENT, event: "skipped", room, time, missed: Some(missed), ..Event::default() })
}

#[derive(Serialize)]
struct State<'a> {
    room: String,
    creator: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    announcement: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    live_url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
    muted: bool,
}

#[derive(Serialize)]
struct Member<'a> {
    account: &'a str,
    #[serde(flatten)]
    card: Card<'a>,
    role: &'static str,
    /// When it entered, in ms since 1970.
    entered: u64,
}

#[derive(Serialize)]
struct Entered<'a> {
    room: State<'a>,
    member: Member<'a>,
    online: usize,
}

/// What whoever enters is told.
pub(crate) fn room_state(room: &Room, own: &Present, online: usize) -> Vec<u8> {
    write(&Entered { room: state(room), member: member(own), online })
}

pub(crate) fn room_member(who: &Present) -> Vec<u8> {
    write(&member(who))
}

fn state(room: &Room) -> State<'_> {
    State {
        room: room.key.no.to_string(),
        creator: room.creator_id.as_str(),
        name: &room.info.name,
        announcement: &room.info.announcement,
        live_url: &room.info.live_url,
        ext: &room.info.ext,
        muted: room.muted,
    }
}

fn member(who: &Present) -> Member<'_> {
    Member { account: who.id.as_str(), card: card(&who.card), role: role(who.role), entered: who.entered_ms }
}

fn card(it: &RoomCard) -> Card<'_> {
    Card { nick: &it.nick, avatar: &it.avatar, ext: &it.ext }
}

fn role(it: RoomRole) -> &'static str {
    match it {
        RoomRole::Guest => "guest",
        RoomRole::Fixed => "fixed",
        RoomRole::Manager => "manager",
        RoomRole::Creator => "creator",
        RoomRole::Anonymous => "anonymous",
    }
}

fn write(it: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(it).expect("texts and numbers are JSON")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_never(it: &u64) -> bool {
    *it == 0
}
