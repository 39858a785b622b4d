//! What may be changed of a room, by whom, and what its members are told.

use super::room_member::acting_role;
use crate::command::{CloseAfter, RoomChange};
use crate::decide::Refusal;
use crate::id::AccountNo;
use crate::model::{App, ClosingPolicy, Membership, Room, RoomEvent, RoomRole};

/// Whether the room can be changed so, whoever asks for it.
///
/// # Errors
/// [`Refusal::RoomIsSo`] for opening what is open and closing what is closed; as [`check_closing`].
pub fn check_room_change(app: &App, room: &Room, change: &RoomChange) -> Result<(), Refusal> {
    match change {
        RoomChange::SetOpen { open, closing } => {
            check_closing(app, *closing)?;
            if room.open == *open { Err(Refusal::RoomIsSo) } else { Ok(()) }
        }
        RoomChange::SetClosing(closing) => check_closing(app, Some(*closing)),
        RoomChange::SetClosingOnceEmpty { delay_s } => {
            check_closing(app, Some(CloseAfter { policy: ClosingPolicy::WhenEmpty, delay_s: *delay_s }))
        }
        RoomChange::SetInfo(_)
        | RoomChange::SetMuted(_)
        | RoomChange::SetTellsPresence(_)
        | RoomChange::SetEmpty(_) => Ok(()),
    }
}

/// # Errors
/// [`Refusal::NoDelayedClosing`] where rooms of the app do not close by themselves.
pub fn check_closing(app: &App, closing: Option<CloseAfter>) -> Result<(), Refusal> {
    let closes = closing.is_some_and(|it| it.policy != ClosingPolicy::Never);
    if closes && !app.settings.rooms.delayed_closing { Err(Refusal::NoDelayedClosing) } else { Ok(()) }
}

/// Whether this operator may change the room so: its creator opens and closes it, the rest is for all in charge.
///
/// # Errors
/// [`Refusal::NotAllowed`].
pub fn may_change_room(
    room: &Room,
    (operator, membership): (AccountNo, &Membership),
    change: &RoomChange,
) -> Result<(), Refusal> {
    let role = acting_role(room, operator, membership);
    let may = if matches!(change, RoomChange::SetOpen { .. }) { role == RoomRole::Creator } else { role.manages() };
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// What members are told of the change; `None` for nothing.
pub fn room_change_event(change: &RoomChange) -> Option<RoomEvent> {
    match change {
        RoomChange::SetInfo(_) => Some(RoomEvent::Updated),
        RoomChange::SetOpen { open: true, .. } => Some(RoomEvent::Opened),
        RoomChange::SetOpen { open: false, .. } => Some(RoomEvent::Closed),
        RoomChange::SetMuted(on) => Some(RoomEvent::Muted(*on)),
        RoomChange::SetClosing(_)
        | RoomChange::SetClosingOnceEmpty { .. }
        | RoomChange::SetTellsPresence(_)
        | RoomChange::SetEmpty(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::RoomInfoChange;
    use crate::decide::fixture::{app, no, room};
    use crate::model::AppSettings;

    const OPEN: RoomChange = RoomChange::SetOpen { open: true, closing: None };
    const CLOSE: RoomChange = RoomChange::SetOpen { open: false, closing: None };
    const LATER: CloseAfter = CloseAfter { policy: ClosingPolicy::AtTime, delay_s: 60 };

    #[test]
    fn a_room_is_opened_when_it_is_closed_and_closed_when_it_is_open() {
        let check = |is_open, change| {
            check_room_change(&app(AppSettings::default()), &Room { open: is_open, ..room() }, change)
        };
        assert_eq!((check(true, &CLOSE), check(false, &OPEN)), (Ok(()), Ok(())));
        assert_eq!(check(true, &OPEN), Err(Refusal::RoomIsSo));
        assert_eq!(check(false, &CLOSE), Err(Refusal::RoomIsSo));
    }

    #[test]
    fn rooms_close_by_themselves_where_the_app_lets_them() {
        let check = |delayed_closing, change: &RoomChange| {
            let mut settings = AppSettings::default();
            settings.rooms.delayed_closing = delayed_closing;
            check_room_change(&app(settings), &room(), change)
        };
        let never = CloseAfter { policy: ClosingPolicy::Never, ..LATER };
        for (closing, refused) in [(LATER, true), (never, false)] {
            let with_close = RoomChange::SetOpen { open: false, closing: Some(closing) };
            for change in [RoomChange::SetClosing(closing), with_close] {
                assert_eq!(check(true, &change), Ok(()));
                assert_eq!(check(false, &change).is_err(), refused, "{change:?}");
            }
        }
        assert_eq!(check(false, &RoomChange::SetClosing(LATER)), Err(Refusal::NoDelayedClosing));
        let once_empty = RoomChange::SetClosingOnceEmpty { delay_s: 60 };
        assert_eq!((check(true, &once_empty), check(false, &once_empty)), (Ok(()), Err(Refusal::NoDelayedClosing)));
    }

    #[test]
    fn who_may_change_what() {
        for (operator, role, opens, changes) in [
            (1, RoomRole::Guest, true, true),
            (2, RoomRole::Manager, false, true),
            (3, RoomRole::Fixed, false, false),
            (4, RoomRole::Guest, false, false),
        ] {
            let membership = Membership { role, ..Membership::default() };
            let may = |change| may_change_room(&room(), (no(operator), &membership), change).is_ok();
            assert_eq!((may(&OPEN), may(&CLOSE)), (opens, opens), "{role:?}");
            assert_eq!(may(&RoomChange::SetMuted(true)), changes, "{role:?}");
            assert_eq!(may(&RoomChange::SetInfo(RoomInfoChange::default())), changes, "{role:?}");
        }
    }
}
