//! Rooms of the held store, of which only changes of memberships are held back; what sends may dawdle.

use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Kind, Membership, NewRoom, Room, RoomKey, RoomMessage, RoomRecord};
use carillon_core::port::{
    Along, ClosingRooms, Kept, Member, MemberSpan, OpenRoomError, PageLimit, Planned, Remember, RoomMessageChange,
    RoomSending, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};

use super::HeldStore;

#[async_trait]
impl RoomStore for HeldStore {
    async fn create_room(
        &self,
        room: NewRoom,
        rooms_max: u64,
        remember: Option<Remember<Room>>,
    ) -> Result<Room, OpenRoomError> {
        self.inner.create_room(room, rooms_max, remember).await
    }

    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        self.dawdling(self.inner.rooms(app, nos)).await
    }

    async fn room_sending(
        &self,
        room: RoomKey,
        sender: &AccountId,
        named: &[AccountId],
    ) -> Result<RoomSending, StoreError> {
        self.dawdling(self.inner.room_sending(room, sender, named)).await
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        rooms_max: u64,
        along: Along<Room>,
    ) -> Result<Option<Room>, OpenRoomError> {
        self.dawdling(self.inner.change_room(room, change, rooms_max, along)).await
    }

    async fn closing_rooms(&self, app: AppId, which: ClosingRooms, limit: usize) -> Result<Vec<RoomNo>, StoreError> {
        self.inner.closing_rooms(app, which, limit).await
    }

    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        self.dawdling(self.inner.memberships(room, accounts)).await
    }

    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        along: Along<Membership>,
    ) -> Result<Membership, StoreError> {
        let changed = self.dawdling(self.inner.change_membership(member, change, along)).await;
        self.pass().await;
        changed
    }

    async fn fixed_members(&self, room: RoomKey, span: MemberSpan, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.inner.fixed_members(room, span, limit).await
    }

    async fn commit_room_messages(
        &self,
        messages: Vec<Planned>,
        remember: Option<Remember<Vec<Arc<RoomMessage>>>>,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.dawdling(self.inner.commit_room_messages(messages, remember)).await
    }

    async fn room_record(&self, id: MessageId) -> Result<Option<RoomRecord>, StoreError> {
        self.inner.room_record(id).await
    }

    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.dawdling(self.inner.room_history(room, span, limit)).await
    }

    async fn room_history_of(
        &self,
        room: RoomKey,
        kinds: &[Kind],
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.inner.room_history_of(room, kinds, span, limit).await
    }

    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        self.dawdling(self.inner.room_message(room, id)).await
    }

    async fn note_in_room(&self, room: RoomKey, noted: Remember<()>, along: Along<()>) -> Result<bool, StoreError> {
        self.dawdling(self.inner.note_in_room(room, noted, along)).await
    }

    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        along: Along<()>,
    ) -> Result<bool, StoreError> {
        self.dawdling(self.inner.change_room_message(room, id, change, along)).await
    }
}
