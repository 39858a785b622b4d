//! What the tests of decisions start from.

use crate::id::{AccountId, AccountNo, AppId, RoomNo};
use crate::model::{
    Account, App, AppSettings, Closing, Content, Element, Kind, MutedIn, Profile, Room, RoomInfo, RoomKey, Secret,
};

pub(crate) fn no(serial: u64) -> AccountNo {
    AccountNo::new(AppId(1), serial)
}

pub(crate) fn account(name: &str, no: AccountNo) -> Account {
    Account {
        no,
        id: AccountId::new(name).unwrap(),
        token: Secret::new("t"),
        profile: Profile::default(),
        blocked: false,
        muted: false,
        muted_in: MutedIn::default(),
        do_not_disturb: false,
        has_logged_in: false,
        signed_since_ms: 0,
        created_ms: 0,
    }
}

pub(crate) fn app(settings: AppSettings) -> App {
    App { id: AppId(1), name: "shop".into(), token_secret: Secret::new("s"), keys: Vec::new(), settings }
}

pub(crate) fn text() -> Content {
    Content {
        kind: Kind::Text,
        elements: vec![Element::Text { text: "hi".into() }],
        original: "hi".into(),
        dialect: "test".into(),
        elements_say_all: true,
    }
}

/// Made by account 1.
pub(crate) fn room() -> Room {
    Room {
        key: RoomKey { app: AppId(1), no: RoomNo::new(7).unwrap() },
        creator: no(1),
        creator_id: AccountId::new("creator").unwrap(),
        created_ms: 0,
        info: RoomInfo::default(),
        open: true,
        muted: false,
        tells_presence: true,
        closing: Closing::default(),
    }
}
