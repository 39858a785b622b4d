//! Somebody who logs in without an account, to be in rooms: a name and a number of their own, for as long as they are connected.
//!
//! Such a number is one that the store has never given, and will not: it is kept nowhere. Numbers, and so names, start anew
//! with the process.

use carillon_core::model::{Account, MutedIn, Platform, Profile, Secret};
use carillon_core::{AccountId, AccountNo, AppId};

use super::LoggedIn;
use crate::envelope::INBOX;
use crate::protocol::Command;
use crate::server::Server;

/// The upper half of what numbers there are. An app with as many accounts would have filled any disk before.
const SERIALS_FROM: u64 = 1 << 39;

/// What visitors may ask of rooms.
const RPCS: [&str; 3] = ["room.history", "room.members", "room.update"];

pub(super) fn logged_in(server: &Server, app: AppId, platform: Option<Platform>, expires_ms: Option<u64>) -> LoggedIn {
    let serial = server.hub.next_visitor() % SERIALS_FROM;
    let account = Account {
        no: AccountNo::new(app, SERIALS_FROM + serial),
        id: AccountId::new(&format!("~{serial}")).expect("it is a short word"),
        token: Secret::new(""),
        profile: Profile::default(),
        blocked: false,
        muted: false,
        muted_in: MutedIn::default(),
        do_not_disturb: false,
        has_logged_in: true,
        signed_since_ms: 0,
        created_ms: server.pipeline.clock.now_ms(),
    };
    LoggedIn {
        account,
        is_anonymous: true,
        // Nothing is kept for a device.
        device: None,
        platform,
        by_static_token: false,
        expires_ms,
        made_ms: None,
        position: None,
        broadcast: None,
    }
}

/// Whether the number is a visitor's.
pub(crate) fn is_visitor(account: AccountNo) -> bool {
    account.serial() >= SERIALS_FROM
}

/// Whether a command is one of accounts: about an inbox, or an rpc of theirs.
pub(crate) fn is_of_accounts(command: &Command) -> bool {
    let Command { subscribe, history, presence_stats, rpc, .. } = command;
    let channels = [
        subscribe.as_ref().map(|it| &it.channel),
        history.as_ref().map(|it| &it.channel),
        presence_stats.as_ref().map(|it| &it.channel),
    ];
    channels.into_iter().flatten().any(|it| it == INBOX)
        || rpc.as_ref().is_some_and(|it| !RPCS.contains(&it.method.as_str()))
}
