//! Rooms of the held store, of which nothing is held back.

use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Membership, NewRoom, Room, RoomCommitted, RoomKey, RoomMessage, RoomNotice};
use carillon_core::port::{
    CreateRoomError, Kept, Member, PageLimit, Remember, RoomMessageChange, RoomPlan, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountNo, AppId, MessageId, RoomNo};

use super::HeldStore;

#[async_trait]
impl RoomStore for HeldStore {
    async fn create_room(&self, room: NewRoom, rooms_max: u64) -> Result<Room, CreateRoomError> {
        self.inner.create_room(room, rooms_max).await
    }

    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        self.inner.rooms(app, nos).await
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Option<Room>, StoreError> {
        self.inner.change_room(room, change, now_ms, notice).await
    }

    async fn closing_rooms(&self) -> Result<Vec<Room>, StoreError> {
        self.inner.closing_rooms().await
    }

    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        self.inner.memberships(room, accounts).await
    }

    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Membership, StoreError> {
        self.inner.change_membership(member, change, now_ms, notice).await
    }

    async fn kept_members(&self, room: RoomKey, after: AccountNo, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.inner.kept_members(room, after, limit).await
    }

    async fn commit_room_message(
        &self,
        plan: RoomPlan,
        remember: Option<Remember<RoomMessage>>,
    ) -> Result<Arc<RoomCommitted>, StoreError> {
        self.inner.commit_room_message(plan, remember).await
    }

    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.inner.room_history(room, span, limit).await
    }

    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        self.inner.room_message(room, id).await
    }

    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        notice: Option<RoomNotice>,
    ) -> Result<bool, StoreError> {
        self.inner.change_room_message(room, id, change, notice).await
    }
}
