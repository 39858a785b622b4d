//! What a member changes of itself while it is there: tags and position of the connection that says so, the card of the
//! account. What is not given stays.

use carillon_core::AccountNo;
use carillon_core::command::RoomCardChange;
use carillon_core::model::{RoomCard, RoomKey};
use carillon_core::room::Tags;
use serde::Deserialize;

use super::people::Latest;
use super::subscribe::{Location, check_card, expression, reach};
use super::{Place, Rooms, Seat};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::member;
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
    #[serde(default, deserialize_with = "member")]
    location: Option<Location>,
    distance: Option<f64>,
    /// Whether a fixed member's nick, avatar and ext are kept for when it is away.
    #[serde(default)]
    save: bool,
}

impl Update {
    /// How the account is to show itself, where that changes, and whether this is to be kept.
    pub(in crate::shard) fn card(&self) -> Option<(RoomCardChange, bool)> {
        let Self { nick, avatar, ext, .. } = self;
        let change = RoomCardChange { nick: nick.clone(), avatar: avatar.clone(), ext: ext.clone() };
        (change != RoomCardChange::default()).then_some((change, self.save))
    }
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

    /// Changes all but how the account shows itself, which is looked at with the rest.
    pub(in crate::shard) fn update_member(&self, id: ConnId, room: RoomKey, update: Update) -> Result<(), ErrorCode> {
        let Update { nick, avatar, ext, tags, notify_target_tags, location, distance, .. } = update;
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
        if let (Some(person), Some(device)) = (live.people.get_mut(account), device.flatten()) {
            let latest = Latest { device, tags, reach, tells: own.clone() };
            let is_over = person.remember(latest, self.server.config.room_devices_remembered_max);
            self.server.metrics.rooms.forgotten_devices.inc_by(u64::from(is_over));
        }
        Ok(())
    }

    /// Changes how an account shows itself that is there; `base` speaks where it says nothing.
    pub(in crate::shard) fn show(&self, room: RoomKey, account: AccountNo, change: RoomCardChange, base: &RoomCard) {
        let mut state = self.state.borrow_mut();
        let live = state.rooms.by_key.get_mut(&room);
        let Some(person) = live.and_then(|it| it.people.get_mut(account)) else { return };
        let mut own = person.own.as_deref().cloned().unwrap_or_default();
        change.apply(&mut own);
        person.who.card = own.over(base);
        person.says(own);
        self.server.hub.rooms.show(room, account, person.own.as_ref());
    }
}

fn or_empty(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}
