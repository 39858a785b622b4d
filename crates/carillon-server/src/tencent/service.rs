//! The vendor's services, the first part of a path: each has codes of its own for what can go wrong in any call, and adds to
//! the envelope of its answers or leaves out.

use super::code::{self, Code};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// What is in front of the others: paths and signatures.
    Access,
    /// `im_open_login_svc`
    Accounts,
    /// `openim`
    Messages,
    /// `recentcontact`
    RecentContacts,
    /// `profile`
    Profiles,
    /// `openconfigsvr`
    Mutes,
}

impl Service {
    /// The body is no JSON object.
    pub(super) fn not_json(self) -> Code {
        match self {
            Self::Access | Self::Accounts | Self::RecentContacts => code::BODY_NOT_JSON,
            Self::Messages => code::BAD_BODY,
            Self::Profiles => code::PROFILE_NOT_JSON,
            Self::Mutes => code::MUTE_NOT_JSON,
        }
    }

    /// It failed for a reason of the server's own.
    pub(super) fn internal(self) -> Code {
        match self {
            Self::Access => code::TIMEOUT,
            Self::Accounts => code::ACCOUNTS_INTERNAL,
            Self::Messages => code::MESSAGES_INTERNAL,
            Self::RecentContacts => code::CONTACTS_INTERNAL,
            Self::Profiles => code::PROFILE_INTERNAL,
            Self::Mutes => code::MUTE_INTERNAL,
        }
    }

    /// An account that is named is none.
    pub(super) fn no_account(self) -> Code {
        match self {
            Self::Access | Self::Accounts => code::NO_ACCOUNT,
            Self::Messages => code::NO_SUCH_ACCOUNT,
            Self::RecentContacts => code::NOT_IMPORTED,
            Self::Profiles => code::NO_PROFILE,
            Self::Mutes => code::NO_ACCOUNT,
        }
    }

    /// The body is larger than the server reads.
    pub(super) fn too_large(self) -> u32 {
        match self {
            Self::Access | Self::Accounts | Self::Profiles | Self::Mutes | Self::RecentContacts => {
                code::BAD_REQUEST.number
            }
            Self::Messages => code::TOO_LONG,
        }
    }

    /// Whether its answers say `ActionStatus`.
    pub(super) fn has_status(self) -> bool {
        match self {
            Self::Access | Self::Accounts | Self::Messages | Self::Profiles | Self::RecentContacts => true,
            Self::Mutes => false,
        }
    }

    /// Whether its answers have an `ErrorDisplay`.
    pub(super) fn has_display(self) -> bool {
        match self {
            Self::Access | Self::Accounts | Self::Messages | Self::Mutes => false,
            Self::Profiles | Self::RecentContacts => true,
        }
    }
}
