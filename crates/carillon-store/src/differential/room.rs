//! Operations on rooms.

use std::fmt::Debug;

use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Kind, NewRoom, RoomCommitted, RoomEvent, RoomKey, RoomNews};
use carillon_core::port::{
    Along, ClosingRooms, Member, MemberSpan, PageLimit, RoomMessageChange, RoomPlan, RoomSpan, Store,
};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};

use super::make::ACCOUNTS;
use super::op::{Request, asked};
use crate::fixture::{ALL, notice, room_key};

/// How many of an app's rooms are asked for; it may come to have more.
pub(super) const ROOMS: u64 = 4;

/// Kinds that are asked for.
pub(super) const KINDS: [Kind; 3] = [Kind::Custom, Kind::Text, Kind::Image];

#[derive(Clone, Debug)]
pub(super) enum RoomOp {
    Create(NewRoom, u64, Option<Request>),
    Sending(RoomKey, AccountId, Vec<AccountId>),
    Rooms(AppId, Vec<RoomNo>),
    Change(RoomKey, (RoomChange, u64), u64, Told),
    Closing(AppId, ClosingRooms, usize),
    Memberships(RoomKey, Vec<AccountNo>),
    ChangeMembership(Member, MembershipChange, u64, Told),
    Fixed(RoomKey, MemberSpan, usize),
    Say(Vec<(RoomPlan, Option<Request>)>, Option<Request>),
    History(RoomKey, RoomSpan, PageLimit),
    HistoryOf(RoomKey, Vec<Kind>, RoomSpan, PageLimit),
    Message(RoomKey, MessageId),
    ChangeMessage(RoomKey, MessageId, Told),
    Note(RoomKey, Request, Told),
}

/// Whether a change is told, and what it is remembered by.
pub(super) type Told = (bool, Option<Request>);

fn along<T: Debug + 'static>((is_told, request): Told, event: RoomEvent, now_ms: u64) -> Along<T> {
    let notice = if is_told { notice(event) } else { None };
    Along { now_ms, notice, remember: asked(request, |it| format!("{it:?}")) }
}

impl RoomOp {
    pub(super) async fn run(self, store: &dyn Store) -> String {
        match self {
            Self::Create(new, rooms_max, request) => {
                let asked = asked(request, |room| format!("{room:?}"));
                format!("{:?}", store.create_room(new, rooms_max, asked).await)
            }
            Self::Sending(room, sender, named) => {
                // Accounts are told with their tokens hidden, which come by chance.
                format!("{:?}", store.room_sending(room, &sender, &named).await)
            }
            Self::Rooms(app, nos) => format!("{:?}", store.rooms(app, &nos).await),
            Self::Change(room, (change, rooms_max), now_ms, told) => {
                let along = along(told, RoomEvent::Updated, now_ms);
                format!("{:?}", store.change_room(room, change, rooms_max, along).await)
            }
            Self::Closing(app, which, limit) => format!("{:?}", store.closing_rooms(app, which, limit).await),
            Self::Memberships(room, accounts) => format!("{:?}", store.memberships(room, &accounts).await),
            Self::ChangeMembership(member, change, now_ms, told) => {
                let event = RoomEvent::Kicked { account: member.account, id: member.id.clone() };
                format!("{:?}", store.change_membership(member, change, along(told, event, now_ms)).await)
            }
            Self::Fixed(room, span, limit) => format!("{:?}", store.fixed_members(room, span, limit).await),
            Self::Say(messages, request) => {
                let one = |(plan, request)| (plan, asked(request, |message| format!("{message:?}")));
                let messages = messages.into_iter().map(one).collect();
                let asked = asked(request, |messages| format!("{messages:?}"));
                format!("{:?}", store.commit_room_messages(messages, asked).await)
            }
            Self::History(room, span, limit) => format!("{:?}", store.room_history(room, span, limit).await),
            Self::HistoryOf(room, kinds, span, limit) => {
                format!("{:?}", store.room_history_of(room, &kinds, span, limit).await)
            }
            Self::Message(room, id) => format!("{:?}", store.room_message(room, id).await),
            Self::ChangeMessage(room, id, told) => {
                let along = along(told, RoomEvent::Opened, 0);
                format!("{:?}", store.change_room_message(room, id, RoomMessageChange::Remove, along).await)
            }
            Self::Note(room, noted, told) => {
                let noted = asked(Some(noted), |it| format!("{it:?}")).expect("it is asked for");
                format!("{:?}", store.note_in_room(room, noted, along(told, RoomEvent::Opened, 0)).await)
            }
        }
    }
}

/// What shows all of the rooms of an app.
pub(super) fn everything_of(app: AppId) -> impl Iterator<Item = RoomOp> {
    let rooms = (1..=ROOMS).map(move |no| room_key(app, no));
    let nos: Vec<RoomNo> = rooms.clone().map(|it| it.no).collect();
    let all = RoomSpan { from_ms: 0, to_ms: u64::MAX, newest_first: false, past: None };
    let accounts: Vec<AccountNo> = (1..=ACCOUNTS).map(|serial| AccountNo::new(app, serial)).collect();
    let of_each = rooms.flat_map(move |room| {
        let fixed = RoomOp::Fixed(room, MemberSpan::ALL, usize::MAX);
        let of_kinds = RoomOp::HistoryOf(room, KINDS.into(), all, ALL);
        [fixed, RoomOp::Memberships(room, accounts.clone()), RoomOp::History(room, all, ALL), of_kinds]
    });
    let closing = [ClosingRooms::Due { by_ms: u64::MAX }, ClosingRooms::Waiting { after: 0 }];
    let closing = closing.map(|which| RoomOp::Closing(app, which, usize::MAX));
    of_each.chain(closing).chain([RoomOp::Rooms(app, nos)])
}

/// The id of a message that a room was told of.
pub(super) fn id(news: &RoomCommitted) -> Option<u64> {
    match &news.news {
        RoomNews::Message(message) => Some(message.id.0),
        RoomNews::Repeat { .. } | RoomNews::Notice(_) => None,
    }
}
