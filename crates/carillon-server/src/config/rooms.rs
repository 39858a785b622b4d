//! `[apps.rooms]`: what can be set for an app's chat rooms. What is not given keeps its default.

use carillon_core::model::RoomSettings;
use carillon_core::room::FlowLimit;
use serde::{Deserialize, Serialize};

use super::app::DAY_S;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomsConfig {
    /// Rooms of the app that may be open at a time; 0 means any number.
    pub rooms_max: Option<u64>,
    /// How long a room's history keeps a message, in days.
    pub history_retention_days: Option<u64>,
    /// How long a message's id is known, for sending it again, in seconds.
    pub resend_window_s: Option<u64>,
    /// Whether a message that is said to be sent again, in a call for several, must have been sent before.
    pub resend_must_be_known: Option<bool>,
    /// Messages that a connection takes from one room in any second, those of high priority not counted; 0 means any number,
    /// and 2,000 is the most that is counted.
    pub normal_per_s: Option<u32>,
    /// Messages of high priority that a connection takes from one room in any second; 0 means any number, and 2,000 is the
    /// most that is counted.
    pub high_per_s: Option<u32>,
    /// Messages of high priority that a room takes in any second; 0 means any number.
    pub high_per_room_s: Option<u32>,
    /// Whether rooms may close by themselves.
    pub delayed_closing: Option<bool>,
    /// Whether members without a position get what is sent to a point.
    pub unplaced_get_placed: Option<bool>,
    /// Whether a point whose coordinates are all 0 is none.
    pub zero_is_no_point: Option<bool>,
    /// How long a member that lost its connection still counts as there, in seconds.
    pub grace_s: Option<u64>,
    /// Whether the app may speak to all of its rooms at once.
    pub broadcast_enabled: Option<bool>,
    /// For how long a member that left gets messages of high priority when it comes back, in seconds; 0 means never,
    /// and 600 is the most.
    pub high_return_s: Option<u64>,
    /// Members are told who comes and goes in rooms of up to so many accounts; 0 means in all.
    pub moves_told_max: Option<u32>,
    /// Of how many accounts that come or go a room tells its members in any second; 0 means of any number.
    pub moves_told_per_s: Option<u32>,
    /// Whether clients without an account may enter: with a token that says that they are anonymous.
    pub anonymous_enabled: Option<bool>,
}

impl RoomsConfig {
    /// The settings `usual` with those that are given in their place.
    pub fn settings_over(&self, usual: RoomSettings) -> RoomSettings {
        RoomSettings {
            rooms_max: self.rooms_max.unwrap_or(usual.rooms_max),
            history_retention_s: self
                .history_retention_days
                .map_or(usual.history_retention_s, |it| it.saturating_mul(DAY_S)),
            resend_window_s: self.resend_window_s.unwrap_or(usual.resend_window_s),
            resend_must_be_known: self.resend_must_be_known.unwrap_or(usual.resend_must_be_known),
            normal_per_s: self.normal_per_s.unwrap_or(usual.normal_per_s),
            high_per_s: self.high_per_s.unwrap_or(usual.high_per_s),
            high_per_room_s: self.high_per_room_s.unwrap_or(usual.high_per_room_s),
            delayed_closing: self.delayed_closing.unwrap_or(usual.delayed_closing),
            unplaced_get_placed: self.unplaced_get_placed.unwrap_or(usual.unplaced_get_placed),
            zero_is_no_point: self.zero_is_no_point.unwrap_or(usual.zero_is_no_point),
            grace_s: self.grace_s.unwrap_or(usual.grace_s),
            broadcast_enabled: self.broadcast_enabled.unwrap_or(usual.broadcast_enabled),
            high_return_s: self.high_return_s.unwrap_or(usual.high_return_s),
            moves_told_max: self.moves_told_max.unwrap_or(usual.moves_told_max),
            moves_told_per_s: self.moves_told_per_s.unwrap_or(usual.moves_told_per_s),
            anonymous_enabled: self.anonymous_enabled.unwrap_or(usual.anonymous_enabled),
        }
    }
}

/// Key and reason of what is wrong with the settings of an app's rooms.
pub(crate) fn rooms_problem(rooms: Option<&RoomsConfig>) -> Option<(&'static str, String)> {
    const MIN: u64 = RoomSettings::RESEND_WINDOW_S_MIN;
    const MAX: u64 = RoomSettings::HIGH_RETURN_S_MAX;
    const FLOW_MAX: u32 = FlowLimit::MAX as u32;
    let rooms = rooms?;
    if rooms.resend_window_s.is_some_and(|it| it < MIN) {
        return Some(("rooms.resend_window_s", format!("must be at least {MIN}")));
    }
    let flows = [("rooms.normal_per_s", rooms.normal_per_s), ("rooms.high_per_s", rooms.high_per_s)];
    // Above that nothing would be limited, which is not what was asked for.
    let too_much = flows.into_iter().find(|(_, it)| it.is_some_and(|it| it > FLOW_MAX));
    if let Some((key, _)) = too_much {
        return Some((key, format!("must be at most {FLOW_MAX}; 0 means any number")));
    }
    let is_long = rooms.high_return_s.is_some_and(|it| it > MAX);
    is_long.then(|| ("rooms.high_return_s", format!("must be at most {MAX}")))
}
