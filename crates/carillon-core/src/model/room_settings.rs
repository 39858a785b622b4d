//! What can be set for an app's chat rooms.

/// Times are in seconds; of limits, 0 means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomSettings {
    /// Rooms of the app that may be open at a time.
    pub rooms_max: u64,
    /// How long a room's history keeps a message.
    pub history_retention_s: u64,
    /// How long a message's id is known, for sending it again: at least [`RoomSettings::RESEND_WINDOW_S_MIN`].
    pub resend_window_s: u64,
    /// Whether a message that is said to be sent again, in a call for several, must have been sent before.
    pub resend_must_be_known: bool,
    /// Messages that a connection takes from one room in any second, those of high priority not counted.
    pub normal_per_s: u32,
    /// Messages of high priority that a connection takes from one room in any second.
    pub high_per_s: u32,
    /// Messages of high priority that a room takes in any second; those above are usual ones.
    pub high_per_room_s: u32,
    /// Whether rooms may close by themselves.
    pub delayed_closing: bool,
    /// Whether members without a position get what is sent to a point.
    pub unplaced_get_placed: bool,
    /// Whether a point whose coordinates are all 0 is none.
    pub zero_is_no_point: bool,
    /// How long a member that lost its connection still counts as there.
    pub grace_s: u64,
    /// Whether the app may speak to all of its rooms at once.
    pub broadcast_enabled: bool,
    /// For how long a member that left gets messages of high priority when it comes back, where their senders want that: at
    /// most [`RoomSettings::HIGH_RETURN_S_MAX`].
    pub high_return_s: u64,
    /// In rooms with more accounts than this, members are not told who comes and goes.
    pub moves_told_max: u32,
    /// Of how many accounts that come or go a room tells its members in any second.
    pub moves_told_per_s: u32,
    /// Whether clients without an account may enter.
    pub anonymous_enabled: bool,
}

impl RoomSettings {
    pub const RESEND_WINDOW_S_MIN: u64 = 600;
    /// Whoever was away for longer reads the history.
    pub const HIGH_RETURN_S_MAX: u64 = 600;
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            rooms_max: 100_000,
            history_retention_s: 10 * 86_400,
            resend_window_s: 600,
            resend_must_be_known: true,
            normal_per_s: 20,
            high_per_s: 10,
            high_per_room_s: 10,
            delayed_closing: true,
            unplaced_get_placed: true,
            zero_is_no_point: true,
            grace_s: 10,
            broadcast_enabled: true,
            high_return_s: 30,
            // Each of so many is told of each of the others, so a room that fills has told a million times.
            moves_told_max: 1_000,
            // As messages: who enters may say as much of itself as is in one.
            moves_told_per_s: 20,
            anonymous_enabled: false,
        }
    }
}
