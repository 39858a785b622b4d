//! Messages to all open rooms of an app: one for each room in which somebody is, for they are in no history.

use std::sync::Arc;

use bytes::Bytes;

use super::First;
use super::send::request;
use crate::command::{Resend, RoomSend};
use crate::decide::{self, Refusal, RoomFacts};
use crate::id::{AccountId, MessageId, RoomNo};
use crate::model::{Account, App, Membership, Room, RoomMessage};
use crate::pipeline::{Pipeline, check_enabled};
use crate::port::{Planned, Remember};

/// Room numbers that are looked up at a time.
const PAGE: usize = 1_000;

impl Pipeline {
    /// Sends to all open rooms of the app what `command` says to each of them. Each room remembers it by itself, so that a
    /// repeat goes to whoever has not had it, also where the first call ended half way.
    ///
    /// The rooms are written page by page, and the request is remembered with the last one: once all is done. That it has
    /// begun is remembered with each of the others; so where it broke off, the call that is made again repeats it where it was.
    ///
    /// # Errors
    /// As [`decide::broadcast_to_room`]; [`Refusal::Store`], after which some rooms may have been told.
    pub async fn broadcast_to_rooms(
        &self,
        app: &App,
        sender: &AccountId,
        command: impl Fn(RoomNo) -> RoomSend + Send,
        remember: Option<Remember<First>>,
    ) -> Result<First, Refusal> {
        check_enabled(app)?;
        let sender = self.known(app, sender).await?;
        let now_ms = self.clock.now_ms();
        decide::may_broadcast_to_rooms(app, &sender, now_ms)?;
        let begun = remember.as_ref().map(Begun::of);
        let is_again = match &begun {
            Some(begun) => self.store.remembered(app.id, &begun.request, now_ms).await?.is_some(),
            None => false,
        };
        let (mut told, mut after) = (Told { app, sender: &sender, now_ms, is_again, first: None }, Some(0));
        let mut last: Vec<Planned> = Vec::new();
        while let Some(from) = after {
            let (rooms, next) = self.store.open_rooms(app.id, from, PAGE).await?;
            let mut page = Vec::new();
            for room in rooms.into_iter().filter(|room| self.live.is_awaited_in(room.key)) {
                let command = command(room.key.no);
                page.extend(self.plan_in_room(&mut told, Arc::new(room), command).await?);
            }
            // A page waits until it is known whether it is the last one.
            if !page.is_empty() && !last.is_empty() {
                let begun = begun.as_ref().map(Begun::remember);
                let committed = self.store.commit_room_messages(std::mem::replace(&mut last, page), begun).await?;
                told.first.get_or_insert_with(|| First::of(&committed[0]));
            } else if !page.is_empty() {
                last = page;
            }
            after = next;
        }
        if last.is_empty() {
            return Ok(told.first.unwrap_or_else(|| First::of_nobody(&sender, told.now_ms)));
        }
        let known = told.first;
        let answer = move |committed: &[Arc<RoomMessage>]| known.clone().unwrap_or_else(|| First::of(&committed[0]));
        let answer = Arc::new(answer);
        let words = Arc::clone(&answer);
        let remember = remember.map(|it| it.told_by(move |committed: &Vec<Arc<RoomMessage>>| words(committed)));
        Ok(answer(&self.store.commit_room_messages(last, remember).await?))
    }

    /// What is to be written for one room; `None` where it had the message before, and it was repeated there.
    async fn plan_in_room(
        &self,
        told: &mut Told<'_>,
        room: Arc<Room>,
        command: RoomSend,
    ) -> Result<Option<Planned>, Refusal> {
        let is_new = command.resend == Resend::No && !told.is_again;
        let facts = RoomFacts {
            app: told.app,
            room: Some(&room),
            sender: Some(told.sender),
            membership: &Membership::default(),
            recipients: &[],
            now_ms: told.now_ms,
        };
        let plan = decide::broadcast_to_room(command, &room, &facts)?;
        let request = request(&plan);
        if !is_new && let Some(first) = self.known_first(told.app, &request).await? {
            self.repeat(plan, &first);
            told.first.get_or_insert(first);
            return Ok(None);
        }
        let plan = self.at_high_rate(told.app, plan, false)?;
        let remember = self.remember_first(told.app, request);
        Ok(Some((plan, Some(remember))))
    }
}

/// A broadcast on its way through the rooms.
struct Told<'a> {
    app: &'a App,
    sender: &'a Account,
    now_ms: u64,
    /// Whether the same call was made before, and did not come to its end.
    is_again: bool,
    /// What the caller was told the first time, where a room knows it.
    first: Option<First>,
}

/// That a call has begun.
struct Begun {
    request: String,
    fingerprint: [u8; 32],
    expires_ms: u64,
}

impl Begun {
    fn of(whole: &Remember<First>) -> Self {
        let request = format!("begun {}", whole.request);
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
