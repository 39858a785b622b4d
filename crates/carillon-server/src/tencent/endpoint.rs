//! The endpoints: which path is which.

use carillon_core::model::Operation;

use super::service::Service;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    AccountImport,
    MultiaccountImport,
    AccountCheck,
    AccountDelete,
    Kick,
    QueryOnlineStatus,
    QueryState,
    BatchSendMsg,
    SendMsg,
    ImportMsg,
    AdminGetRoamMsg,
    AdminMsgWithdraw,
    ModifyC2cMsg,
    AdminSetMsgRead,
    GetC2cUnreadMsgNum,
    RecentContactGetList,
    RecentContactDelete,
    PortraitSet,
    PortraitGet,
    SetNoSpeaking,
    GetNoSpeaking,
}

impl Endpoint {
    /// Paths are taken to the letter, as the vendor says of them.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/v4/im_open_login_svc/account_import" => Self::AccountImport,
            "/v4/im_open_login_svc/multiaccount_import" => Self::MultiaccountImport,
            "/v4/im_open_login_svc/account_check" => Self::AccountCheck,
            "/v4/im_open_login_svc/account_delete" => Self::AccountDelete,
            "/v4/im_open_login_svc/kick" => Self::Kick,
            // One client asks the service of accounts.
            "/v4/openim/query_online_status" | "/v4/im_open_login_svc/query_online_status" => Self::QueryOnlineStatus,
            "/v4/openim/querystate" => Self::QueryState,
            "/v4/openim/batchsendmsg" => Self::BatchSendMsg,
            "/v4/openim/sendmsg" => Self::SendMsg,
            "/v4/openim/importmsg" => Self::ImportMsg,
            "/v4/openim/admin_getroammsg" => Self::AdminGetRoamMsg,
            "/v4/openim/admin_msgwithdraw" => Self::AdminMsgWithdraw,
            "/v4/openim/modify_c2c_msg" => Self::ModifyC2cMsg,
            "/v4/openim/admin_set_msg_read" => Self::AdminSetMsgRead,
            "/v4/openim/get_c2c_unread_msg_num" => Self::GetC2cUnreadMsgNum,
            "/v4/recentcontact/get_list" => Self::RecentContactGetList,
            "/v4/recentcontact/delete" => Self::RecentContactDelete,
            "/v4/profile/portrait_set" => Self::PortraitSet,
            "/v4/profile/portrait_get" => Self::PortraitGet,
            "/v4/openconfigsvr/setnospeaking" => Self::SetNoSpeaking,
            "/v4/openconfigsvr/getnospeaking" => Self::GetNoSpeaking,
            _ => return None,
        })
    }

    pub(super) fn service(self) -> Service {
        match self {
            Self::AccountImport | Self::MultiaccountImport | Self::AccountCheck | Self::AccountDelete | Self::Kick => {
                Service::Accounts
            }
            Self::QueryOnlineStatus | Self::QueryState => Service::Messages,
            Self::BatchSendMsg
            | Self::SendMsg
            | Self::ImportMsg
            | Self::AdminGetRoamMsg
            | Self::AdminMsgWithdraw
            | Self::ModifyC2cMsg
            | Self::AdminSetMsgRead
            | Self::GetC2cUnreadMsgNum => Service::Messages,
            Self::RecentContactGetList | Self::RecentContactDelete => Service::RecentContacts,
            Self::PortraitSet | Self::PortraitGet => Service::Profiles,
            Self::SetNoSpeaking | Self::GetNoSpeaking => Service::Mutes,
        }
    }

    /// What its calls are charged to, and counted as. No two share one: the vendor's limits are each API's.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::AccountImport => Operation::CreateAccount,
            Self::MultiaccountImport => Operation::CreateAccounts,
            Self::AccountCheck => Operation::CheckAccounts,
            Self::AccountDelete => Operation::DeleteAccounts,
            Self::Kick => Operation::EndSessions,
            Self::QueryOnlineStatus => Operation::ReadPresence,
            Self::QueryState => Operation::ReadPresenceOld,
            Self::BatchSendMsg => Operation::SendBatch,
            Self::SendMsg => Operation::SendMessage,
            Self::ImportMsg => Operation::ImportMessage,
            Self::AdminGetRoamMsg => Operation::ReadHistory,
            Self::AdminMsgWithdraw => Operation::Recall,
            Self::ModifyC2cMsg => Operation::ModifyMessage,
            Self::AdminSetMsgRead => Operation::MarkRead,
            Self::GetC2cUnreadMsgNum => Operation::CountUnread,
            Self::RecentContactGetList => Operation::ReadConversations,
            Self::RecentContactDelete => Operation::ForgetConversation,
            Self::PortraitSet => Operation::UpdateProfile,
            Self::PortraitGet => Operation::ReadProfiles,
            Self::SetNoSpeaking => Operation::MuteAccountPartly,
            Self::GetNoSpeaking => Operation::ReadMutes,
        }
    }

    /// Whether the vendor lets it be called half as often as others.
    pub(super) fn is_of_many_accounts(self) -> bool {
        match self {
            Self::AccountImport
            | Self::Kick
            | Self::QueryOnlineStatus
            | Self::QueryState
            | Self::BatchSendMsg
            | Self::SendMsg
            | Self::ImportMsg
            | Self::AdminGetRoamMsg
            | Self::AdminMsgWithdraw
            | Self::ModifyC2cMsg
            | Self::AdminSetMsgRead
            | Self::GetC2cUnreadMsgNum
            | Self::RecentContactGetList
            | Self::RecentContactDelete
            | Self::PortraitSet
            | Self::PortraitGet
            | Self::SetNoSpeaking
            | Self::GetNoSpeaking => false,
            Self::MultiaccountImport | Self::AccountCheck | Self::AccountDelete => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_apis_share_a_limit_or_a_metric() {
        let paths = [
            "im_open_login_svc/account_import",
            "im_open_login_svc/multiaccount_import",
            "im_open_login_svc/account_check",
            "im_open_login_svc/account_delete",
            "im_open_login_svc/kick",
            "openim/query_online_status",
            "openim/querystate",
            "openim/batchsendmsg",
            "openim/sendmsg",
            "openim/importmsg",
            "openim/admin_getroammsg",
            "openim/admin_msgwithdraw",
            "openim/modify_c2c_msg",
            "openim/admin_set_msg_read",
            "openim/get_c2c_unread_msg_num",
            "recentcontact/get_list",
            "recentcontact/delete",
            "profile/portrait_set",
            "profile/portrait_get",
            "openconfigsvr/setnospeaking",
            "openconfigsvr/getnospeaking",
        ];
        let operations: HashSet<Operation> =
            paths.iter().map(|path| Endpoint::at(&format!("/v4/{path}")).unwrap().operation()).collect();
        assert_eq!(operations.len(), paths.len());
    }
}
