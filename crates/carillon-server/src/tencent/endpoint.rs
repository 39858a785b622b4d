//! The endpoints: which path is which.

use carillon_core::model::Operation;

use super::service::Service;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    AccountImport,
    MultiaccountImport,
    AccountCheck,
    Kick,
    QueryOnlineStatus,
    QueryState,
}

impl Endpoint {
    /// Paths are taken to the letter, as the vendor says of them.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/v4/im_open_login_svc/account_import" => Self::AccountImport,
            "/v4/im_open_login_svc/multiaccount_import" => Self::MultiaccountImport,
            "/v4/im_open_login_svc/account_check" => Self::AccountCheck,
            "/v4/im_open_login_svc/kick" => Self::Kick,
            // One client asks the service of accounts.
            "/v4/openim/query_online_status" | "/v4/im_open_login_svc/query_online_status" => Self::QueryOnlineStatus,
            "/v4/openim/querystate" => Self::QueryState,
            _ => return None,
        })
    }

    pub(super) fn service(self) -> Service {
        match self {
            Self::AccountImport | Self::MultiaccountImport | Self::AccountCheck | Self::Kick => Service::Accounts,
            Self::QueryOnlineStatus | Self::QueryState => Service::Messages,
        }
    }

    /// What its calls are charged to, and counted as.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::AccountImport => Operation::CreateAccount,
            Self::MultiaccountImport => Operation::CreateAccounts,
            Self::AccountCheck => Operation::CheckAccounts,
            Self::Kick => Operation::EndSessions,
            Self::QueryOnlineStatus | Self::QueryState => Operation::ReadPresence,
        }
    }

    /// Whether the vendor lets it be called half as often as others.
    pub(super) fn is_of_many_accounts(self) -> bool {
        match self {
            Self::AccountImport | Self::Kick | Self::QueryOnlineStatus | Self::QueryState => false,
            Self::MultiaccountImport | Self::AccountCheck => true,
        }
    }
}
