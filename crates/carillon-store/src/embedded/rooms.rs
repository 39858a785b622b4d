//! Chat rooms are not kept by this engine: whoever asks for them is told so. The memory engine keeps them.

use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Membership, NewRoom, Room, RoomCommitted, RoomKey, RoomMessage, RoomNotice};
use carillon_core::port::{
    CreateRoomError, Kept, Member, PageLimit, Remember, RoomMessageChange, RoomPlan, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountNo, AppId, MessageId, RoomNo};

use super::store::EmbeddedStore;

fn unkept<T>() -> Result<T, StoreError> {
    Err(StoreError::Unknown("this engine keeps no rooms".into()))
}

#[async_trait]
impl RoomStore for EmbeddedStore {
    async fn create_room(&self, _: NewRoom, _: u64) -> Result<Room, CreateRoomError> {
        Ok(unkept()?)
    }

    async fn rooms(&self, _: AppId, _: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        unkept()
    }

    async fn change_room(
        &self,
        _: RoomKey,
        _: RoomChange,
        _: u64,
        _: Option<RoomNotice>,
    ) -> Result<Option<Room>, StoreError> {
        unkept()
    }

    async fn closing_rooms(&self) -> Result<Vec<Room>, StoreError> {
        Ok(Vec::new())
    }

    async fn memberships(&self, _: RoomKey, _: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        unkept()
    }

    async fn change_membership(
        &self,
        _: Member,
        _: MembershipChange,
        _: u64,
        _: Option<RoomNotice>,
    ) -> Result<Membership, StoreError> {
        unkept()
    }

    async fn kept_members(&self, _: RoomKey, _: AccountNo, _: usize) -> Result<Vec<Kept>, StoreError> {
        unkept()
    }

    async fn commit_room_message(
        &self,
        _: RoomPlan,
        _: Option<Remember<RoomMessage>>,
    ) -> Result<Arc<RoomCommitted>, StoreError> {
        unkept()
    }

    async fn room_history(&self, _: RoomKey, _: RoomSpan, _: PageLimit) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        unkept()
    }

    async fn room_message(&self, _: RoomKey, _: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        unkept()
    }

    async fn change_room_message(
        &self,
        _: RoomKey,
        _: MessageId,
        _: RoomMessageChange,
        _: Option<RoomNotice>,
    ) -> Result<bool, StoreError> {
        unkept()
    }
}
