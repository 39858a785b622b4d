//! Why a command was refused: the whole vocabulary, which each dialect translates with an exhaustive `match`.

use crate::id::AccountId;
use crate::limit::ShutOut;
use crate::model::Operation;
use crate::port::{CreateError, StoreError};

/// A refused command changed nothing, except that after [`Refusal::Store`] with [`StoreError::Unknown`] it may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the app is disabled")]
    AppDisabled,
    #[error("`{}` is switched off for this app", .0.name())]
    SwitchedOff(Operation),
    #[error("too many calls of `{}`", .operation.name())]
    TooManyCalls { operation: Operation, shut_out: ShutOut },
    #[error("there is no account `{0}`")]
    UnknownAccount(AccountId),
    #[error("there is an account `{0}` already")]
    AccountExists(AccountId),
    #[error("the sender is blocked")]
    SenderBlocked,
    #[error("there is no such message")]
    NoSuchMessage,
    #[error("the message is too old to be withdrawn")]
    TooOld,
    #[error("the message is longer than it may be")]
    TooLong,
    #[error("the sender is muted")]
    SenderMuted,
    #[error("there is no such room")]
    NoSuchRoom,
    #[error("the room is closed")]
    RoomClosed,
    #[error("the room is so already")]
    RoomIsSo,
    #[error("the app has as many rooms as it may have")]
    TooManyRooms,
    #[error("rooms of this app do not close by themselves")]
    NoDelayedClosing,
    #[error("the account is on the room's blocklist")]
    BlockedInRoom,
    #[error("the account is not in the room")]
    NotInRoom,
    #[error("the operator may not do this in the room")]
    NotAllowed,
    #[error("too many messages of high priority in the room")]
    TooManyHighPriority,
    #[error("the profile has as many tags as it may have")]
    TooManyTags,
    #[error("a message that was never sent cannot be sent again")]
    NothingToResend,
    #[error("the sender's id was used for another message")]
    ClientIdReused,
    #[error("the request's id was used for another request")]
    RequestReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// What a failed creation of the account `id` means.
    pub fn from_create(error: CreateError, id: &AccountId) -> Self {
        match error {
            CreateError::Exists => Self::AccountExists(id.clone()),
            CreateError::Store(error) => Self::Store(error),
        }
    }
}
