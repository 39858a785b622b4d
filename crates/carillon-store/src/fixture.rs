//! What the tests of the engines share: a fan-out that notes what it is told, and short ways to make plans.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use carillon_core::model::{
    AppSettings, Broadcast, Committed, Content, CopyOptions, Fate, Kind, Message, Moderation, NewApp, Platform,
    Profile, Push, RoomCommitted, Secret, Sender,
};
use carillon_core::port::{Fanout, InboxPlan, NewAccount, PageLimit, PlannedCopy, Remember};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId};

pub(crate) const NOW_MS: u64 = 1_800_000_000_000 / 60_000 * 60_000;
pub(crate) const ALL: PageLimit = PageLimit { entries: 1_000, bytes: usize::MAX };

#[derive(Default)]
pub(crate) struct Heard(
    pub(crate) Mutex<Vec<Arc<Committed>>>,
    pub(crate) Mutex<Vec<Arc<Broadcast>>>,
    pub(crate) Mutex<Vec<Arc<RoomCommitted>>>,
);

impl Fanout for Heard {
    fn committed(&self, message: &Arc<Committed>) {
        self.0.lock().unwrap().push(Arc::clone(message));
    }

    fn broadcast(&self, broadcast: &Arc<Broadcast>) {
        self.1.lock().unwrap().push(Arc::clone(broadcast));
    }

    fn room(&self, news: &Arc<RoomCommitted>) {
        self.2.lock().unwrap().push(Arc::clone(news));
    }

    fn nobody(&self, _unregistered: usize) {}
}

pub(crate) fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::new(name).unwrap()
}

pub(crate) fn new_app(name: &str) -> NewApp {
    let settings = AppSettings { inbox_retention_s: 600, history_retention_s: 1_200, ..AppSettings::default() };
    NewApp { name: name.into(), token_secret: Secret::new("s".repeat(32)), keys: Vec::new(), settings }
}

pub(crate) fn new_account(app: AppId, name: &str) -> NewAccount {
    let profile = Profile { name: format!("{name} the First"), ..Profile::default() };
    NewAccount { app, id: id(name), token: Secret::new("t"), profile, created_ms: NOW_MS }
}

/// A message to accounts that are numbered from 1 in the order of their creation.
pub(crate) fn plan(app: AppId, from: u64, to: &[(u64, Fate)], now_ms: u64) -> InboxPlan {
    let message = Message {
        id: MessageId(0),
        app,
        sender: Sender {
            no: AccountNo::new(app, from),
            account: id("sender"),
            nick: "Nick".into(),
            avatar: String::new(),
        },
        time_ms: now_ms,
        client_id: "c".into(),
        content: Content {
            kind: Kind::Text,
            elements: vec![carillon_core::model::Element::Text { text: "hello".into() }],
            original: "{\"msg\":\"hello\"}".into(),
            dialect: "test".into(),
            elements_say_all: true,
        },
        subtype: 0,
        ext: String::new(),
        options: CopyOptions { roam: false, ..CopyOptions::default() },
        push: Push::default(),
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        recipients: vec![id("somebody")],
    };
    let copies = to.iter().map(|(to, fate)| PlannedCopy { to: AccountNo::new(app, *to), fate: *fate }).collect();
    InboxPlan { message, copies, sender_copy: None, in_conversations: true, change: None, unregistered: 0 }
}

pub(crate) fn remember<T>(
    request: &str,
    expires_ms: u64,
    answer: impl FnOnce(&T) -> String + Send + 'static,
) -> Option<Remember<T>> {
    let answer = Box::new(move |done: &T| Bytes::from(answer(done)));
    Some(Remember { request: request.into(), fingerprint: [7; 32], expires_ms, answer })
}

/// A broadcast in nobody's name.
pub(crate) fn broadcast(app: AppId, body: &str, offline: bool, (created_ms, expires_ms): (u64, u64)) -> Broadcast {
    let platforms = Platform::ALL.to_vec();
    Broadcast { id: MessageId(0), app, from: None, body: body.into(), platforms, offline, created_ms, expires_ms }
}
