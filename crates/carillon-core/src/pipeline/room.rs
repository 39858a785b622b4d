//! Chat rooms: opening and changing them, who may come in, and messages to them.

use std::sync::Arc;

use super::{Pipeline, check_enabled};
use crate::command::{CreateRoom, EnterRoom, MembershipChange, Notify, Resend, RoomChange, RoomRecipients, RoomSend};
use crate::decide::{self, MemberAction, Refusal, RoomFacts};
use crate::id::{AccountId, AccountNo, RoomNo};
use crate::model::{
    Account, App, Limit, Membership, NewRoom, Room, RoomCard, RoomCommitted, RoomEvent, RoomKey, RoomMessage, RoomNews,
    RoomNotice, RoomRole, RoomTo,
};
use crate::port::{
    CreateRoomError, Member, PageLimit, Remember, RoomMessageChange, RoomPlan, RoomSpan, StoreError, Whom,
};

mod first;

pub use first::First;

/// What became of a message to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentToRoom {
    pub first: First,
    /// Whether it had been sent before, and this was its first answer again.
    pub is_repeat: bool,
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
    pub async fn create_room(&self, app: &App, command: CreateRoom) -> Result<Room, Refusal> {
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
        self.store.create_room(room, app.settings.rooms.rooms_max).await.map_err(|error| match error {
            CreateRoomError::TooMany => Refusal::TooManyRooms,
            CreateRoomError::Store(error) => Refusal::Store(error),
        })
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
    /// [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn change_room(
        &self,
        app: &App,
        no: RoomNo,
        change: RoomChange,
        notify: Notify,
    ) -> Result<Room, Refusal> {
        check_enabled(app)?;
        let room = self.room(app, no).await?;
        decide::check_room_change(app, &room, &change)?;
        if let Some(operator) = &notify.operator {
            let (account, membership) = self.member(app, room.key, operator).await?;
            decide::may_change_room(&room, (account.no, &membership), &change)?;
        }
        let now_ms = self.clock.now_ms();
        let notice = decide::room_change_event(&change).map(|event| notify.of(event, now_ms));
        self.store.change_room(room.key, change, now_ms, notice).await?.ok_or(Refusal::NoSuchRoom)
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
        notify: Notify,
    ) -> Result<(Account, Membership), Refusal> {
        check_enabled(app)?;
        let room = self.room(app, no).await?;
        let operator = match &notify.operator {
            Some(operator) => Some(self.member(app, room.key, operator).await?),
            None => None,
        };
        let (account, of_target) = self.member(app, room.key, target).await?;
        let now_ms = self.clock.now_ms();
        let as_operator = operator.as_ref().map(|(account, membership)| (account.no, membership));
        let (change, event) = decide::act_on_member(&room, as_operator, (&account, &of_target), action, now_ms)?;
        let notice = notify.of(event, now_ms);
        let Some(change) = change else {
            if self.live.present(room.key, Whom::These(vec![account.no])).await.is_empty() {
                return Err(Refusal::NotInRoom);
            }
            self.fanout.room(&Arc::new(RoomCommitted { room: Arc::new(room), news: RoomNews::Notice(notice) }));
            return Ok((account, of_target));
        };
        let member = Member { room: room.key, account: account.no, id: account.id.clone() };
        let membership = self.store.change_membership(member, change, now_ms, Some(notice)).await?;
        Ok((account, membership))
    }

    /// Lets an account in.
    ///
    /// # Errors
    /// [`Refusal::NoSuchRoom`], also where it is closed and where the account may not come in: whoever may not enter learns
    /// nothing of the room. [`Refusal::Store`].
    pub async fn enter_room(&self, app: &App, command: EnterRoom) -> Result<Entered, Refusal> {
        let account = self.store.account_by_no(command.account).await?.ok_or(Refusal::NoSuchRoom)?;
        let room = self.room(app, command.room).await?;
        let membership = self.membership(room.key, account.no).await?;
        if !room.open || membership.blocked {
            return Err(Refusal::NoSuchRoom);
        }
        let now_ms = self.clock.now_ms();
        let card = command.card.over(&membership.card).over(&RoomCard::from(&account.profile));
        if membership.is_fixed() || room.creator == account.no {
            let member = Member { room: room.key, account: account.no, id: account.id.clone() };
            self.store.change_membership(member, MembershipChange::NoteEntered(now_ms), now_ms, None).await?;
        }
        Ok(Entered { role: decide::role(&room, account.no, &membership), room, card, membership, now_ms })
    }

    /// Sends a message to a room. One that was sent before, where the command says that it may have been, is answered with
    /// its first answer, and goes to the connections that have not had it.
    ///
    /// # Errors
    /// As [`decide::send_to_room`] and [`decide::over_high_rate`]; [`Refusal::NothingToResend`], [`Refusal::Store`].
    pub async fn send_to_room(&self, app: &App, command: RoomSend) -> Result<SentToRoom, Refusal> {
        let key = RoomKey { app: app.id, no: command.room };
        let room = self.store.rooms(app.id, &[command.room]).await?.pop().flatten().map(Arc::new);
        let sender = self.store.account(app.id, &command.sender).await?;
        let membership = match &sender {
            Some(sender) => self.membership(key, sender.no).await?,
            None => Membership::default(),
        };
        let recipients = match &command.to {
            RoomRecipients::Accounts(named) => {
                let facts = self.store.account_facts(app.id, named).await?;
                facts.into_iter().flatten().map(|it| it.no).collect()
            }
            RoomRecipients::Members { .. } => Vec::new(),
        };
        let (resend, refused) = (command.resend, command.refused_if_too_frequent);
        let now_ms = self.clock.now_ms();
        let facts = RoomFacts {
            app,
            room: room.as_ref(),
            sender: sender.as_ref(),
            membership: &membership,
            recipients: &recipients,
            now_ms,
        };
        let plan = decide::send_to_room(command, &facts)?;
        let request = First::request(key, plan.message.sender.no, &plan.message.client_id);
        if resend != Resend::No {
            let known = self.store.remembered(app.id, &request, now_ms).await?;
            if let Some(first) = known.and_then(|it| First::decode(&it.answer)) {
                self.repeat(plan, &first);
                return Ok(SentToRoom { first, is_repeat: true });
            }
            if resend == Resend::MustBeKnown {
                return Err(Refusal::NothingToResend);
            }
        }
        let plan = self.at_high_rate(app, plan, refused)?;
        let remember = Remember {
            request,
            fingerprint: [0; 32],
            expires_ms: now_ms.saturating_add(app.settings.rooms.resend_window_s.saturating_mul(1_000)),
            answer: Box::new(|message: &RoomMessage| First::of(message).encode()),
        };
        let committed = self.store.commit_room_message(plan, Some(remember)).await?;
        match &committed.news {
            RoomNews::Message(message) => Ok(SentToRoom { first: First::of(message), is_repeat: false }),
            RoomNews::Repeat { .. } | RoomNews::Notice(_) => unreachable!("a message was committed"),
        }
    }

    /// Takes a message of high priority out of the room's rate of them. That spares the room, so what is for a few named
    /// members is not charged to it: they would pay for it with what is for everybody.
    fn at_high_rate(&self, app: &App, plan: RoomPlan, is_refused: bool) -> Result<RoomPlan, Refusal> {
        let is_for_all = matches!(plan.message.to, RoomTo::Members { .. });
        if !plan.message.priority.high || !is_for_all {
            return Ok(plan);
        }
        let limit = match app.settings.rooms.high_per_room_s {
            0 => Limit::Unlimited,
            calls => Limit::Sliding { calls, window_ms: 1_000, shut_out_ms: 0 },
        };
        let now_ms = self.clock.monotonic_us() / 1_000;
        match self.high_rates.charge(plan.message.room, limit, now_ms) {
            Ok(()) => Ok(plan),
            Err(_) => decide::over_high_rate(plan, is_refused),
        }
    }

    fn repeat(&self, plan: RoomPlan, first: &First) {
        let RoomPlan { room, mut message, .. } = plan;
        message.id = first.id;
        message.time_ms = first.time_ms;
        message.priority.high = first.high;
        let news = RoomNews::Repeat { message: Arc::new(message), first: first.id, first_ms: first.time_ms };
        self.fanout.room(&Arc::new(RoomCommitted { room, news }));
    }

    /// Withdraws a message from a room's history and from those who have it; `false`, with nothing done, where it is not
    /// there.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::NoSuchRoom`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn withdraw_from_room(
        &self,
        app: &App,
        no: RoomNo,
        find: &RoomMessageAt,
        notify: Option<Notify>,
    ) -> Result<bool, Refusal> {
        check_enabled(app)?;
        let room = self.room(app, no).await?;
        let sender = self.known(app, &find.sender).await?;
        let Some(message) = self.find_in_room(room.key, sender.no, find).await? else { return Ok(false) };
        let notice = notify.map(|notify| {
            let event = RoomEvent::Recalled {
                message: message.id,
                client_id: message.client_id.clone(),
                sent_ms: message.time_ms,
                sender: sender.id,
            };
            notify.of(event, self.clock.now_ms())
        });
        Ok(self.store.change_room_message(room.key, message.id, RoomMessageChange::Remove, notice).await?)
    }

    async fn find_in_room(
        &self,
        room: RoomKey,
        sender: AccountNo,
        find: &RoomMessageAt,
    ) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        let span = RoomSpan { from_ms: find.time_ms, to_ms: find.time_ms, newest_first: false };
        let limit = PageLimit { entries: usize::MAX, bytes: usize::MAX };
        let of_that_time = self.store.room_history(room, span, limit).await?;
        let is_it = |it: &Arc<RoomMessage>| {
            it.sender.no == sender && find.client_id.as_ref().is_none_or(|client_id| *client_id == it.client_id)
        };
        Ok(of_that_time.into_iter().find(is_it))
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

/// Which message of a room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMessageAt {
    pub sender: AccountId,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
    /// Its sender's id of it; without one any message of that time is meant.
    pub client_id: Option<String>,
}

impl Notify {
    fn of(self, event: RoomEvent, time_ms: u64) -> RoomNotice {
        let Self { operator, is_told, ext } = self;
        RoomNotice { event, time_ms, by: operator, is_told, ext }
    }
}
