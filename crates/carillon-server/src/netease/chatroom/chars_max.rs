//! The longest texts of a room, in characters: this vendor's numbers.

pub(super) const NAME: usize = 128;
pub(super) const ANNOUNCEMENT: usize = 4_096;
pub(super) const LIVE_URL: usize = 1_024;
pub(super) const EXT: usize = 4_096;
/// Ours: the vendor tells none.
pub(super) const MODERATION: usize = 256;
pub(super) const NOTIFY_EXT: usize = 2_048;
