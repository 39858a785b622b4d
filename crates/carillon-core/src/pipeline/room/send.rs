//! Messages to one room: read once, decided one by one, and committed together.

use std::collections::HashMap;
use std::sync::Arc;

use super::First;
use crate::command::{Resend, RoomSend};
use crate::decide::{self, Refusal, RoomFacts};
use crate::id::{AccountId, AccountNo, RoomNo};
use crate::model::{Account, App, Limit, Membership, Room, RoomCommitted, RoomKey, RoomMessage, RoomNews, RoomTo};
use crate::pipeline::Pipeline;
use crate::port::{Planned, Remember, RoomPlan, RoomSending, StoreError};

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
    sender: Option<Account>,
    membership: Membership,
    recipients: Vec<AccountNo>,
    now_ms: u64,
}

impl Seen {
    pub(super) fn facts<'a>(&'a self, app: &'a App) -> RoomFacts<'a> {
        let Self { room, sender, membership, recipients, now_ms } = self;
        RoomFacts { app, room: room.as_ref(), sender: sender.as_ref(), membership, recipients, now_ms: *now_ms }
    }
}

/// What becomes of one of several messages.
enum Slot {
    Done(Result<SentToRoom, Refusal>),
    /// The message at this place among those that are committed; whether an earlier one of the call is meant.
    Planned(usize, bool),
}

impl Pipeline {
    /// Sends a message to a room. One that was sent before, where the command says that it may have been, is answered with
    /// its first answer, and goes to the connections that have not had it.
    ///
    /// # Errors
    /// As [`decide::send_to_room`] and [`decide::over_high_rate`]; [`Refusal::NothingToResend`], [`Refusal::Store`].
    pub async fn send_to_room(&self, app: &App, command: RoomSend) -> Result<SentToRoom, Refusal> {
        let mut outcomes = self.send_several_to_room(app, vec![command], None).await?;
        outcomes.pop().expect("one message has one outcome")
    }

    /// Sends messages of one sender to the same members of one room, in one commit. Each has an outcome of its own. Where
    /// none is committed, nothing is remembered.
    ///
    /// # Errors
    /// As [`decide::send_to_room`], which holds for all of them; [`Refusal::Store`]. Nothing was sent then.
    pub async fn send_several_to_room(
        &self,
        app: &App,
        commands: Vec<RoomSend>,
        remember: Option<Remember<Vec<Result<SentToRoom, Refusal>>>>,
    ) -> Result<Vec<Result<SentToRoom, Refusal>>, Refusal> {
        let Some(one) = commands.first() else { return Ok(Vec::new()) };
        let seen = self.look(app, one.room, &one.sender, one.to.named()).await?;
        let facts = seen.facts(app);
        let (mut slots, mut planned) = (Vec::with_capacity(commands.len()), Vec::new());
        let mut places = HashMap::new();
        for command in commands {
            slots.push(self.plan(command, &facts, &mut places, &mut planned).await?);
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
        let RoomSending { room, sender, membership, recipients } = self.store.room_sending(key, sender, named).await?;
        let room = room.map(Arc::new);
        Ok(Seen { room, sender, membership, recipients, now_ms: self.clock.now_ms() })
    }

    /// Decides on one of a call's messages; `places` are those of its messages that may be meant by a repeat.
    async fn plan(
        &self,
        command: RoomSend,
        facts: &RoomFacts<'_>,
        places: &mut HashMap<String, usize>,
        planned: &mut Vec<Planned>,
    ) -> Result<Slot, Refusal> {
        let (resend, is_refused) = (command.resend, command.refused_if_too_frequent);
        let plan = decide::send_to_room(command, facts)?;
        let request = request(&plan);
        if resend != Resend::No {
            // Nobody can have missed what is handed out with this.
            if let Some(place) = places.get(&request) {
                return Ok(Slot::Planned(*place, true));
            }
            if let Some(first) = self.known_first(facts.app, &request).await? {
                self.repeat(plan, &first);
                return Ok(Slot::Done(Ok(SentToRoom { first, is_repeat: true })));
            }
            if resend == Resend::MustBeKnown {
                return Ok(Slot::Done(Err(Refusal::NothingToResend)));
            }
        }
        match self.at_high_rate(facts.app, plan, is_refused) {
            Err(refusal) => Ok(Slot::Done(Err(refusal))),
            Ok(plan) => {
                let remember = self.remember_first(facts.app, request.clone());
                places.insert(request, planned.len());
                planned.push((plan, Some(remember)));
                Ok(Slot::Planned(planned.len() - 1, false))
            }
        }
    }

    /// The first sending of a message, where it is remembered.
    pub(super) async fn known_first(&self, app: &App, request: &str) -> Result<Option<First>, Refusal> {
        let known = self.store.remembered(app.id, request, self.clock.now_ms()).await?;
        Ok(known.and_then(|it| First::decode(&it.answer)))
    }

    /// Has the first sending of a message remembered under its sender's id of it.
    pub(super) fn remember_first(&self, app: &App, request: String) -> Remember<RoomMessage> {
        let window_ms = app.settings.rooms.resend_window_s.saturating_mul(1_000);
        Remember {
            request,
            fingerprint: [0; 32],
            expires_ms: self.clock.now_ms().saturating_add(window_ms),
            answer: Box::new(|message: &RoomMessage| First::of(message).encode()),
        }
    }

    /// Takes a message of high priority out of the room's rate of them. That spares the room, so what is for a few named
    /// members is not charged to it: they would pay for it with what is for everybody.
    pub(super) fn at_high_rate(&self, app: &App, plan: RoomPlan, is_refused: bool) -> Result<RoomPlan, Refusal> {
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

    /// Hands a message out once more, to the connections that have not had it.
    pub(super) fn repeat(&self, plan: RoomPlan, first: &First) {
        let RoomPlan { room, mut message, .. } = plan;
        message.id = first.id;
        message.time_ms = first.time_ms;
        message.priority.high = first.high;
        message.abandoned = first.abandoned;
        let now_ms = self.clock.now_ms();
        let news = RoomNews::Repeat { message: Arc::new(message), first: first.id, first_ms: first.time_ms, now_ms };
        self.fanout.room(&Arc::new(RoomCommitted { room, news }));
    }
}

/// What a message is remembered by.
pub(super) fn request(plan: &RoomPlan) -> String {
    First::request(plan.message.room, plan.message.sender.no, &plan.message.client_id)
}

impl Slot {
    fn outcome(&self, committed: &[Arc<RoomMessage>]) -> Result<SentToRoom, Refusal> {
        match self {
            Self::Done(outcome) => outcome.clone(),
            Self::Planned(place, is_repeat) => {
                Ok(SentToRoom { first: First::of(&committed[*place]), is_repeat: *is_repeat })
            }
        }
    }
}
