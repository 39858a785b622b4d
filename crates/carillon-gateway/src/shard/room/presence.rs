//! Who is in a room, told to whoever asks: from memory. Members may ask; for others there is no such room.

use std::rc::Rc;

use carillon_core::model::RoomKey;
use carillon_core::port::{LiveRooms as _, MemberSpan, Which, Whom};

use super::subscribe::room_of;
use crate::format;
use crate::login::visitor::is_visitor;
use crate::mailbox::RoomAsk;
use crate::protocol::Reply;
use crate::protocol::code::ErrorCode;
use crate::protocol::reply::{ClientInfo, PresenceResult};
use crate::shard::query::Failed;
use crate::shard::rpc::fitting;
use crate::shard::{ConnId, Shard};

/// Behind a visitor's name, and a space, which names do not have.
const VISITOR: &str = "(anonymous)";

/// The most accounts that one answer names.
const PRESENCE_MAX: usize = 200;

impl Shard {
    /// Whoever had to go before this was asked is not there.
    pub(in crate::shard) fn tell_present(self: &Rc<Self>, ask: RoomAsk) {
        if self.is_unfinished(ask.room) {
            let this = self.clone();
            tokio::task::spawn_local(async move {
                this.finished(ask.room, this.patient_until_us()).await;
                this.answer_present(ask);
            });
        } else {
            self.answer_present(ask);
        }
    }

    fn answer_present(&self, ask: RoomAsk) {
        let state = self.state.borrow();
        let present = state.rooms.by_key.get(&ask.room).map(|live| live.people.who(&ask.whom));
        // Whoever asked may have gone.
        let _ = ask.answer.send(present.unwrap_or_default());
    }

    /// The room that the channel names, if the connection is in it.
    pub(in crate::shard) fn own_room(&self, id: ConnId, channel: &str) -> Option<RoomKey> {
        self.with(id, |it| {
            let room = room_of(channel, it.app())?;
            it.place_in(room).map(|_| room)
        })?
    }

    /// The accounts in a room, under their names: what a client calls a connection is not told of others. A visitor may have
    /// the name of an account, so it is under what no name can be.
    pub(in crate::shard) async fn presence(&self, id: ConnId, command: u32, channel: &str) -> Result<Reply, Failed> {
        let room = self.own_room(id, channel).ok_or(ErrorCode::UNKNOWN_CHANNEL)?;
        let whom = Whom::Latest { which: Which::All, span: MemberSpan::ALL, limit: PRESENCE_MAX + 1 };
        let present = self.server.hub.present(room, whom).await;
        if present.len() > PRESENCE_MAX {
            return Err(ErrorCode::LIMIT_EXCEEDED.into());
        }
        let members: Vec<_> = present.iter().map(format::room_member).collect();
        // There are no pages, and who is there comes before what they say of themselves.
        let fits = fitting(self, members.iter().map(Vec::len));
        let members = members.into_iter().take(fits).chain(std::iter::repeat_with(Vec::new));
        let info = |(it, chan_info): (&carillon_core::port::Present, Vec<u8>)| {
            let name = it.id.to_string();
            let key = if is_visitor(it.account) { format!("{name} {VISITOR}") } else { name.clone() };
            (key.clone(), ClientInfo { user: name, client: key, chan_info })
        };
        let presence = PresenceResult { presence: present.iter().zip(members).map(info).collect() };
        Ok(Reply { presence: Some(presence), ..Reply::to(command) })
    }
}
