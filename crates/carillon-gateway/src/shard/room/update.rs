//! What a member changes of itself while it is there: tags and position of the connection that says so, the card of the
//! account. What is not given stays.

use carillon_core::AccountNo;
use carillon_core::model::RoomKey;
use carillon_core::room::{Expression, Tags};
use serde::Deserialize;

use super::people::Latest;
use super::subscribe::{Location, check_card, expression, reach};
use super::{Room, Rooms};
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

    /// Where the messages of an account go that says nothing of that itself.
    pub(in crate::shard) fn own_target(&self, room: RoomKey, account: AccountNo) -> Option<String> {
        let state = self.state.borrow();
        Some(state.rooms.by_key.get(&room)?.people.get(account)?.tells.as_ref()?.to_string())
    }

    pub(in crate::shard) fn update_member(&self, id: ConnId, room: RoomKey, update: Update) -> Result<(), ErrorCode> {
        let Update { room: _, nick, avatar, ext, tags, notify_target_tags, location, distance } = update;
        check_card(or_empty(&nick), or_empty(&avatar), or_empty(&ext))?;
        let reach = reach(location, distance)?;
        let tags = tags.map(|it| Tags::new(&it)).transpose().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let tells = expression(or_empty(&notify_target_tags))?;
        let mut state = self.state.borrow_mut();
        let State { connections, rooms: Rooms { by_key, .. }, .. } = &mut *state;
        let connection = connections.get_mut(id.place).filter(|it| it.serial() == id.serial);
        let (account, device) = connection.as_ref().map(|it| (it.account, it.device.clone())).unzip();
        let place = connection.and_then(|it| it.place_in(room));
        let (Some(account), Some(place), Some(live)) = (account, place, by_key.get_mut(&room)) else {
            return Err(ErrorCode::ROOM_NOT_FOUND);
        };
        let from_tags = |live: &Room| Expression::of_all(live.members.tags(place));
        let before = from_tags(live);
        if let Some(tags) = tags {
            live.members.set_tags(place, tags);
        }
        let after = from_tags(live);
        if reach.is_some() {
            live.members.set_reach(place, reach);
        }
        let (tags, reach) = (live.members.tags(place).clone(), live.members.reach(place));
        if let Some(person) = live.people.get_mut(account) {
            if let Some(device) = device.flatten() {
                person.remember(Latest { device, tags, reach });
            }
            let card = &mut person.who.card;
            for (new, text) in [(nick, &mut card.nick), (avatar, &mut card.avatar), (ext, &mut card.ext)] {
                if let Some(new) = new {
                    *text = new;
                }
            }
            if tells.is_some() {
                person.tells = tells;
            } else if person.tells == before {
                // It named its tags only, and these are others now.
                person.tells = after;
            }
        }
        Ok(())
    }
}

fn or_empty(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}
