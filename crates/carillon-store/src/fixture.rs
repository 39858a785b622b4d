//! What the tests of the engines share: a fan-out that notes what it is told, and short ways to make plans.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use carillon_core::model::{
    AppSettings, Broadcast, Closing, Committed, Content, CopyOptions, Fate, Kind, Message, Moderation, NewApp, NewRoom,
    Platform, Profile, Push, Room, RoomCard, RoomCommitted, RoomEvent, RoomInfo, RoomKey, RoomMessage, RoomNotice,
    RoomPriority, RoomRole, RoomSender, RoomSettings, RoomTo, Secret, Sender,
};
use carillon_core::port::{
    Along, Fanout, InboxPlan, NewAccount, PageLimit, PlannedCopy, Remember, RoomPlan, Store, StoreError,
};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, RoomNo};

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

    fn over_high_rate(&self, _is_refused: bool) {}
}

pub(crate) fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::new(name).unwrap()
}

pub(crate) fn new_app(name: &str) -> NewApp {
    let rooms = RoomSettings { history_retention_s: 600, ..RoomSettings::default() };
    let settings = AppSettings { inbox_retention_s: 600, history_retention_s: 1_200, rooms, ..AppSettings::default() };
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
        origin: "test".into(),
        content: hello(),
        subtype: 0,
        ext: String::new(),
        options: CopyOptions { roam: false, ..CopyOptions::default() },
        push: Push::default(),
        wants_receipt: false,
        expires_ms: None,
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        recipients: vec![id("somebody")],
    };
    let copies = to.iter().map(|(to, fate)| PlannedCopy { to: AccountNo::new(app, *to), fate: *fate }).collect();
    InboxPlan {
        message,
        copies,
        sender_copy: None,
        in_conversations: true,
        change: None,
        unregistered: 0,
        accepted_ms: now_ms,
    }
}

fn hello() -> Content {
    Content {
        kind: Kind::Text,
        elements: vec![carillon_core::model::Element::Text { text: "hello".into() }],
        original: "{\"msg\":\"hello\"}".into(),
        dialect: "test".into(),
        elements_say_all: true,
    }
}

pub(crate) fn room_key(app: AppId, no: u64) -> RoomKey {
    RoomKey { app, no: RoomNo::new(no).unwrap() }
}

pub(crate) fn new_room(app: AppId, name: &str) -> NewRoom {
    NewRoom {
        app,
        creator: AccountNo::new(app, 1),
        creator_id: id("ann"),
        created_ms: NOW_MS,
        info: RoomInfo { name: name.into(), ..RoomInfo::default() },
        tells_presence: true,
        closing: Closing::default(),
    }
}

/// What is told along with a change.
pub(crate) fn along<T>(notice: Option<RoomNotice>) -> Along<T> {
    Along { notice, ..Along::at(NOW_MS) }
}

/// Commits one message to a room.
pub(crate) async fn say(
    store: &dyn Store,
    plan: RoomPlan,
    remember: Option<Remember<RoomMessage>>,
) -> Result<Arc<RoomMessage>, StoreError> {
    Ok(store.commit_room_messages(vec![(plan, remember)], None).await?.remove(0))
}

/// A message of the first account to the members of a room.
pub(crate) fn room_plan(room: RoomKey, client_id: &str, time_ms: u64) -> RoomPlan {
    let NewRoom { app, creator, creator_id, created_ms, info, tells_presence, closing } = new_room(room.app, "planned");
    let message = RoomMessage {
        id: MessageId(0),
        room,
        seq: None,
        sender: RoomSender {
            no: AccountNo::new(app, 1),
            account: id("ann"),
            role: RoomRole::Creator,
            card: RoomCard::default(),
        },
        time_ms,
        client_id: client_id.into(),
        content: hello(),
        subtype: 0,
        ext: String::new(),
        to: RoomTo::Members { tags: None, point: None },
        priority: RoomPriority::default(),
        abandoned: false,
        route: true,
        moderation: Moderation::default(),
        environment: String::new(),
    };
    let planned =
        Room { key: room, creator, creator_id, created_ms, info, open: true, muted: false, tells_presence, closing };
    RoomPlan { room: Arc::new(planned), message, in_history: true }
}

pub(crate) fn notice(event: RoomEvent) -> Option<RoomNotice> {
    Some(RoomNotice { event, time_ms: NOW_MS, by: None, is_told: true, ext: String::new() })
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
