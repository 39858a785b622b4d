//! The record of one broadcast.

use crate::command;
use crate::decide::Refusal;
use crate::id::MessageId;
use crate::model::{Account, App, Broadcast, Operation, Sender};

/// Whether the app speaks to everyone at all.
///
/// # Errors
/// The app must be enabled and have the feature.
pub fn may_broadcast(app: &App) -> Result<(), Refusal> {
    if app.settings.disabled {
        return Err(Refusal::AppDisabled);
    }
    if !app.settings.broadcast_enabled {
        return Err(Refusal::SwitchedOff(Operation::Broadcast));
    }
    Ok(())
}

/// Decides on `command`, in the name of `from`, the account that it names.
///
/// # Errors
/// As [`may_broadcast`]; and the account must not be blocked. A muted one may, as with notices: a backend speaks in its name.
pub fn broadcast(
    command: command::Broadcast,
    app: &App,
    from: Option<&Account>,
    now_ms: u64,
) -> Result<Broadcast, Refusal> {
    may_broadcast(app)?;
    if from.is_some_and(|it| it.blocked) {
        return Err(Refusal::SenderBlocked);
    }
    let command::Broadcast { body, platforms, offline, lives_ms, .. } = command;
    let sender = |it: &Account| Sender {
        no: it.no,
        account: it.id.clone(),
        nick: it.profile.name.clone(),
        avatar: it.profile.icon.clone(),
    };
    Ok(Broadcast {
        id: MessageId(0),
        app: app.id,
        from: from.map(sender),
        body,
        platforms,
        offline,
        created_ms: now_ms,
        expires_ms: now_ms.saturating_add(lives_ms),
    })
}
