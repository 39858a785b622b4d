//! Messages to one room: read once, decided one by one, and committed together.

use std::collections::HashMap;
use std::sync::Arc;

use super::First;
use super::first::Kept;
use crate::command::{Resend, RoomSend};
use crate::decide::{self, Refusal, RoomFacts};
use crate::id::{AccountId, AccountNo, RoomNo};
use crate::model::{Account, App, Limit, Membership, Room, RoomCommitted, RoomKey, RoomMessage, RoomNews, RoomTo};
use crate::pipeline::{Pipeline, check_enabled};
use crate::port::{Planned, Remember, RoomPlan, RoomSending, StoreError};
use crate::prefix;
use crate::turns::Turn;

/// What became of a message to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentToRoom {
    pub first: First,
    /// Whether it had been sent before, and this was its first answer again.
    pub is_repeat: bool,
}

/// What was read, once for all messages of a call, and when.
pub(super) struct Seen {
    room: Option<Arc<Room>>,
    sender: Option<Arc<Account>>,
    membership: Membership,
    recipients: Vec<AccountNo>,
    now_ms: u64,
}

impl Seen {
    pub(super) fn facts<'a>(&'a self, app: &'a App) -> RoomFacts<'a> {
        let Self { room, sender, membership, recipients, now_ms } = self;
        RoomFacts { app, room: room.as_ref(), sender: sender.as_deref(), membership, recipients, now_ms: *now_ms }
    }
}

/// What becomes of one of several messages.
enum Slot {
    Done(Result<SentToRoom, Refusal>),
    /// The message at this place among those that are committed; whether an earlier one of the call is meant.
    Planned(usize, bool),
}

/// A call's messages on their way.
struct Call<'a> {
    facts: RoomFacts<'a>,
    /// Whether its sender may send, whatever it says.
    may: Result<(), Refusal>,
    planned: Vec<Planned>,
    /// Where among these the messages are that may be meant by a repeat.
    places: HashMap<String, usize>,
}

impl Pipeline {
    /// Sends a message to a room. One that was sent before, where the command says that it may have been, is answered with
    /// its first answer, whatever happened since. It goes to the connections that have not had it if it stands still, and
    /// if its sender may still send.
    ///
    /// # Errors
    /// As [`decide::send_to_room`] and [`decide::over_high_rate`]; [`Refusal::NothingToResend`],
    /// [`Refusal::ClientIdReused`], [`Refusal::Store`].
    pub async fn send_to_room(&self, app: &App, command: RoomSend) -> Result<SentToRoom, Refusal> {
        let mut outcomes = self.send_several_to_room(app, vec![command], None).await?;
        outcomes.pop().expect("one message has one outcome")
    }

    /// What a sender was answered for a message under this id, if it sent one; nothing is handed out. Where its first try
    /// still runs, this waits for it.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::ClientIdReused`], [`Refusal::Store`].
    pub async fn sent_to_room(
        &self,
        app: &App,
        no: RoomNo,
        (sender, sender_id): (AccountNo, &AccountId),
        (client_id, fingerprint): (&str, [u8; 32]),
    ) -> Result<Option<First>, Refusal> {
        check_enabled(app)?;
        let _turn = self.turns.take(app.id, &word(no, sender_id, client_id)).await;
        match self.kept(app, &Kept::key(no, sender, client_id)).await? {
            Some((kept, known)) if known == fingerprint => Ok(Some(kept.first)),
            Some(_) => Err(Refusal::ClientIdReused),
            None => Ok(None),
        }
    }

    /// Sends messages of one sender to the same members of one room, in one commit. Each has an outcome of its own. Where
    /// none is committed, nothing is remembered.
    ///
    /// # Errors
    /// As [`decide::may_send_to_room`], which holds for all of them, where none of them was sent before;
    /// [`Refusal::AppDisabled`], [`Refusal::Store`]. Nothing was sent then.
    pub async fn send_several_to_room(
        &self,
        app: &App,
        commands: Vec<RoomSend>,
        remember: Option<Remember<Vec<Result<SentToRoom, Refusal>>>>,
    ) -> Result<Vec<Result<SentToRoom, Refusal>>, Refusal> {
        check_enabled(app)?;
        let Some(one) = commands.first() else { return Ok(Vec::new()) };
        let _turns = self.turns_of(app, &commands).await;
        let seen = self.look(app, one.room, &one.sender, one.to.named()).await?;
        let facts = seen.facts(app);
        let may = decide::may_send_to_room(&one.sender, one.although_muted, &facts).map(drop);
        let mut call = Call { facts, may, planned: Vec::new(), places: HashMap::new() };
        let mut slots = Vec::with_capacity(commands.len());
        for command in commands {
            slots.push(self.plan(command, &mut call).await?);
        }
        let Call { may, planned, .. } = call;
        if !slots.iter().any(Slot::is_sent) {
            may?;
        }
        let outcomes = move |committed: &Vec<Arc<RoomMessage>>| -> Vec<Result<SentToRoom, Refusal>> {
            slots.iter().map(|slot| slot.outcome(committed)).collect()
        };
        if planned.is_empty() {
            return Ok(outcomes(&Vec::new()));
        }
        let outcomes = Arc::new(outcomes);
        let told = Arc::clone(&outcomes);
        let remember = remember.map(|it| it.told_by(move |committed| told(committed)));
        let committed = self.store.commit_room_messages(planned, remember).await?;
        Ok(outcomes(&committed))
    }

    /// Of tries to send the same message one runs at a time: those that wait find what it did.
    async fn turns_of(&self, app: &App, commands: &[RoomSend]) -> Vec<Turn<'_>> {
        let mut words: Vec<String> = commands.iter().map(|it| word(it.room, &it.sender, &it.client_id)).collect();
        // In one order, so that no two calls wait for each other.
        words.sort_unstable();
        words.dedup();
        let mut turns = Vec::with_capacity(words.len());
        for word in &words {
            turns.push(self.turns.take(app.id, word).await);
        }
        turns
    }

    /// Whether a sender may send to a room, whatever it says.
    ///
    /// # Errors
    /// As [`decide::may_send_to_room`]; [`Refusal::Store`].
    pub async fn may_send_to_room(
        &self,
        app: &App,
        room: RoomNo,
        sender: &AccountId,
        although_muted: bool,
    ) -> Result<(), Refusal> {
        let seen = self.look(app, room, sender, &[]).await?;
        decide::may_send_to_room(sender, although_muted, &seen.facts(app)).map(drop)
    }

    /// Reads what sending to a room is decided on.
    pub(super) async fn look(
        &self,
        app: &App,
        room: RoomNo,
        sender: &AccountId,
        named: &[AccountId],
    ) -> Result<Seen, StoreError> {
        let key = RoomKey { app: app.id, no: room };
        let RoomSending { room, sender, mut membership, recipients } =
            self.store.room_sending(key, sender, named).await?;
        // Who is there shows what it says of itself now.
        if let Some(card) = sender.as_ref().and_then(|it| self.live.card(key, it.no)) {
            membership.card = card.over(&membership.card);
        }
        Ok(Seen { room, sender, membership, recipients, now_ms: self.clock.now_ms() })
    }

    /// Decides on one of a call's messages.
    async fn plan(&self, command: RoomSend, call: &mut Call<'_>) -> Result<Slot, Refusal> {
        // Nobody else has sent anything.
        let Some(sender) = call.facts.sender else { return Ok(Slot::refused(Refusal::UnknownAccount(command.sender))) };
        let key = Kept::key(command.room, sender.no, &command.client_id);
        if command.resend != Resend::No {
            // Nobody can have missed what is handed out with this.
            if let Some(place) = call.places.get(&key) {
                let is_same = call.planned[*place].1.as_ref().is_some_and(|it| it.fingerprint == command.fingerprint);
                return Ok(if is_same { Slot::Planned(*place, true) } else { Slot::refused(Refusal::ClientIdReused) });
            }
            if let Some((kept, fingerprint)) = self.kept(call.facts.app, &key).await? {
                if fingerprint != command.fingerprint {
                    return Ok(Slot::refused(Refusal::ClientIdReused));
                }
                if let Ok(plan) = decide::send_to_room(command, &call.facts) {
                    self.hand_out_again(&kept, plan).await?;
                }
                return Ok(Slot::Done(Ok(SentToRoom { first: kept.first, is_repeat: true })));
            }
            if command.resend == Resend::MustBeKnown {
                return Ok(Slot::refused(Refusal::NothingToResend));
            }
        }
        let (is_refused, fingerprint) = (command.refused_if_too_frequent, command.fingerprint);
        let plan = decide::send_to_room(command, &call.facts);
        match plan.and_then(|plan| self.at_high_rate(call.facts.app, plan, is_refused)) {
            Err(refusal) => Ok(Slot::refused(refusal)),
            Ok(plan) => {
                let remember = self.remember_first(call.facts.app, key.clone(), fingerprint);
                call.places.insert(key, call.planned.len());
                call.planned.push((plan, Some(remember)));
                Ok(Slot::Planned(call.planned.len() - 1, false))
            }
        }
    }

    /// The first sending of a message, where it is remembered, and what tells a repeat of it from another message.
    pub(super) async fn kept(&self, app: &App, key: &str) -> Result<Option<(Kept, [u8; 32])>, StoreError> {
        let known = self.store.remembered(app.id, key, self.clock.now_ms()).await?;
        Ok(known.and_then(|it| Some((Kept::decode(&it.answer)?, it.fingerprint))))
    }

    /// Has the first sending of a message remembered under its sender's id of it.
    pub(super) fn remember_first(&self, app: &App, key: String, fingerprint: [u8; 32]) -> Remember<RoomMessage> {
        Remember {
            request: key,
            fingerprint,
            expires_ms: self.resend_until_ms(app),
            answer: Box::new(|message: &RoomMessage| Kept::of(message).encode()),
        }
    }

    /// Until when a message that is sent now may be sent again.
    pub(super) fn resend_until_ms(&self, app: &App) -> u64 {
        self.clock.now_ms().saturating_add(app.settings.rooms.resend_window_s.saturating_mul(1_000))
    }

    /// Takes a message of high priority out of the room's rate of them. That spares the room, so what is for a few named
    /// members is not charged to it: they would pay for it with what is for everybody.
    pub(super) fn at_high_rate(&self, app: &App, plan: RoomPlan, is_refused: bool) -> Result<RoomPlan, Refusal> {
        let is_for_all = matches!(plan.message.to, RoomTo::Members { .. });
        if !plan.message.priority.high || !is_for_all {
            return Ok(plan);
        }
        let calls = app.settings.rooms.high_per_room_s;
        let is_unlimited = calls == 0 || app.settings.limits.unlimited;
        let window = Limit::Sliding { calls, window_ms: 1_000, shut_out_ms: 0 };
        let limit = if is_unlimited { Limit::Unlimited } else { window };
        let now_ms = self.clock.monotonic_us() / 1_000;
        match self.high_rates.charge(plan.message.room, limit, now_ms) {
            Ok(()) => Ok(plan),
            Err(_) => {
                self.fanout.over_high_rate(is_refused);
                decide::over_high_rate(plan, is_refused)
            }
        }
    }

    /// Hands a message out once more, to the connections that have not had it: the first one, which `plan` is like, as long
    /// as it stands.
    pub(super) async fn hand_out_again(&self, kept: &Kept, plan: RoomPlan) -> Result<(), StoreError> {
        let RoomPlan { room, message, .. } = plan;
        if kept.is_withdrawn {
            return Ok(());
        }
        let message = if kept.in_history {
            let Some(message) = self.store.room_message(room.key, kept.first.id).await? else { return Ok(()) };
            message
        } else {
            Arc::new(kept.over(message))
        };
        let First { id: first, time_ms: first_ms, .. } = kept.first;
        let news = RoomNews::Repeat { message, first, first_ms, now_ms: self.clock.now_ms() };
        self.fanout.room(&Arc::new(RoomCommitted { room, news }));
        Ok(())
    }
}

/// Whose turn it is that sends a message to a room, or takes it back.
pub(super) fn word(room: RoomNo, sender: &AccountId, client_id: &str) -> String {
    format!("{}{room} {sender} {client_id}", prefix::ROOM_MESSAGE)
}

impl Slot {
    fn refused(refusal: Refusal) -> Self {
        Self::Done(Err(refusal))
    }

    /// Whether the message is sent, now or before.
    fn is_sent(&self) -> bool {
        !matches!(self, Self::Done(Err(_)))
    }

    fn outcome(&self, committed: &[Arc<RoomMessage>]) -> Result<SentToRoom, Refusal> {
        match self {
            Self::Done(outcome) => outcome.clone(),
            Self::Planned(place, is_repeat) => {
                Ok(SentToRoom { first: First::of(&committed[*place]), is_repeat: *is_repeat })
            }
        }
    }
}
