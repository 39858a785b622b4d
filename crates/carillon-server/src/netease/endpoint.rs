//! The endpoints: which path is which.

use carillon_core::model::Operation;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    UserCreate,
    UserRefreshToken,
    UserUpdate,
    UserBlock,
    UserUnblock,
    UserMute,
    UserMuteModule,
    UserUpdateUinfo,
    UserGetUinfos,
    UserSetDonnop,
    UserSetSpecialRelation,
    UserListBlackAndMuteList,
    UserOnlineStatus,
    SendBatchMsg,
    SendMsg,
    SendAttachMsg,
    SendBatchAttachMsg,
    BroadcastMsg,
    Recall,
    DelMsgOneWay,
    DelMsg,
    DelRoamSession,
    MarkReadMsg,
    QuerySessionMsg,
    QuerySessionList,
    CreateRoom,
    GetRoom,
    GetRooms,
    ToggleCloseStat,
    SendToRoom,
    QueryChatroomMsg,
}

impl Endpoint {
    /// Paths are taken to the letter: another case, a doubled slash or a slash at the end names nothing.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/nimserver/user/create.action" => Self::UserCreate,
            "/nimserver/user/refreshToken.action" => Self::UserRefreshToken,
            "/nimserver/user/update.action" => Self::UserUpdate,
            "/nimserver/user/block.action" => Self::UserBlock,
            "/nimserver/user/unblock.action" => Self::UserUnblock,
            "/nimserver/user/mute.action" => Self::UserMute,
            "/nimserver/user/muteModule.action" => Self::UserMuteModule,
            "/nimserver/user/updateUinfo.action" => Self::UserUpdateUinfo,
            "/nimserver/user/getUinfos.action" => Self::UserGetUinfos,
            "/nimserver/user/setDonnop.action" => Self::UserSetDonnop,
            "/nimserver/user/setSpecialRelation.action" => Self::UserSetSpecialRelation,
            "/nimserver/user/listBlackAndMuteList.action" => Self::UserListBlackAndMuteList,
            "/nimserver/user/userOnlineStatus.action" => Self::UserOnlineStatus,
            "/nimserver/msg/sendBatchMsg.action" => Self::SendBatchMsg,
            "/nimserver/msg/sendMsg.action" => Self::SendMsg,
            "/nimserver/msg/sendAttachMsg.action" => Self::SendAttachMsg,
            "/nimserver/msg/sendBatchAttachMsg.action" => Self::SendBatchAttachMsg,
            "/nimserver/msg/broadcastMsg.action" => Self::BroadcastMsg,
            "/nimserver/msg/recall.action" => Self::Recall,
            "/nimserver/msg/delMsgOneWay.action" => Self::DelMsgOneWay,
            "/nimserver/msg/delMsg.action" => Self::DelMsg,
            "/nimserver/msg/delRoamSession.action" => Self::DelRoamSession,
            "/nimserver/msg/markReadMsg.action" => Self::MarkReadMsg,
            "/nimserver/history/querySessionMsg.action" => Self::QuerySessionMsg,
            "/nimserver/history/querySessionList.action" => Self::QuerySessionList,
            "/nimserver/chatroom/create.action" => Self::CreateRoom,
            "/nimserver/chatroom/get.action" => Self::GetRoom,
            "/nimserver/chatroom/getBatch.action" => Self::GetRooms,
            "/nimserver/chatroom/toggleCloseStat.action" => Self::ToggleCloseStat,
            "/nimserver/chatroom/sendMsg.action" => Self::SendToRoom,
            "/nimserver/history/queryChatroomMsg.action" => Self::QueryChatroomMsg,
            _ => return None,
        })
    }

    /// What its calls are charged to, and counted as.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::UserCreate => Operation::CreateAccount,
            Self::UserRefreshToken => Operation::RefreshToken,
            Self::UserUpdate => Operation::SetToken,
            Self::UserBlock => Operation::BlockAccount,
            Self::UserUnblock => Operation::UnblockAccount,
            Self::UserMute => Operation::MuteAccount,
            Self::UserMuteModule => Operation::MuteAccountPartly,
            Self::UserUpdateUinfo => Operation::UpdateProfile,
            Self::UserGetUinfos => Operation::ReadProfiles,
            Self::UserSetDonnop => Operation::SetDoNotDisturb,
            Self::UserSetSpecialRelation => Operation::SetRelation,
            Self::UserListBlackAndMuteList => Operation::ReadRelations,
            Self::UserOnlineStatus => Operation::ReadPresence,
            Self::SendBatchMsg => Operation::SendBatch,
            Self::SendMsg => Operation::SendMessage,
            Self::SendAttachMsg => Operation::SendNotice,
            Self::SendBatchAttachMsg => Operation::SendNoticeBatch,
            Self::BroadcastMsg => Operation::Broadcast,
            Self::Recall => Operation::Recall,
            Self::DelMsgOneWay => Operation::RecallOneWay,
            Self::DelMsg => Operation::DeleteMessage,
            Self::DelRoamSession => Operation::ForgetConversation,
            Self::MarkReadMsg => Operation::MarkRead,
            Self::QuerySessionMsg => Operation::ReadHistory,
            Self::QuerySessionList => Operation::ReadConversations,
            Self::CreateRoom => Operation::CreateRoom,
            Self::GetRoom => Operation::ReadRoom,
            Self::GetRooms => Operation::ReadRooms,
            Self::ToggleCloseStat => Operation::OpenRoom,
            Self::SendToRoom => Operation::SendToRoom,
            Self::QueryChatroomMsg => Operation::ReadRoomHistory,
        }
    }
}

/// The path that the vendor's SDKs probe for a server that is alive.
pub(super) const LIVENESS: &str = "/nimserver/health/liveness.action";
