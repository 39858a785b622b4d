//! Chat rooms: opening and changing them, who may come in, and messages to them.

use std::sync::Arc;

use super::{Pipeline, check_enabled};
use crate::command::{CloseAfter, CreateRoom, EnterRoom, MembershipChange, Notify, RoomCardChange, RoomChange};
use crate::decide::{self, MemberAction, Refusal};
use crate::id::{AccountId, AccountNo, RoomNo};
use crate::model::{
    Account, App, ClosingPolicy, Kind, Membership, NewRoom, Room, RoomCard, RoomEvent, RoomKey, RoomMessage,
    RoomNotice, RoomRole,
};
use crate::port::{Along, Member, OpenRoomError, PageLimit, Remember, RoomSpan, StoreError, Whom};
use crate::prefix;

mod broadcast;
mod explain;
mod first;
mod send;
mod withdraw;

pub use first::First;
pub use send::SentToRoom;
pub use withdraw::RoomMessageAt;

/// Whom a change of a room tells, and the request that asks for it.
pub struct Asked<T> {
    pub notify: Notify,
    pub remember: Option<Remember<T>>,
}

impl<T> From<Notify> for Asked<T> {
    fn from(notify: Notify) -> Self {
        Self { notify, remember: None }
    }
}

/// Somebody is let into a room.
#[derive(Clone, Debug)]
pub struct Entered {
    pub room: Room,
    pub role: RoomRole,
    pub card: RoomCard,
    pub membership: Membership,
    pub now_ms: u64,
}

impl Pipeline {
    /// Opens a room.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::UnknownAccount`] for the creator, [`Refusal::NoDelayedClosing`],
    /// [`Refusal::TooManyRooms`], [`Refusal::Store`].
    pub async fn create_room(
        &self,
        app: &App,
        command: CreateRoom,
        remember: Option<Remember<Room>>,
    ) -> Result<Room, Refusal> {
        check_enabled(app)?;
        decide::check_closing(app, command.closing)?;
        let creator = self.known(app, &command.creator).await?;
        let now_ms = self.clock.now_ms();
        let room = NewRoom {
            app: app.id,
            creator: creator.no,
            creator_id: creator.id,
            created_ms: now_ms,
            info: command.info,
            tells_presence: command.tells_presence,
            closing: command.closing.map(|it| it.from(now_ms)).unwrap_or_default(),
        };
        self.store.create_room(room, app.settings.rooms.rooms_max, remember).await.map_err(refusal)
    }

    /// The rooms, in the order of `nos`.
    ///
    /// # Errors
    /// As [`crate::port::RoomStore::rooms`].
    pub async fn rooms(&self, app: &App, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        self.store.rooms(app.id, nos).await
    }

    /// The room.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRoom`], [`Refusal::Store`].
    pub async fn room(&self, app: &App, no: RoomNo) -> Result<Room, Refusal> {
        self.store.rooms(app.id, &[no]).await?.pop().flatten().ok_or(Refusal::NoSuchRoom)
    }

    /// Changes a room and returns it as it is then. Where no operator is named it is the backend, which may.
    ///
    /// # Errors
    /// As [`decide::check_room_change`] and [`decide::may_change_room`]; [`Refusal::AppDisabled`], [`Refusal::NoSuchRoom`],
    /// [`Refusal::UnknownAccount`], [`Refusal::TooManyRooms`] for opening one, [`Refusal::Store`].
    pub async fn change_room(
        &self,
        app: &App,
        no: RoomNo,
        change: RoomChange,
        asked: impl Into<Asked<Room>>,
    ) -> Result<Room, Refusal> {
        check_enabled(app)?;
        let Asked { notify, remember } = asked.into();
        // One after the other: whether a room may be opened or closed is told by what the change before made of it.
        let _turn = self.turns.take(app.id, &format!("{}{no}", prefix::ROOM)).await;
        let room = self.room(app, no).await?;
        decide::check_room_change(app, &room, &change)?;
        if let Some(operator) = &notify.operator {
            let (account, membership) = self.member(app, room.key, operator).await?;
            decide::may_change_room(&room, (account.no, &membership), &change)?;
        }
        let now_ms = self.clock.now_ms();
        let notice = decide::room_change_event(&change).map(|event| notify.of(event, now_ms));
        let along = Along { now_ms, notice, remember };
        // Where the last one goes or the first one comes meanwhile, those who look for rooms that are to close find out.
        let change = if let RoomChange::SetClosing(CloseAfter { policy: ClosingPolicy::WhenEmpty, delay_s }) = change
            && self.live.head_count(room.key) > 0
        {
            RoomChange::SetClosingOnceEmpty { delay_s }
        } else {
            change
        };
        let rooms_max = app.settings.rooms.rooms_max;
        let changed = self.store.change_room(room.key, change, rooms_max, along).await.map_err(refusal)?;
        changed.ok_or(Refusal::NoSuchRoom)
    }

    /// Does something to a member of a room, or to an account that may become one, and returns what is kept of it then.
    ///
    /// # Errors
    /// As [`decide::act_on_member`]; [`Refusal::NotInRoom`] for who is to be told to go and is not there;
    /// [`Refusal::AppDisabled`], [`Refusal::NoSuchRoom`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn act_on_member(
        &self,
        app: &App,
        no: RoomNo,
        (target, action): (&AccountId, MemberAction),
        asked: impl Into<Asked<Membership>>,
    ) -> Result<(Account, Membership), Refusal> {
        check_enabled(app)?;
        let Asked { notify, remember } = asked.into();
        // One after the other: what an account may become is told by what the call before made of it.
        let _turn = self.turns.take(app.id, &format!("{}{no} {target}", prefix::ROOM_MEMBER)).await;
        let room = self.room(app, no).await?;
        let operator = match &notify.operator {
            Some(operator) => Some(self.member(app, room.key, operator).await?),
            None => None,
        };
        let (account, of_target) = self.member(app, room.key, target).await?;
        let now_ms = self.clock.now_ms();
        let as_operator = operator.as_ref().map(|(account, membership)| (account.no, membership));
        let (change, event) = decide::act_on_member(&room, as_operator, (&account, &of_target), action, now_ms)?;
        if action == MemberAction::Kick && self.live.present(room.key, Whom::These(vec![account.no])).await.is_empty() {
            return Err(Refusal::NotInRoom);
        }
        let along = Along { now_ms, notice: Some(notify.of(event, now_ms)), remember };
        let member = Member { room: room.key, account: account.no, id: account.id.clone() };
        let membership = self.store.change_membership(member, change, along).await?;
        Ok((account, membership))
    }

    /// Lets an account in.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRoom`], also where it is closed and where the account may not come in: whoever may not enter learns
    /// nothing of the room. [`Refusal::SenderBlocked`], as members would be told what it says of itself. [`Refusal::Store`].
    pub async fn enter_room(&self, app: &App, command: EnterRoom) -> Result<Entered, Refusal> {
        if command.is_anonymous {
            return self.enter_room_anonymously(app, command).await;
        }
        let account = self.store.account_by_no(command.account).await?.ok_or(Refusal::NoSuchRoom)?;
        if account.blocked {
            return Err(Refusal::SenderBlocked);
        }
        let room = self.room(app, command.room).await?;
        let membership = self.membership(room.key, account.no).await?;
        if !room.open || membership.blocked {
            return Err(Refusal::NoSuchRoom);
        }
        let now_ms = self.clock.now_ms();
        let card = command.card.over(&membership.card).over(&RoomCard::from(&account.profile));
        if membership.is_fixed() || room.creator == account.no {
            let member = Member { room: room.key, account: account.no, id: account.id.clone() };
            let entered = MembershipChange::NoteEntered(now_ms);
            self.store.change_membership(member, entered, Along::at(now_ms)).await?;
        }
        Ok(Entered { role: decide::role(&room, account.no, &membership), room, card, membership, now_ms })
    }

    /// How an account shows itself in a room where it says nothing of itself: as is kept of it there, and else as in its
    /// profile. `change` is kept from now on, of a member that stays one while it is away.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRoom`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn base_card(
        &self,
        app: &App,
        no: RoomNo,
        id: &AccountId,
        change: Option<RoomCardChange>,
    ) -> Result<RoomCard, Refusal> {
        let room = self.room(app, no).await?;
        let (account, mut membership) = self.member(app, room.key, id).await?;
        if let Some(change) = change.filter(|_| membership.is_fixed()) {
            let member = Member { room: room.key, account: account.no, id: account.id.clone() };
            let (change, now_ms) = (MembershipChange::SetCard(change), self.clock.now_ms());
            membership = self.store.change_membership(member, change, Along::at(now_ms)).await?;
        }
        Ok(membership.card.over(&RoomCard::from(&account.profile)))
    }

    /// Lets somebody in of whom nothing is known or kept.
    async fn enter_room_anonymously(&self, app: &App, command: EnterRoom) -> Result<Entered, Refusal> {
        let room = self.room(app, command.room).await?;
        if !room.open || !app.settings.rooms.anonymous_enabled {
            return Err(Refusal::NoSuchRoom);
        }
        let (membership, now_ms) = (Membership::default(), self.clock.now_ms());
        Ok(Entered { role: RoomRole::Anonymous, room, card: command.card, membership, now_ms })
    }

    /// A part of a room's history.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRoom`], [`Refusal::Store`].
    pub async fn room_history(
        &self,
        app: &App,
        no: RoomNo,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, Refusal> {
        let room = self.room(app, no).await?;
        Ok(self.store.room_history(room.key, span, limit).await?)
    }

    /// A part of a room's history, of messages of these kinds; of all where none is named.
    ///
    /// # Errors
    /// As [`Pipeline::room_history`].
    pub async fn room_history_of(
        &self,
        app: &App,
        no: RoomNo,
        (kinds, span): (&[Kind], RoomSpan),
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, Refusal> {
        if kinds.is_empty() {
            return self.room_history(app, no, span, limit).await;
        }
        let room = self.room(app, no).await?;
        Ok(self.store.room_history_of(room.key, kinds, span, limit).await?)
    }

    /// The account, which must exist, and what is kept of it in the room.
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn member(&self, app: &App, room: RoomKey, id: &AccountId) -> Result<(Account, Membership), Refusal> {
        let account = self.known(app, id).await?;
        let membership = self.membership(room, account.no).await?;
        Ok((account, membership))
    }

    async fn membership(&self, room: RoomKey, account: AccountNo) -> Result<Membership, StoreError> {
        Ok(self.store.memberships(room, &[account]).await?.pop().unwrap_or_default())
    }
}

fn refusal(error: OpenRoomError) -> Refusal {
    match error {
        OpenRoomError::TooMany => Refusal::TooManyRooms,
        OpenRoomError::Store(error) => Refusal::Store(error),
    }
}

impl Notify {
    fn of(self, event: RoomEvent, time_ms: u64) -> RoomNotice {
        let Self { operator, is_told, ext } = self;
        RoomNotice { event, time_ms, by: operator, is_told, ext }
    }
}
