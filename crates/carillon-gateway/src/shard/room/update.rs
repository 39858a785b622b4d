//! What a member changes of itself while it is there: tags and position of the connection that says so, the card of the
//! account. What is not given stays.

use carillon_core::model::RoomKey;
use carillon_core::room::Tags;
use serde::Deserialize;

use super::people::Latest;
use super::subscribe::{Location, check_card, expression, reach};
use super::{Place, Rooms, Seat};
use crate::protocol::code::ErrorCode;
use crate::shard::{ConnId, Shard, State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::shard) struct Update {
    pub(in crate::shard) room: String,
    nick: Option<String>,
    avatar: Option<String>,
    ext: Option<String>,
    tags: Option<Vec<String>>,
    notify_target_tags: Option<String>,
    location: Option<Location>,
    distance: Option<f64>,
}

impl Shard {
    pub(in crate::shard) fn is_member(&self, id: ConnId, room: RoomKey) -> bool {
        self.with(id, |it| it.place_in(room).is_some()) == Some(true)
    }

    /// Where the messages of a connection go that do not say that themselves.
    pub(in crate::shard) fn own_target(&self, id: ConnId, room: RoomKey) -> Option<String> {
        let (place, tells) = self.with(id, |it| Some((it.place_in(room)?, it.seat(room)?.tells.clone())))??;
        let state = self.state.borrow();
        Some(state.rooms.by_key.get(&room)?.target(place, tells.as_deref())?.to_string())
    }

    pub(in crate::shard) fn update_member(&self, id: ConnId, room: RoomKey, update: Update) -> Result<(), ErrorCode> {
        let Update { room: _, nick, avatar, ext, tags, notify_target_tags, location, distance } = update;
        check_card(or_empty(&nick), or_empty(&avatar), or_empty(&ext))?;
        let tags = tags.map(|it| Tags::new(&it)).transpose().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let tells = notify_target_tags.map(|it| expression(&it)).transpose()?;
        let mut state = self.state.borrow_mut();
        let State { connections, rooms: Rooms { by_key, .. }, .. } = &mut *state;
        let connection = connections.get_mut(id.place).filter(|it| it.serial() == id.serial);
        let (account, device) = connection.as_ref().map(|it| (it.account, it.device.clone())).unzip();
        let seat = connection.and_then(|it| it.seat(room));
        let (Some(account), Some(Seat { place: Place::Member(place), tells: own, .. }), Some(live)) =
            (account, seat, by_key.get_mut(&room))
        else {
            return Err(ErrorCode::ROOM_NOT_FOUND);
        };
        let reach = reach(live.members.reach(*place), location, distance)?;
        let tags = tags.unwrap_or_else(|| live.members.tags(*place).clone());
        live.members.set_tags(*place, tags.clone());
        live.members.set_reach(*place, reach);
        if let Some(tells) = tells {
            *own = tells;
        }
        if let Some(person) = live.people.get_mut(account) {
            if let Some(device) = device.flatten() {
                person.remember(Latest { device, tags, reach, tells: own.clone() });
            }
            let card = &mut person.who.card;
            for (new, text) in [(nick, &mut card.nick), (avatar, &mut card.avatar), (ext, &mut card.ext)] {
                if let Some(new) = new {
                    *text = new;
                }
            }
        }
        Ok(())
    }
}

fn or_empty(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}
