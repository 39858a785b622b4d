//! Every code that a client may see: errors of commands, and closes of connections. docs/gateway.md lists them.
//!
//! Closes 3000-3499 and 4000-4499 make SDKs come back, 3500-3999 and 4500-4999 make them stay away. A close always has a
//! reason of plain words: SDKs misread an empty one, a number and JSON.

use super::Failure;

/// An error as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErrorCode {
    pub(crate) code: u32,
    pub(crate) message: &'static str,
    pub(crate) temporary: bool,
}

const fn fail(code: u32, message: &'static str) -> ErrorCode {
    ErrorCode { code, message, temporary: false }
}

const fn retry(code: u32, message: &'static str) -> ErrorCode {
    ErrorCode { code, message, temporary: true }
}

impl ErrorCode {
    pub(crate) const INTERNAL: Self = retry(100, "internal server error");
    pub(crate) const UNKNOWN_CHANNEL: Self = fail(102, "unknown channel");
    pub(crate) const METHOD_NOT_FOUND: Self = fail(104, "method not found");
    pub(crate) const ALREADY_SUBSCRIBED: Self = fail(105, "already subscribed");
    pub(crate) const LIMIT_EXCEEDED: Self = fail(106, "limit exceeded");
    pub(crate) const BAD_REQUEST: Self = fail(107, "bad request");
    pub(crate) const NOT_AVAILABLE: Self = fail(108, "not available");
    pub(crate) const TOKEN_EXPIRED: Self = fail(109, "token expired");
    pub(crate) const TOO_MANY_REQUESTS: Self = retry(111, "too many requests");
    pub(crate) const UNRECOVERABLE_POSITION: Self = fail(112, "unrecoverable position");
    pub(crate) const MESSAGE_NOT_FOUND: Self = fail(1000, "no such message");
    pub(crate) const ACCOUNT_NOT_FOUND: Self = fail(1001, "no such account");
    pub(crate) const MUTED: Self = fail(1002, "account is muted");
    pub(crate) const BLOCKED: Self = fail(1003, "account is blocked");
    pub(crate) const CLIENT_ID_REUSED: Self = fail(1004, "client_id was used for another message");
    pub(crate) const TOO_OLD: Self = fail(1005, "message is too old to be withdrawn");
    pub(crate) const ROOM_NOT_FOUND: Self = fail(1006, "no such room");
    pub(crate) const NO_LOCATION: Self = fail(1007, "distance without a location");
}

impl From<ErrorCode> for Failure {
    fn from(it: ErrorCode) -> Self {
        Self { code: it.code, message: it.message.into(), temporary: it.temporary }
    }
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

const fn close(code: u16, reason: &'static str) -> Close {
    Close { code, reason }
}

impl Close {
    /// The client closed first; its close is answered.
    pub(crate) const NORMAL: Self = close(1000, "bye");
    pub(crate) const TOO_BIG: Self = close(1009, "message is too big");
    /// Over a stream SDKs come back after 1009, and say the same again.
    pub(crate) const CONNECT_TOO_BIG: Self = close(3501, "connect command is too big");
    pub(crate) const SHUTDOWN: Self = close(3001, "shutdown");
    pub(crate) const SERVER_ERROR: Self = close(3004, "internal server error");
    pub(crate) const EXPIRED: Self = close(3005, "connection expired");
    pub(crate) const SLOW: Self = close(3008, "slow");
    pub(crate) const NO_PONG: Self = close(3012, "no pong");
    pub(crate) const INVALID_TOKEN: Self = close(3500, "invalid token");
    pub(crate) const BAD_REQUEST: Self = close(3501, "bad request");
    pub(crate) const STALE: Self = close(3502, "stale");
    pub(crate) const CONNECTION_LIMIT: Self = close(3504, "connection limit");
    pub(crate) const BLOCKED: Self = close(4500, "account is blocked");
    pub(crate) const TOKEN_REPLACED: Self = close(4501, "token was replaced");
    pub(crate) const APP_DISABLED: Self = close(4502, "app is disabled");
    /// The newer connection has the same name of a device.
    pub(crate) const DEVICE_RECONNECTED: Self = close(4503, "device connected again");
    /// The newer connection is another device, which the app does not allow beside this one.
    pub(crate) const DEVICE_REPLACED: Self = close(4504, "another device logged in");
    pub(crate) const KICKED: Self = close(4506, "kicked by the app");
    pub(crate) const ACCOUNT_REMOVED: Self = close(4507, "account was removed");
    pub(crate) const APP_REMOVED: Self = close(4505, "app was removed");
}

/// Why a connection is taken out of a room. Below 2500, so that SDKs stay out until the app enters again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Removal {
    pub(crate) code: u32,
    pub(crate) reason: &'static str,
}

const fn removal(code: u32, reason: &'static str) -> Removal {
    Removal { code, reason }
}

impl Removal {
    pub(crate) const ROOM_CLOSED: Self = removal(2100, "room is closed");
    pub(crate) const KICKED: Self = removal(2101, "kicked out of the room");
    pub(crate) const BLOCKED: Self = removal(2102, "on the blocklist of the room");
}
