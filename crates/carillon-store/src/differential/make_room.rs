//! Random operations on rooms.

use carillon_core::command::{CloseAfter, MembershipChange, RoomCardChange, RoomChange, RoomInfoChange};
use carillon_core::model::{
    ClosingPolicy, NewRoom, Point, RoomCard, RoomInfo, RoomKey, RoomPriority, RoomRole, RoomTo,
};
use carillon_core::port::{ClosingRooms, Member, MemberSpan, RoomPlan, RoomSpan};
use carillon_core::{AccountId, AccountNo, AppId};
use rand::RngExt as _;

use super::make::{ACCOUNTS, Make};
use super::op::Op;
use super::room::{KINDS, ROOMS, RoomOp, Told};
use crate::fixture::{id, new_room, room_key, room_plan};

/// An account has one name as long as it is there.
fn id_of(account: AccountNo) -> AccountId {
    id(&account.to_string())
}

impl Make<'_> {
    /// A write that may share a group with others.
    pub(super) fn write_in_room(&mut self) -> Op {
        Op::Room(match self.rng.random_range(0..10) {
            0 | 1 => RoomOp::Create(self.new_room(), self.rooms_max(), self.request()),
            2 => RoomOp::Change(self.room(), (self.room_change(), self.rooms_max()), self.now_ms, self.told()),
            3 | 4 => RoomOp::ChangeMembership(self.member(), self.membership_change(), self.now_ms, self.told()),
            5 => RoomOp::ChangeMessage(self.room(), self.message_id(), self.told()),
            6 => match self.request() {
                Some(noted) => RoomOp::Note(self.room(), noted, self.told()),
                None => RoomOp::Message(self.room(), self.message_id()),
            },
            _ => {
                // Of one app, as all of what one call says.
                let app = self.app();
                let messages = (0..self.rng.random_range(1..4)).map(|_| (self.room_plan(app), self.request()));
                RoomOp::Say(messages.collect(), self.request())
            }
        })
    }

    fn told(&mut self) -> Told {
        (self.rng.random(), self.request())
    }

    pub(super) fn read_room(&mut self) -> Op {
        Op::Room(match self.rng.random_range(0..8) {
            0 => RoomOp::Rooms(self.app(), (0..3).map(|_| self.room().no).collect()),
            1 => RoomOp::Closing(self.app(), self.closing_rooms(), self.rng.random_range(0..4)),
            2 => RoomOp::Memberships(self.room(), (0..3).map(|_| self.no()).collect()),
            3 => RoomOp::Fixed(self.room(), self.member_span(), self.rng.random_range(0..4)),
            4 => RoomOp::Message(self.room(), self.message_id()),
            5 => {
                let named = if self.rng.random() { vec![self.name(), self.name()] } else { Vec::new() };
                RoomOp::Sending(self.room(), self.name(), named)
            }
            6 => {
                let kinds = (0..self.rng.random_range(0..3)).map(|_| self.pick(&KINDS)).collect();
                RoomOp::HistoryOf(self.room(), kinds, self.room_span(), self.limit())
            }
            _ => RoomOp::History(self.room(), self.room_span(), self.limit()),
        })
    }

    fn room(&mut self) -> RoomKey {
        room_key(self.app(), self.rng.random_range(1..=ROOMS))
    }

    fn rooms_max(&mut self) -> u64 {
        self.pick(&[0, 2, 3])
    }

    fn new_room(&mut self) -> NewRoom {
        let app = self.app();
        let info = RoomInfo {
            name: self.text(9),
            announcement: self.text(9),
            live_url: self.text(9),
            ext: self.text(9),
            queue_is_managed: self.rng.random(),
            moderation: self.text(9),
        };
        let creator = AccountNo::new(app, self.rng.random_range(1..=ACCOUNTS));
        NewRoom {
            creator,
            creator_id: id_of(creator),
            created_ms: self.now_ms,
            info,
            tells_presence: self.rng.random(),
            closing: self.close_after().from(self.now_ms),
            ..new_room(app, "")
        }
    }

    fn close_after(&mut self) -> CloseAfter {
        let policy = self.pick(&[ClosingPolicy::Never, ClosingPolicy::AtTime, ClosingPolicy::WhenEmpty]);
        CloseAfter { policy, delay_s: self.rng.random_range(0..1_000) }
    }

    fn room_change(&mut self) -> RoomChange {
        match self.rng.random_range(0..7) {
            0 => RoomChange::SetInfo(RoomInfoChange {
                name: self.maybe(|it| it.text(9)),
                announcement: self.maybe(|it| it.text(9)),
                live_url: self.maybe(|it| it.text(9)),
                ext: self.maybe(|it| it.text(9)),
                queue_is_managed: self.maybe(|it| it.rng.random()),
                moderation: self.maybe(|it| it.text(9)),
            }),
            1 => RoomChange::SetOpen { open: self.rng.random(), closing: self.maybe(Self::close_after) },
            2 => RoomChange::SetMuted(self.rng.random()),
            3 => RoomChange::SetClosing(self.close_after()),
            4 => RoomChange::SetTellsPresence(self.rng.random()),
            5 => RoomChange::SetClosingOnceEmpty { delay_s: self.rng.random_range(0..1_000) },
            _ => RoomChange::SetEmpty(self.rng.random()),
        }
    }

    fn closing_rooms(&mut self) -> ClosingRooms {
        if self.rng.random() {
            ClosingRooms::Due { by_ms: self.pick(&[0, self.now_ms, self.now_ms + 500_000, u64::MAX]) }
        } else {
            ClosingRooms::Waiting { after: self.pick(&[0, 1, 2, u64::MAX]) }
        }
    }

    fn member(&mut self) -> Member {
        let room = self.room();
        let account = self.no_of(room.app);
        Member { room, account, id: id_of(account) }
    }

    fn card(&mut self) -> RoomCard {
        RoomCard { nick: self.text(9), avatar: self.text(9), ext: self.text(9) }
    }

    fn card_change(&mut self) -> RoomCardChange {
        let mut field = || self.rng.random::<bool>().then(|| self.text(9));
        RoomCardChange { nick: field(), avatar: field(), ext: field() }
    }

    fn membership_change(&mut self) -> MembershipChange {
        match self.rng.random_range(0..7) {
            0 => MembershipChange::SetRole(self.pick(&[RoomRole::Guest, RoomRole::Fixed, RoomRole::Manager])),
            1 => MembershipChange::SetBlocked(self.rng.random()),
            2 => MembershipChange::SetMuted(self.rng.random()),
            3 => MembershipChange::SetMutedUntil(self.pick(&[0, self.now_ms, self.now_ms + 70_000])),
            4 => MembershipChange::SetCard(self.card_change()),
            5 => MembershipChange::Keep,
            _ => MembershipChange::NoteEntered(self.now_ms),
        }
    }

    fn member_span(&mut self) -> MemberSpan {
        let to_ms = self.pick(&[0, self.now_ms, self.now_ms.saturating_sub(60_000), u64::MAX]);
        MemberSpan { to_ms, past: self.maybe(Self::no) }
    }

    fn room_span(&mut self) -> RoomSpan {
        let ends = [0, self.now_ms, self.now_ms.saturating_sub(120_000), u64::MAX];
        RoomSpan {
            from_ms: self.pick(&ends),
            to_ms: self.pick(&ends),
            newest_first: self.rng.random(),
            past: self.maybe(Self::message_id),
        }
    }

    fn room_plan(&mut self, app: AppId) -> RoomPlan {
        let room = room_key(app, self.rng.random_range(1..=ROOMS));
        let mut plan = room_plan(room, "", self.now_ms);
        plan.in_history = self.rng.random_bool(0.8);
        let coordinates: [i8; 3] = self.rng.random();
        let [x, y, z] = coordinates.map(f64::from);
        let card = self.card();
        let it = &mut plan.message;
        it.content = self.content();
        it.sender.role = self.pick(&[RoomRole::Guest, RoomRole::Fixed, RoomRole::Manager, RoomRole::Creator]);
        it.sender.card = card;
        it.subtype = self.rng.random();
        it.to = match self.rng.random_range(0..4) {
            0 => RoomTo::Accounts((0..3).map(|_| self.no()).collect()),
            1 => RoomTo::Members { tags: Some(self.text(9)), point: None },
            2 => RoomTo::Members { tags: None, point: Some(Point { x, y, z }) },
            _ => RoomTo::Members { tags: None, point: None },
        };
        let (high, for_returning) = self.rng.random();
        it.priority = RoomPriority { high, for_returning, rank: self.rng.random_range(0..4) };
        it.abandoned = self.rng.random();
        it.route = self.rng.random();
        it.moderation.enabled = self.rng.random();
        for text in [
            &mut it.client_id,
            &mut it.ext,
            &mut it.environment,
            &mut it.moderation.profile,
            &mut it.moderation.anti_cheating,
            &mut it.moderation.anti_spam_ext,
            &mut it.moderation.substitute,
        ] {
            *text = self.text(6);
        }
        plan
    }
}
