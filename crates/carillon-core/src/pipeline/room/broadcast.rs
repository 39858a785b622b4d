//! Messages to all open rooms of an app: one for each room in which somebody is, for they are in no history.

use std::sync::Arc;

use bytes::Bytes;

use super::First;
use super::first::Kept;
use crate::command::{Resend, RoomSend};
use crate::decide::{self, Refusal, RoomFacts};
use crate::id::MessageId;
use crate::model::{Account, App, Membership, Operation, Room, RoomMessage};
use crate::pipeline::{Pipeline, check_enabled};
use crate::port::{Planned, Remember};
use crate::prefix;

/// Rooms that are looked up at a time.
const PAGE: usize = 1_000;

impl Pipeline {
    /// Sends a message to all open rooms of the app; the room that it names does not matter. Each room remembers it by
    /// itself, so that a repeat goes to whoever has not had it, also where the first call ended half way. Of broadcasts with
    /// the same id one runs at a time.
    ///
    /// The rooms are written page by page, and the request is remembered with the last one: once all is done. That it has
    /// begun is remembered with each of the others; so where it broke off, the call that is made again repeats it where it was.
    ///
    /// # Errors
    /// As [`decide::broadcast_to_room`], where it was not sent before; [`Refusal::AppDisabled`],
    /// [`Refusal::UnknownAccount`], [`Refusal::ClientIdReused`], [`Refusal::RequestReused`] under the id of one that broke off;
    /// [`Refusal::Store`], after which some rooms may have been told.
    pub async fn broadcast_to_rooms(
        &self,
        app: &App,
        message: RoomSend,
        remember: Option<Remember<First>>,
    ) -> Result<First, Refusal> {
        check_enabled(app)?;
        let sender = match self.known(app, &message.sender).await {
            // Nobody may, whoever it is.
            Err(Refusal::UnknownAccount(_)) if !app.settings.rooms.broadcast_enabled => {
                return Err(Refusal::SwitchedOff(Operation::BroadcastToRooms));
            }
            known => known?,
        };
        let key = Kept::key_of_broadcast(sender.no, &message.client_id);
        let _turn = self.turns.take(app.id, &key).await;
        let now_ms = self.clock.now_ms();
        let begun = remember.as_ref().map(Begun::of);
        let broken_off = match &begun {
            Some(begun) => self.store.remembered(app.id, &begun.request, now_ms).await?,
            None => None,
        };
        let is_again = broken_off.is_some();
        if broken_off.zip(begun.as_ref()).is_some_and(|(before, it)| before.fingerprint != it.fingerprint) {
            return Err(Refusal::RequestReused);
        }
        let is_new = message.resend == Resend::No && !is_again;
        let before = if is_new { None } else { self.kept(app, &key).await? };
        if before.as_ref().is_some_and(|(_, fingerprint)| *fingerprint != message.fingerprint) {
            return Err(Refusal::ClientIdReused);
        }
        let before = before.map(|(kept, _)| kept);
        if let Err(refusal) = decide::may_broadcast_to_rooms(app, &sender, now_ms) {
            return before.map(|it| it.first).ok_or(refusal);
        }
        let first = before.as_ref().map(|it| it.first.clone());
        let key = if before.is_none() { Some(key) } else { None };
        let until_ms = begun.as_ref().map_or(0, |it| it.expires_ms);
        let mut told = Told { app, sender: &sender, message, now_ms, is_new, until_ms, before, key, first };
        let (mut after, mut last) = (0, Vec::<Planned>::new());
        loop {
            // An app has many rooms that were closed long ago: only those are looked up in which somebody is.
            let awaited = self.live.awaited_in(app.id, after, PAGE);
            let Some(end) = awaited.last() else { break };
            after = end.get();
            let rooms = self.store.rooms(app.id, &awaited).await?;
            let mut page = Vec::new();
            for room in rooms.into_iter().flatten().filter(|room| room.open) {
                page.extend(self.plan_in_room(&mut told, Arc::new(room)).await?);
            }
            // A page waits until it is known whether it is the last one.
            if !page.is_empty() && !last.is_empty() {
                let begun = begun.as_ref().map(Begun::remember);
                let committed = self.store.commit_room_messages(std::mem::replace(&mut last, page), begun).await?;
                told.first.get_or_insert_with(|| First::of(&committed[0]));
            } else if !page.is_empty() {
                last = page;
            }
        }
        if last.is_empty() {
            return Ok(told.first.unwrap_or_else(|| First::of_nobody(&sender, now_ms)));
        }
        let known = told.first;
        let answer = move |committed: &[Arc<RoomMessage>]| known.clone().unwrap_or_else(|| First::of(&committed[0]));
        let answer = Arc::new(answer);
        let words = Arc::clone(&answer);
        let remember = remember.map(|it| it.told_by(move |committed: &Vec<Arc<RoomMessage>>| words(committed)));
        Ok(answer(&self.store.commit_room_messages(last, remember).await?))
    }

    /// What is to be written for one room; `None` where it had the message before, and it was repeated there.
    async fn plan_in_room(&self, told: &mut Told<'_>, room: Arc<Room>) -> Result<Option<Planned>, Refusal> {
        let Told { app, sender, .. } = *told;
        let command = RoomSend { room: room.key.no, ..told.message.clone() };
        let (key, fingerprint) = (told.key_in(&room), command.fingerprint);
        let facts = RoomFacts {
            app,
            room: Some(&room),
            sender: Some(sender),
            membership: &Membership::default(),
            recipients: &[],
            now_ms: told.now_ms,
        };
        let plan = decide::broadcast_to_room(command, &room, &facts)?;
        let before = if told.is_new { None } else { self.kept(app, &key).await? };
        // Of another message with the same id, this room may have been the only one to hear.
        if let Some((kept, _)) = before.filter(|(_, before)| *before == fingerprint) {
            self.hand_out_again(&kept, plan).await?;
            told.first.get_or_insert(kept.first);
            return Ok(None);
        }
        let plan = self.at_high_rate(app, plan, false)?;
        let key = told.key.take().unwrap_or(key);
        let mut remember = self.remember_first(app, key, fingerprint);
        // As long as the whole can be asked for again, each room knows whether it had its part.
        remember.expires_ms = remember.expires_ms.max(told.until_ms);
        Ok(Some((plan, Some(remember))))
    }
}

/// A broadcast on its way through the rooms.
struct Told<'a> {
    app: &'a App,
    sender: &'a Account,
    message: RoomSend,
    now_ms: u64,
    /// Whether it is another message than those before, whatever their ids.
    is_new: bool,
    /// How long it can be asked for again under its request.
    until_ms: u64,
    /// What is remembered of the first time.
    before: Option<Kept>,
    /// By what the next room remembers it that is written: the first of them, for all.
    key: Option<String>,
    /// What the caller was told the first time, where a room knows it.
    first: Option<First>,
}

impl Told<'_> {
    /// By what this room remembers the first time.
    fn key_in(&self, room: &Room) -> String {
        let (no, client_id) = (room.key.no, &self.message.client_id);
        if self.before.as_ref().is_some_and(|it| it.room == no) {
            Kept::key_of_broadcast(self.sender.no, client_id)
        } else {
            Kept::key_of_broadcast_in(no, self.sender.no, client_id)
        }
    }
}

/// That a call has begun.
struct Begun {
    request: String,
    fingerprint: [u8; 32],
    expires_ms: u64,
}

impl Begun {
    fn of(whole: &Remember<First>) -> Self {
        let request = format!("{}{}", prefix::ROOM_BROADCAST_BEGUN, whole.request);
        Self { request, fingerprint: whole.fingerprint, expires_ms: whole.expires_ms }
    }

    fn remember<T>(&self) -> Remember<T> {
        let Self { request, fingerprint, expires_ms } = self;
        let (fingerprint, expires_ms) = (*fingerprint, *expires_ms);
        Remember { request: request.clone(), fingerprint, expires_ms, answer: Box::new(|_: &T| Bytes::new()) }
    }
}

impl First {
    /// Of a message that there was nobody to hear.
    fn of_nobody(sender: &Account, time_ms: u64) -> Self {
        let (nick, avatar) = (sender.profile.name.clone(), sender.profile.icon.clone());
        Self { id: MessageId(0), time_ms, high: false, abandoned: false, nick, avatar }
    }
}
