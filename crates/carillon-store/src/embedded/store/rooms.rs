//! Chat rooms: the port's part of them.

use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Membership, NewRoom, Room, RoomCommitted, RoomKey, RoomMessage, RoomNotice};
use carillon_core::port::{
    CreateRoomError, Kept, Member, PageLimit, Remember, RoomMessageChange, RoomPlan, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountNo, AppId, MessageId, RoomNo};

use super::EmbeddedStore;
use crate::embedded::apply;
use crate::embedded::group::Group;
use crate::embedded::room;
use crate::embedded::threads::Kind;

#[async_trait]
impl RoomStore for EmbeddedStore {
    async fn create_room(&self, room: NewRoom, rooms_max: u64) -> Result<Room, CreateRoomError> {
        self.write(Kind::Grouped, move |group| apply::room::create(group, room, rooms_max)).await
    }

    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        let (nos, count) = (nos.to_vec(), nos.len());
        self.read(app, vec![None; count], move |_, db| room::rooms(db, app, &nos)).await
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Option<Room>, StoreError> {
        self.write(Kind::Grouped, move |group| apply::room::change(group, room, change, now_ms, notice)).await
    }

    async fn closing_rooms(&self) -> Result<Vec<Room>, StoreError> {
        self.threads.read(|_, db| room::closing(db)).await
    }

    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        let (accounts, nothing) = (accounts.to_vec(), vec![Membership::default(); accounts.len()]);
        self.read(room.app, nothing, move |_, db| room::memberships(db, room, &accounts)).await
    }

    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Membership, StoreError> {
        let write = move |group: &mut Group<'_>| apply::room::change_membership(group, &member, change, now_ms, notice);
        self.write(Kind::Grouped, write).await
    }

    async fn kept_members(&self, room: RoomKey, after: AccountNo, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.read(room.app, Vec::new(), move |_, db| room::kept_members(db, room, after, limit)).await
    }

    async fn commit_room_message(
        &self,
        plan: RoomPlan,
        remember: Option<Remember<RoomMessage>>,
    ) -> Result<Arc<RoomCommitted>, StoreError> {
        self.write(Kind::Grouped, |group| apply::room::commit(group, plan, remember)).await
    }

    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.read(room.app, Vec::new(), move |_, db| room::history(db, room, span, limit)).await
    }

    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        self.read(room.app, None, move |_, db| room::message(db, room, id)).await
    }

    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        notice: Option<RoomNotice>,
    ) -> Result<bool, StoreError> {
        self.write(Kind::Alone, move |group| apply::room::change_message(group, room, id, change, notice)).await
    }
}
