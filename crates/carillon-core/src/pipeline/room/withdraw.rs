//! Taking a message back: out of a room's history, and from those who have it. What is in no history can be found for as long
//! as its first sending is remembered; that it is withdrawn is remembered there, so that no repeat brings it back.

use std::sync::Arc;

use bytes::Bytes;

use super::first::Kept;
use super::{Asked, send};
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, MessageId, RoomNo};
use crate::model::{Account, App, RoomEvent, RoomKey, RoomMessage, RoomTo};
use crate::pipeline::{Pipeline, check_enabled};
use crate::port::{Along, PageLimit, Remember, RoomMessageChange, RoomSpan, StoreError};

/// Which message to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMessageAt {
    pub sender: AccountId,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
    /// Its sender's id of it; without one any message of that time in the history is meant.
    pub client_id: Option<String>,
}

impl Pipeline {
    /// Withdraws a message from a room's history and, where they are told, from those who have it; `false`, with nothing done,
    /// where it is neither there nor remembered. Of a message to all rooms, this room's is withdrawn. What is in the history
    /// has its sender's name, who may be gone; what is not is remembered of accounts that there are.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::NoSuchRoom`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn withdraw_from_room(
        &self,
        app: &App,
        no: RoomNo,
        find: &RoomMessageAt,
        asked: impl Into<Asked<()>>,
    ) -> Result<bool, Refusal> {
        check_enabled(app)?;
        let asked = asked.into();
        let room = self.room(app, no).await?;
        let Some(message) = self.find_in_room(room.key, find).await? else {
            let sender = self.known(app, &find.sender).await?;
            return self.withdraw_passing(app, (room.key, &sender), find, asked).await;
        };
        // Else it might be handed out again after it was taken back.
        let _turn = self.turns.take(app.id, &send::word(no, &find.sender, &message.client_id)).await;
        // The history is everybody's, whomever the message was for.
        let what = (message.id, message.client_id.clone(), message.time_ms);
        let along = self.recalled(what, (find.sender.clone(), None), asked);
        Ok(self.store.change_room_message(room.key, message.id, RoomMessageChange::Remove, along).await?)
    }

    async fn find_in_room(&self, room: RoomKey, find: &RoomMessageAt) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        let span = RoomSpan { from_ms: find.time_ms, to_ms: find.time_ms, newest_first: false, past: None };
        let limit = PageLimit { entries: usize::MAX, bytes: usize::MAX };
        let of_that_time = self.store.room_history(room, span, limit).await?;
        let is_it = |it: &Arc<RoomMessage>| {
            it.sender.account == find.sender
                && find.client_id.as_ref().is_none_or(|client_id| *client_id == it.client_id)
        };
        Ok(of_that_time.into_iter().find(is_it))
    }

    /// Withdraws what is in no history.
    async fn withdraw_passing(
        &self,
        app: &App,
        (room, sender): (RoomKey, &Account),
        find: &RoomMessageAt,
        asked: Asked<()>,
    ) -> Result<bool, Refusal> {
        let Some(client_id) = &find.client_id else { return Ok(false) };
        let of_broadcast = Kept::key_of_broadcast(sender.no, client_id);
        // Those of who sends it again: to this room, and then to all.
        let _turn = self.turns.take(app.id, &send::word(room.no, &sender.id, client_id)).await;
        let _turn_of_all = self.turns.take(app.id, &of_broadcast).await;
        let in_room = Kept::key_of_broadcast_in(room.no, sender.no, client_id);
        for key in [Kept::key(room.no, sender.no, client_id), in_room, of_broadcast] {
            let Some((kept, fingerprint)) = self.kept(app, &key).await? else { continue };
            let is_it = kept.room == room.no && kept.first.time_ms == find.time_ms;
            if !is_it || kept.in_history || kept.is_withdrawn {
                continue;
            }
            let only = match &kept.to {
                RoomTo::Members { .. } => None,
                RoomTo::Accounts(accounts) => Some(accounts.clone()),
            };
            let (what, is_told) = ((kept.first.id, client_id.clone(), find.time_ms), !kept.first.abandoned);
            let mut along = self.recalled(what, (sender.id.clone(), only), asked);
            // What reached nobody cannot be missed.
            along.notice.iter_mut().for_each(|it| it.is_told &= is_told);
            let withdrawn = kept.withdrawn().encode();
            let answer = Box::new(move |_: &()| -> Bytes { withdrawn.clone() });
            let noted = Remember { request: key, fingerprint, expires_ms: self.resend_until_ms(app), answer };
            return Ok(self.store.note_in_room(room, noted, along).await?);
        }
        Ok(false)
    }

    /// What goes with withdrawing a message: where nobody is told, too, as it is not to be handed to members that come back.
    fn recalled(
        &self,
        (message, client_id, sent_ms): (MessageId, String, u64),
        (sender, only): (AccountId, Option<Vec<AccountNo>>),
        Asked { notify, remember }: Asked<()>,
    ) -> Along<()> {
        let now_ms = self.clock.now_ms();
        let event = RoomEvent::Recalled { message, client_id, sent_ms, sender, only };
        Along { now_ms, notice: Some(notify.of(event, now_ms)), remember }
    }
}
