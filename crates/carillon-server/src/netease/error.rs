//! Why a call failed, and the one table of this vendor's codes and descriptions.
//!
//! Where the vendor's wording is known it is kept to the letter, because backends tell failures apart by it. Nothing
//! internal is told: a caller learns what to do, the log learns why.

use std::fmt;

use carillon_core::AccountId;
use carillon_core::command::Send;
use carillon_core::decide::Refusal;
use carillon_core::model::Operation;
use carillon_core::port::StoreError;
use carillon_core::room::Malformed;

const REQUEST_REUSED: &str = "RequestId was used for another request";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    Auth(AuthError),
    UsePost,
    /// Holds the path as it may be shown.
    UnknownPath(String),
    Read(ReadError),
    Field(FieldError),
    /// More recipients than one call may have.
    TooManyMembers,
    /// It asks for a feature that there is not.
    NotEnabled,
    /// It is about an account that no client has logged in as yet.
    NeverLoggedIn(AccountId),
    /// A span of time that ends before it begins.
    BadTime,
    /// The id was used for another request.
    RequestReused,
    /// Too many calls with a request id are running or waiting, or the first one takes too long.
    Busy,
    Refused(Refusal),
    /// A message to a room was refused, which has codes of its own.
    ToRoom(Refusal),
    /// A message's content is too long, which holds for all messages of the call.
    ContentTooLong,
    /// The call's own code failed.
    Panicked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthError {
    /// A header is missing or malformed.
    BadHeader,
    UnknownKey,
    Expired,
    BadCheckSum,
    /// The app takes each nonce only once.
    NonceRepeated,
}

/// Why a body could not be read as a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    TooLarge {
        max: usize,
    },
    TooSlow {
        timeout_s: u64,
    },
    /// The connection broke, or its framing did.
    Broken,
    NotUtf8,
    TooManyFields {
        max: usize,
    },
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    pub(super) field: &'static str,
    pub(super) problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    TooLong {
        max: usize,
    },
    NotAccid,
    NotAccids,
    TooManyAccids {
        max: usize,
    },
    TooMany {
        max: usize,
        of: &'static str,
    },
    NotJson,
    /// It is JSON, but deeper than is read.
    NestsTooDeep {
        max: usize,
    },
    /// It is JSON, but with a number beyond a double's.
    NumberOutOfRange,
    /// It is JSON, but half of a surrogate pair is no character.
    HalfSurrogate,
    NotObject,
    NotBoolean,
    /// Holds what the field may be.
    NotOneOf(&'static str),
    /// One member of the object is not a boolean.
    MemberNotBoolean(&'static str),
    NotPrintable,
    /// Teams are not served. Holds the value that means one.
    NoTeams(&'static str),
    NotSubtype,
    NotNumber,
    NotCoordinate,
    /// Where it ceases to be a tag expression.
    NotTags(Malformed),
    /// In JSON, it is an object or an array.
    NotText,
    /// One object of the list lacks this.
    MemberEmpty(&'static str),
    NotSubstitute,
    /// Holds what the members of the JSON array may be.
    NotArrayOf(&'static str),
    NotBetween {
        min: u64,
        max: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { max } => write!(f, "is longer than {max} characters"),
            Self::NotAccid => f.write_str("is not an accid (1 to 32 letters, digits, _ @ . -)"),
            Self::NotAccids => f.write_str("is not a JSON array of accids"),
            Self::TooManyAccids { max } => write!(f, "has more than {max} accids"),
            Self::TooMany { max, of } => write!(f, "has more than {max} {of}"),
            Self::NotText => f.write_str("is neither a text nor a number"),
            Self::MemberEmpty(name) => write!(f, "has a message without a {name}"),
            Self::NotCoordinate => f.write_str("is not a finite number"),
            Self::NotTags(malformed) => write!(f, "is not a tag expression: {malformed}"),
            Self::NotSubstitute => {
                f.write_str(r#"is not {"type":1,"data":"a text"}, with type 1 text, 2 image or 3 video"#)
            }
            Self::NotJson => f.write_str("is not JSON"),
            Self::NestsTooDeep { max } => write!(f, "nests deeper than {max} levels"),
            Self::NumberOutOfRange => f.write_str("has a number that is out of range"),
            Self::HalfSurrogate => f.write_str(r"has half of a surrogate pair: \ud83d without \ude00, say"),
            Self::NotObject => f.write_str("is not a JSON object"),
            Self::NotBoolean => f.write_str("is not true or false"),
            Self::NotOneOf(values) => write!(f, "is not one of {values}"),
            Self::MemberNotBoolean(name) => write!(f, "has a {name} that is not true or false"),
            Self::NotPrintable => f.write_str("is not printable ASCII"),
            Self::NoTeams(value) => write!(f, "{value} is for teams, and teams are not served yet"),
            Self::NotSubtype => write!(f, "is not a whole number from 0 to {}", Send::SUBTYPE_MAX),
            Self::NotNumber => f.write_str("is not a whole number"),
            Self::NotArrayOf(values) => write!(f, "is not a JSON array of {values}"),
            Self::NotBetween { min, max } => write!(f, "is not a whole number from {min} to {max}"),
        }
    }
}

impl CallError {
    /// The vendor's code, and a description for people.
    pub(super) fn code_and_desc(&self) -> (u16, String) {
        match self {
            Self::Auth(error) => (414, error.desc().into()),
            Self::UsePost => (414, "use POST".into()),
            Self::UnknownPath(path) => (404, format!("{path} is not served here")),
            Self::Read(error) => (414, error.desc()),
            Self::Field(FieldError { field, problem }) => (414, format!("{field} {problem}")),
            Self::TooManyMembers => (414, "too many members.".into()),
            Self::NotEnabled => (403, "func not enable".into()),
            Self::NeverLoggedIn(id) => (414, format!("{id} has never logged in")),
            Self::BadTime => (414, "bad time".into()),
            Self::RequestReused => (431, REQUEST_REUSED.into()),
            Self::Busy => (503, "server busy".into()),
            Self::Refused(refusal) => refused(refusal),
            Self::ToRoom(refusal) => refused_to_room(refusal),
            Self::ContentTooLong => (414, "msgContents size exceeded".into()),
            Self::Panicked => (500, "server error".into()),
        }
    }
}

fn refused(refusal: &Refusal) -> (u16, String) {
    match refusal {
        Refusal::AppDisabled => (403, "app is disabled".into()),
        Refusal::SwitchedOff(Operation::BroadcastToRooms) => (403, "no right to send chatroom broadcast msg!".into()),
        Refusal::SwitchedOff(_) => (403, "func not enable".into()),
        Refusal::TooManyCalls { .. } => (416, "query too fast".into()),
        Refusal::UnknownAccount(id) => (414, format!("{id} not register")),
        Refusal::AccountExists(_) => (414, "already register".into()),
        Refusal::SenderBlocked => (422, "account 'block'.".into()),
        Refusal::SenderMuted => (423, "account 'mute'.".into()),
        Refusal::NoSuchMessage => (414, "some param not match message".into()),
        Refusal::TooOld => (508, "message is too old to be recalled".into()),
        Refusal::TooLong => (414, "message is too long".into()),
        Refusal::NoSuchRoom => (404, "room does not exist".into()),
        Refusal::RoomClosed => (403, "room is closed".into()),
        Refusal::RoomIsSo => (417, "room is so already".into()),
        Refusal::TooManyRooms => (419, "too many rooms".into()),
        Refusal::NoDelayedClosing => (13009, "delayed closing is not enabled".into()),
        Refusal::BlockedInRoom => (403, "account is on the room's blocklist".into()),
        Refusal::NotInRoom => (404, "account is not in the room".into()),
        Refusal::NotAllowed => (403, "no permission in the room".into()),
        Refusal::TooManyHighPriority => (403, "too many messages of high priority".into()),
        Refusal::TooManyTags => (414, "too many tags".into()),
        Refusal::NothingToResend => (414, "parameter resendFlag should be used for RESEND!".into()),
        Refusal::ClientIdReused => (414, "msgId was used for another message".into()),
        Refusal::RequestReused => (431, REQUEST_REUSED.into()),
        Refusal::Store(StoreError::Full) => (500, "no room to store: nothing was done".into()),
        Refusal::Store(StoreError::Unknown(_)) => {
            (500, "it is not known whether this was done: repeat it with the same RequestId".into())
        }
        Refusal::Store(StoreError::Damaged(_)) => (500, "server error".into()),
        // As the next call of the app is answered.
        Refusal::Store(StoreError::NoApp) => CallError::Auth(AuthError::UnknownKey).code_and_desc(),
        Refusal::Store(StoreError::Closed) => (500, "server is shutting down: nothing was done".into()),
    }
}

/// With 403 for all that is "no permission in this room" to the vendor.
fn refused_to_room(refusal: &Refusal) -> (u16, String) {
    if let Refusal::Store(StoreError::Unknown(_)) = refusal {
        return (500, "it is not known whether this was sent: send it again with resendFlag 1".into());
    }
    let (code, desc) = refused(refusal);
    let is_no_permission = matches!(refusal, Refusal::NoSuchRoom | Refusal::SenderBlocked | Refusal::SenderMuted);
    (if is_no_permission { 403 } else { code }, desc)
}

impl AuthError {
    fn desc(self) -> &'static str {
        match self {
            Self::BadHeader => "bad http header",
            Self::UnknownKey => "appkey",
            Self::Expired => "CurTime is expired",
            Self::BadCheckSum => "checksum",
            Self::NonceRepeated => "Nonce was used before",
        }
    }
}

impl ReadError {
    fn desc(self) -> String {
        match self {
            Self::TooLarge { max } => format!("request body is larger than {max} bytes"),
            Self::TooSlow { timeout_s } => format!("request body did not arrive within {timeout_s} s"),
            Self::Broken => "request body is incomplete or malformed".into(),
            Self::NotUtf8 => "request body is not UTF-8".into(),
            Self::TooManyFields { max } => format!("request body has more than {max} fields"),
        }
    }
}

impl From<AuthError> for CallError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<ReadError> for CallError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<FieldError> for CallError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Refused(Refusal::Store(error))
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::limit::ShutOut;

    use super::*;

    #[test]
    fn every_refusal_has_its_code_and_tells_nothing_internal() {
        let id = || AccountId::new("ann").unwrap();
        let shut_out = ShutOut { until_ms: 1 };
        for (refusal, code, desc) in [
            (Refusal::AppDisabled, 403, "app is disabled"),
            (Refusal::SwitchedOff(Operation::SendBatch), 403, "func not enable"),
            (Refusal::SwitchedOff(Operation::BroadcastToRooms), 403, "no right to send chatroom broadcast msg!"),
            (Refusal::TooManyCalls { operation: Operation::SendBatch, shut_out }, 416, "query too fast"),
            (Refusal::UnknownAccount(id()), 414, "ann not register"),
            (Refusal::AccountExists(id()), 414, "already register"),
            (Refusal::SenderBlocked, 422, "account 'block'."),
            (Refusal::SenderMuted, 423, "account 'mute'."),
            (Refusal::NoSuchMessage, 414, "some param not match message"),
            (Refusal::TooOld, 508, "message is too old to be recalled"),
            (Refusal::NoSuchRoom, 404, "room does not exist"),
            (Refusal::RoomClosed, 403, "room is closed"),
            (Refusal::RoomIsSo, 417, "room is so already"),
            (Refusal::TooManyRooms, 419, "too many rooms"),
            (Refusal::NoDelayedClosing, 13009, "delayed closing is not enabled"),
            (Refusal::BlockedInRoom, 403, "account is on the room's blocklist"),
            (Refusal::NotInRoom, 404, "account is not in the room"),
            (Refusal::NotAllowed, 403, "no permission in the room"),
            (Refusal::TooManyHighPriority, 403, "too many messages of high priority"),
            (Refusal::TooManyTags, 414, "too many tags"),
            (Refusal::NothingToResend, 414, "parameter resendFlag should be used for RESEND!"),
            (Refusal::ClientIdReused, 414, "msgId was used for another message"),
            (Refusal::RequestReused, 431, "RequestId was used for another request"),
            (Refusal::Store(StoreError::Full), 500, "no room to store: nothing was done"),
            (
                Refusal::Store(StoreError::Unknown("/var/lib/x: EIO".into())),
                500,
                "it is not known whether this was done: repeat it with the same RequestId",
            ),
            (Refusal::Store(StoreError::Damaged("record 7".into())), 500, "server error"),
            (Refusal::Store(StoreError::NoApp), 414, "appkey"),
            (Refusal::Store(StoreError::Closed), 500, "server is shutting down: nothing was done"),
        ] {
            assert_eq!(CallError::Refused(refusal).code_and_desc(), (code, desc.to_owned()));
        }
        for (refusal, code, desc) in [
            (Refusal::NoSuchRoom, 403, "room does not exist"),
            (Refusal::SenderBlocked, 403, "account 'block'."),
            (Refusal::SenderMuted, 403, "account 'mute'."),
            (Refusal::UnknownAccount(id()), 414, "ann not register"),
            (
                Refusal::Store(StoreError::Unknown("EIO".into())),
                500,
                "it is not known whether this was sent: send it again with resendFlag 1",
            ),
        ] {
            assert_eq!(CallError::ToRoom(refusal).code_and_desc(), (code, desc.to_owned()));
        }
        assert_eq!(CallError::Panicked.code_and_desc(), (500, "server error".into()));
    }
}
