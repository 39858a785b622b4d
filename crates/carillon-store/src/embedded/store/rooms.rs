//! Chat rooms: the port's part of them.

use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Kind, Membership, NewRoom, Room, RoomKey, RoomMessage, RoomRecord};
use carillon_core::port::{
    Along, ClosingRooms, Kept, Member, MemberSpan, OpenRoomError, PageLimit, Planned, Remember, RoomMessageChange,
    RoomSending, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};

use super::EmbeddedStore;
use crate::embedded::apply;
use crate::embedded::db::Db;
use crate::embedded::group::Group;
use crate::embedded::shared::Shared;
use crate::embedded::threads;
use crate::embedded::{records, room};

#[async_trait]
impl RoomStore for EmbeddedStore {
    async fn create_room(
        &self,
        room: NewRoom,
        rooms_max: u64,
        remember: Option<Remember<Room>>,
    ) -> Result<Room, OpenRoomError> {
        self.write(threads::Kind::Grouped, move |group| apply::room::create(group, room, rooms_max, remember)).await
    }

    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        let (nos, count) = (nos.to_vec(), nos.len());
        self.read(app, vec![None; count], move |_, db| room::rooms(db, app, &nos)).await
    }

    async fn room_sending(
        &self,
        room: RoomKey,
        sender: &AccountId,
        named: &[AccountId],
    ) -> Result<RoomSending, StoreError> {
        let nothing =
            RoomSending { room: None, sender: None, membership: Membership::default(), recipients: Vec::new() };
        if !named.is_empty() {
            let (sender, named) = (sender.clone(), named.to_vec());
            return self.read(room.app, nothing, move |_, db| room::sending(db, room, &sender, &named)).await;
        }
        if !self.threads.is_open() {
            return Err(StoreError::Closed);
        }
        if self.shared.removed.holds(room.app) {
            return Ok(nothing);
        }
        if let Some(known) = self.shared.senders.get(room, sender) {
            return Ok(known);
        }
        let sender = sender.clone();
        let read = move |shared: &Shared, db: &Db| {
            let since = shared.senders.stamps(room, &sender);
            let found = room::sending(db, room, &sender, &[])?;
            // Looked at after the stamps: if the app is removed from here on, this is out of date.
            if !shared.removed.holds(room.app) {
                shared.senders.put(since, room, sender, &found);
            }
            Ok(found)
        };
        self.read(room.app, nothing, read).await
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        rooms_max: u64,
        along: Along<Room>,
    ) -> Result<Option<Room>, OpenRoomError> {
        self.write(threads::Kind::Grouped, move |group| apply::room::change(group, room, change, rooms_max, along))
            .await
    }

    async fn closing_rooms(&self, app: AppId, which: ClosingRooms, limit: usize) -> Result<Vec<RoomNo>, StoreError> {
        self.read(app, Vec::new(), move |_, db| room::closing(db, app, which, limit)).await
    }

    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        let (accounts, nothing) = (accounts.to_vec(), vec![Membership::default(); accounts.len()]);
        self.read(room.app, nothing, move |_, db| room::memberships(db, room, &accounts)).await
    }

    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        along: Along<Membership>,
    ) -> Result<Membership, StoreError> {
        let write = move |group: &mut Group<'_>| apply::room::change_membership(group, &member, change, along);
        self.write(threads::Kind::Grouped, write).await
    }

    async fn fixed_members(&self, room: RoomKey, span: MemberSpan, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.read(room.app, Vec::new(), move |_, db| room::fixed_members(db, room, span, limit)).await
    }

    async fn commit_room_messages(
        &self,
        messages: Vec<Planned>,
        remember: Option<Remember<Vec<Arc<RoomMessage>>>>,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.write(threads::Kind::Patient, |group| apply::room::commit(group, messages, remember)).await
    }

    async fn room_record(&self, id: MessageId) -> Result<Option<RoomRecord>, StoreError> {
        self.threads.read(move |_, db| records::in_room(db, id)).await
    }

    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        self.read(room.app, Vec::new(), move |_, db| room::history(db, room, span, limit)).await
    }

    async fn room_history_of(
        &self,
        room: RoomKey,
        kinds: &[Kind],
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        let kinds = kinds.to_vec();
        let read = move |_: &Shared, db: &Db| room::history_of(db, room, &kinds, (span, limit));
        self.read(room.app, Vec::new(), read).await
    }

    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        self.read(room.app, None, move |_, db| room::message(db, room, id)).await
    }

    async fn note_in_room(&self, room: RoomKey, noted: Remember<()>, along: Along<()>) -> Result<bool, StoreError> {
        self.write(threads::Kind::Grouped, move |group| apply::room::note(group, room, noted, along)).await
    }

    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        along: Along<()>,
    ) -> Result<bool, StoreError> {
        self.write(threads::Kind::Alone, move |group| apply::room::change_message(group, (room, id), change, along))
            .await
    }
}
