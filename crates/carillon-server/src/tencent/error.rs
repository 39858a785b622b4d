//! Why a call failed, and how this vendor says so. Nothing internal is told: a caller learns what to do, the log learns why.

use std::borrow::Cow;
use std::fmt;

use carillon_core::decide::Refusal;
use carillon_core::port::StoreError;

use super::code::{self, Code};
use super::service::Service;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// It is no POST.
    UsePost,
    UnknownPath,
    Auth(AuthError),
    Read(ReadError),
    /// The body is no JSON object.
    NotJson,
    Field(FieldError),
    /// By its name.
    UnknownTag(String),
    /// `MsgBody` and `CloudCustomData` together.
    MessageTooLong {
        bytes_max: usize,
    },
    /// So many are named, where in a minute there may be `max`.
    TooManyRecipients {
        named: usize,
        max: usize,
    },
    /// It has a code of its own.
    Failed(Code),
    Refused(Refusal),
    /// The call's own code failed.
    Panicked,
}

/// Why somebody was not let in, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthError {
    NoAppId,
    BadAppId,
    UnknownApp,
    AppDisabled,
    NoIdentifier,
    Empty,
    TooManyFailures,
    Malformed,
    ForAnotherApp,
    OfAnother,
    /// Or made before the account's signatures were made void.
    Expired,
    WrongMac,
    NotOperator,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    TooLarge {
        bytes_max: usize,
    },
    TooSlow,
    /// The connection broke, or its framing did.
    Broken,
}

/// What is wrong with a member of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    /// The vendor's code for it, which depends on the member.
    pub(super) code: u32,
    pub(super) field: &'static str,
    pub(super) problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Missing,
    Empty,
    NotText,
    NotU32,
    NotArray,
    NotObject,
    /// Of a list.
    ElementNotText,
    ElementNotObject,
    NotAccount,
    /// It could be one, but there is none.
    NoAccount,
    TooLong {
        bytes_max: usize,
    },
    TooMany {
        max: usize,
    },
    /// Holds what it may be.
    NotOneOf(&'static str),
    NotElements,
    UnknownElement,
    /// Holds the type of the element, and what is wrong with it.
    BadElement(&'static str, BadMember),
    SeveralCustom,
    TooDeep,
    BadMember(BadMember),
    NotMsgKey,
}

/// A member of a member that is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadMember {
    /// The member that it is in, if it lies deeper.
    pub(super) within: Option<&'static str>,
    pub(super) name: &'static str,
    /// What it must be, as `a string`.
    pub(super) expected: &'static str,
}

impl fmt::Display for BadMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { within, name, expected } = self;
        let article = if within.unwrap_or(name).starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
        let (within, dot) = within.map_or(("", ""), |within| (within, "."));
        write!(f, "{article} {within}{dot}{name} that is not {expected}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Empty => f.write_str("is empty"),
            Self::NotText => f.write_str("is not a string"),
            Self::NotU32 => f.write_str("is not an unsigned 32-bit integer"),
            Self::NotArray => f.write_str("is not an array"),
            Self::NotObject => f.write_str("is not an object"),
            Self::ElementNotText => f.write_str("has an element that is not a string"),
            Self::ElementNotObject => f.write_str("has an element that is not an object"),
            Self::NotAccount => f.write_str("is not 1 to 32 bytes of printable ASCII without spaces"),
            Self::NoAccount => f.write_str("is no account's name"),
            Self::TooLong { bytes_max } => write!(f, "is longer than {bytes_max} bytes"),
            Self::TooMany { max } => write!(f, "has more than {max} elements"),
            Self::NotOneOf(values) => write!(f, "is not one of {values}"),
            Self::NotElements => f.write_str("has an element that is not a MsgType and a MsgContent"),
            Self::UnknownElement => f.write_str("has an element of an unknown MsgType"),
            Self::BadElement(of, bad) => write!(f, "has a {of} with {bad}"),
            Self::SeveralCustom => f.write_str("has more than one TIMCustomElem"),
            Self::TooDeep => f.write_str("nests too deep"),
            Self::BadMember(bad) => write!(f, "has {bad}"),
            Self::NotMsgKey => f.write_str("is no MsgKey"),
        }
    }
}

impl CallError {
    /// The code of the answer, and its `ErrorInfo`.
    pub(super) fn code_and_info(&self, service: Service) -> (u32, Cow<'static, str>) {
        let code = match self {
            Self::UnknownTag(name) => return (code::PROFILE_UNKNOWN_TAG, unknown_tag(name).into()),
            Self::MessageTooLong { bytes_max } => {
                let info = format!("MsgBody and CloudCustomData take more than {bytes_max} bytes (message_bytes_max)");
                return (code::TOO_LONG, info.into());
            }
            Self::TooManyRecipients { named, max } => {
                return (code::TOO_MANY_CALLS.number, too_many_recipients(*named, *max).into());
            }
            Self::Read(ReadError::TooLarge { bytes_max }) => {
                let info = format!("the request's body takes more than {bytes_max} bytes (body_bytes_max)");
                return (service.too_large(), info.into());
            }
            Self::UsePost => code::BAD_REQUEST,
            Self::UnknownPath => code::UNKNOWN_PATH,
            Self::Auth(error) => error.code(),
            Self::Read(ReadError::TooSlow | ReadError::Broken) => code::TIMEOUT,
            Self::NotJson => service.not_json(),
            Self::Field(FieldError { code, field, problem }) => return (*code, format!("{field} {problem}").into()),
            Self::Failed(code) => *code,
            Self::Refused(refusal) => of_refusal(refusal, service),
            Self::Panicked => service.internal(),
        };
        (code.number, code.info.into())
    }
}

/// The failure of a call for which an account that is none has this code.
pub(super) fn unknown_is(code: Code, refusal: Refusal) -> CallError {
    if matches!(refusal, Refusal::UnknownAccount(_)) { CallError::Failed(code) } else { refusal.into() }
}

fn of_refusal(refusal: &Refusal, service: Service) -> Code {
    match refusal {
        Refusal::AppDisabled => code::APP_DISABLED,
        Refusal::TooManyCalls { .. } => code::TOO_MANY_CALLS,
        Refusal::UnknownAccount(_) => service.no_account(),
        Refusal::SwitchedOff(_) => code::SWITCHED_OFF,
        Refusal::SenderBlocked => code::ACCOUNT_BLOCKED,
        Refusal::NoSuchMessage => code::NO_MESSAGE,
        Refusal::TooOld => code::TOO_OLD,
        Refusal::TooManyTags => code::PROFILE_TOO_MANY_TAGS,
        // What is left is either the server's own failure, or cannot come of this dialect's commands.
        Refusal::Store(_)
        | Refusal::AccountExists(_)
        | Refusal::SenderMuted
        | Refusal::TooLong
        | Refusal::NoSuchRoom
        | Refusal::RoomClosed
        | Refusal::RoomIsSo
        | Refusal::TooManyRooms
        | Refusal::NoDelayedClosing
        | Refusal::BlockedInRoom
        | Refusal::NotInRoom
        | Refusal::NotAllowed
        | Refusal::TooManyHighPriority
        | Refusal::NothingToResend
        | Refusal::ClientIdReused
        | Refusal::RequestReused => service.internal(),
    }
}

fn unknown_tag(name: &str) -> String {
    /// More than names of tags have.
    const SHOWN_MAX: usize = 64;
    let shown: String = name.chars().take(SHOWN_MAX).collect();
    format!("Tag {shown} is not one of the tags of docs/dialects.md")
}

fn too_many_recipients(named: usize, max: usize) -> String {
    let limit = format!("an app may name {max} recipients in a minute (recipients_per_minute_max)");
    if named > max {
        format!("{limit}, and this call names {named}: name fewer")
    } else {
        format!("{limit}, and more are named with this call: try again in the next minute")
    }
}

impl AuthError {
    fn code(self) -> Code {
        match self {
            Self::NoAppId => code::NO_APP_ID,
            Self::BadAppId => code::BAD_APP_ID,
            Self::UnknownApp => code::UNKNOWN_APP,
            Self::AppDisabled => code::APP_DISABLED,
            Self::NoIdentifier => code::NO_IDENTIFIER,
            Self::Empty => code::SIGNATURE_EMPTY,
            Self::TooManyFailures => code::TOO_MANY_FAILURES,
            Self::Malformed => code::SIGNATURE_MALFORMED,
            Self::ForAnotherApp => code::SIGNATURE_FOR_ANOTHER_APP,
            Self::OfAnother => code::SIGNATURE_OF_ANOTHER,
            Self::Expired => code::SIGNATURE_EXPIRED,
            Self::WrongMac => code::SIGNATURE_WRONG,
            Self::NotOperator => code::NOT_OPERATOR,
            Self::Blocked => code::ACCOUNT_BLOCKED,
        }
    }

    /// The reason under which it is counted.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NoAppId | Self::BadAppId | Self::NoIdentifier | Self::Empty => "bad_query",
            Self::UnknownApp => "unknown_key",
            Self::AppDisabled => "app_disabled",
            Self::TooManyFailures => "too_many_failures",
            Self::Malformed | Self::ForAnotherApp | Self::OfAnother | Self::WrongMac => "bad_signature",
            Self::Expired => "expired",
            Self::NotOperator => "not_operator",
            Self::Blocked => "blocked",
        }
    }
}

impl From<AuthError> for CallError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
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
        Self::Refused(error.into())
    }
}
