//! Operations on rooms.

use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{NewRoom, RoomCommitted, RoomEvent, RoomKey, RoomNews};
use carillon_core::port::{Member, PageLimit, RoomMessageChange, RoomPlan, RoomSpan, Store};
use carillon_core::{AccountNo, AppId, MessageId, RoomNo};

use super::op::{Request, asked};
use crate::fixture::{ALL, notice, room_key};

/// Rooms that an app has at most, and one that it never has.
pub(super) const ROOMS: u64 = 4;

#[derive(Clone, Debug)]
pub(super) enum RoomOp {
    Create(NewRoom, u64),
    Rooms(AppId, Vec<RoomNo>),
    Change(RoomKey, RoomChange, u64, bool),
    Closing,
    Memberships(RoomKey, Vec<AccountNo>),
    ChangeMembership(Member, MembershipChange, u64, bool),
    Members(RoomKey, AccountNo, usize),
    Say(Box<RoomPlan>, Option<Request>),
    History(RoomKey, RoomSpan, PageLimit),
    Message(RoomKey, MessageId),
    ChangeMessage(RoomKey, MessageId, bool),
}

impl RoomOp {
    pub(super) async fn run(self, store: &dyn Store) -> String {
        let told = |is_told: bool, event| if is_told { notice(event) } else { None };
        match self {
            Self::Create(new, rooms_max) => format!("{:?}", store.create_room(new, rooms_max).await),
            Self::Rooms(app, nos) => format!("{:?}", store.rooms(app, &nos).await),
            Self::Change(room, change, now_ms, is_told) => {
                let notice = told(is_told, RoomEvent::Updated);
                format!("{:?}", store.change_room(room, change, now_ms, notice).await)
            }
            Self::Closing => format!("{:?}", store.closing_rooms().await),
            Self::Memberships(room, accounts) => format!("{:?}", store.memberships(room, &accounts).await),
            Self::ChangeMembership(member, change, now_ms, is_told) => {
                let event = RoomEvent::Kicked { account: member.account, id: member.id.clone() };
                format!("{:?}", store.change_membership(member, change, now_ms, told(is_told, event)).await)
            }
            Self::Members(room, after, limit) => format!("{:?}", store.kept_members(room, after, limit).await),
            Self::Say(plan, request) => {
                let asked = asked(request, |message| format!("{message:?}"));
                format!("{:?}", store.commit_room_message(*plan, asked).await)
            }
            Self::History(room, span, limit) => format!("{:?}", store.room_history(room, span, limit).await),
            Self::Message(room, id) => format!("{:?}", store.room_message(room, id).await),
            Self::ChangeMessage(room, id, is_told) => {
                let notice = told(is_told, RoomEvent::Opened);
                format!("{:?}", store.change_room_message(room, id, RoomMessageChange::Remove, notice).await)
            }
        }
    }
}

/// What shows all of the rooms of an app.
pub(super) fn everything_of(app: AppId) -> impl Iterator<Item = RoomOp> {
    let rooms = (1..=ROOMS).map(move |no| room_key(app, no));
    let nos: Vec<RoomNo> = rooms.clone().map(|it| it.no).collect();
    let all = RoomSpan { from_ms: 0, to_ms: u64::MAX, newest_first: false };
    let of_each =
        rooms.flat_map(move |room| [RoomOp::Members(room, AccountNo(0), usize::MAX), RoomOp::History(room, all, ALL)]);
    of_each.chain([RoomOp::Rooms(app, nos)])
}

/// The id of a message that a room was told of.
pub(super) fn id(news: &RoomCommitted) -> Option<u64> {
    match &news.news {
        RoomNews::Message(message) => Some(message.id.0),
        RoomNews::Repeat { .. } | RoomNews::Notice(_) => None,
    }
}
