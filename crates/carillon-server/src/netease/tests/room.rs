//! The replies of the calls that open, close and read rooms.

use carillon_core::RoomNo;
use carillon_core::model::{RoomCard, RoomEvent, RoomNews, RoomRole};
use insta::assert_snapshot;

use super::*;

pub(super) const CREATE: &str = "chatroom/create.action";
const GET: &str = "chatroom/get.action";
const GET_BATCH: &str = "chatroom/getBatch.action";
const TOGGLE: &str = "chatroom/toggleCloseStat.action";

/// With the accounts zoe, ann, bob and carl, and zoe's room number 1.
pub(super) async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["zoe", "ann", "bob", "carl"]).await;
    let reply = backend.post(CREATE, &[("creator", "zoe"), ("name", "Lobby")]).await;
    assert!(reply.starts_with(r#"{"code":200,"chatroom":{"roomid":1,"#), "{reply}");
    backend
}

/// The replies to `path` with each of these fields instead of its own of `usual`.
pub(super) async fn each(backend: &Backend, path: &str, usual: &[(&str, &str)], cases: &[(&str, &str)]) -> String {
    let mut replies = String::new();
    for (field, value) in cases {
        let others = usual.iter().copied().filter(|(name, _)| name != field);
        let fields: Vec<_> = others.chain([(*field, *value)]).collect();
        replies += &(backend.post(path, &fields).await + "\n");
    }
    replies
}

impl Backend {
    pub(super) async fn account_no(&self, accid: &str) -> AccountNo {
        let id = AccountId::new(accid).unwrap();
        self.pipeline.store.account(AppId(1), &id).await.unwrap().unwrap().no
    }

    /// Puts an account into room 1, before those who are there.
    pub(super) async fn enter(&self, accid: &str, role: RoomRole, entered_ms: u64) {
        let account = self.account_no(accid).await;
        let kept = self.pipeline.store.memberships(room_1(), &[account]).await.unwrap().remove(0);
        let present = Present {
            account,
            id: AccountId::new(accid).unwrap(),
            role,
            muted: kept.muted,
            card: RoomCard { nick: format!("{accid} here"), ..RoomCard::default() },
            entered_ms,
            connections: 1,
        };
        self.seen.present.lock().unwrap().insert(0, (room_1(), present));
    }

    /// What rooms were told, but for messages.
    pub(super) fn events(&self) -> Vec<RoomEvent> {
        let news = self.seen.rooms.lock().unwrap();
        let event = |news: &Arc<RoomCommitted>| match &news.news {
            RoomNews::Notice(notice) => Some(notice.event.clone()),
            RoomNews::Message(_) | RoomNews::Repeat { .. } => None,
        };
        news.iter().filter_map(event).collect()
    }
}

pub(super) fn room_1() -> RoomKey {
    RoomKey { app: AppId(1), no: RoomNo::new(1).unwrap() }
}

#[tokio::test]
async fn a_room_says_what_it_is_and_leaves_nothing_out_but_what_it_does_not_use() {
    let backend = Backend::unlimited().await;
    backend.create(&["zoe"]).await;
    assert_snapshot!(
        backend.post(CREATE, &[("creator", "Zoe"), ("name", "Lobby")]).await,
        @r#"{"code":200,"chatroom":{"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe"}}"#
    );
    let all = [
        ("creator", "zoe"),
        ("name", "Stage"),
        ("announcement", "Tonight"),
        ("broadcasturl", "rtmp://x"),
        ("ext", r#"{"a":1}"#),
        ("queuelevel", "1"),
        ("delayClosePolicy", "1"),
        ("delaySeconds", "60"),
        ("inOutNotification", "0"),
        ("bid", r#"{"textbid":"t"}"#),
    ];
    assert_snapshot!(
        backend.post(CREATE, &all).await,
        @r#"{"code":200,"chatroom":{"roomid":2,"valid":true,"announcement":"Tonight","queuelevel":1,"muted":false,"name":"Stage","broadcasturl":"rtmp://x","ext":"{\"a\":1}","creator":"zoe","delayInfo":{"delayCloseEnable":true,"delayClosePolicy":1,"delaySeconds":60,"status":1,"startTime":1700000000000}}}"#
    );
    let rooms = backend.pipeline.store.rooms(AppId(1), &[RoomNo::new(2).unwrap()]).await.unwrap();
    let room = rooms[0].as_ref().unwrap();
    assert_eq!((room.tells_presence, room.info.moderation.as_str()), (false, r#"{"textbid":"t"}"#));
    assert_snapshot!(
        backend.post(CREATE, &[("creator", "zoe"), ("name", "Hall"), ("delayClosePolicy", "2")]).await,
        @r#"{"code":200,"chatroom":{"roomid":3,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Hall","broadcasturl":null,"ext":"","creator":"zoe","delayInfo":{"delayCloseEnable":true,"delayClosePolicy":2,"delaySeconds":604800,"status":1,"startTime":1700000000000}}}"#
    );
}

#[tokio::test]
async fn what_makes_no_room_is_refused() {
    let backend = backend().await;
    let usual = [("creator", "zoe"), ("name", "n")];
    let (name, text) = ("x".repeat(129), "x".repeat(4_097));
    let cases = [
        ("creator", ""),
        ("creator", "a b"),
        ("creator", "nobody"),
        ("name", ""),
        ("name", &name),
        ("announcement", &text),
        ("broadcasturl", &text),
        ("ext", &text),
        ("bid", &text),
        ("queuelevel", "2"),
        ("delayClosePolicy", "3"),
        ("delaySeconds", "604801"),
        ("inOutNotification", "2"),
    ];
    assert_snapshot!(each(&backend, CREATE, &usual, &cases).await, @r#"
    {"code":414,"desc":"creator is empty"}
    {"code":414,"desc":"creator is not an accid (1 to 32 letters, digits, _ @ . -)"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"name is empty"}
    {"code":414,"desc":"name is longer than 128 characters"}
    {"code":414,"desc":"announcement is longer than 4096 characters"}
    {"code":414,"desc":"broadcasturl is longer than 1024 characters"}
    {"code":414,"desc":"ext is longer than 4096 characters"}
    {"code":414,"desc":"bid is longer than 256 characters"}
    {"code":414,"desc":"queuelevel is not one of 0 1"}
    {"code":414,"desc":"delayClosePolicy is not one of 0 1 2"}
    {"code":414,"desc":"delaySeconds is not a whole number from 1 to 604800"}
    {"code":414,"desc":"inOutNotification is not true or false"}
    "#);
    backend.set(|settings| settings.rooms.delayed_closing = false).await;
    assert_snapshot!(each(&backend, CREATE, &usual, &[("delayClosePolicy", "1")]).await, @r#"{"code":13009,"desc":"delayed closing is not enabled"}"#);
    assert!(
        backend.post(CREATE, &[("creator", "zoe"), ("name", "n"), ("delayClosePolicy", "0")]).await.contains("200")
    );
    backend.set(|settings| settings.rooms.rooms_max = 2).await;
    assert_snapshot!(backend.post(CREATE, &usual).await, @r#"{"code":419,"desc":"too many rooms"}"#);
}

#[tokio::test]
async fn a_closed_room_frees_its_place_and_needs_one_to_be_opened_again() {
    let backend = backend().await;
    backend.set(|settings| settings.rooms.rooms_max = 1).await;
    let create = async || backend.post(CREATE, &[("creator", "zoe"), ("name", "Hall")]).await;
    let toggle = async |room, valid| {
        let answer = backend.post(TOGGLE, &[("roomid", room), ("operator", "zoe"), ("valid", valid)]).await;
        answer.split(r#","desc":{"#).next().unwrap().to_owned()
    };
    let mut answers = create().await + "\n";
    answers += &(toggle("1", "false").await + "\n");
    answers += &(create().await + "\n");
    answers += &(toggle("1", "true").await + "\n");
    answers += &(toggle("2", "false").await + "\n");
    answers += &(toggle("1", "true").await + "\n");
    assert_snapshot!(answers, @r#"
    {"code":419,"desc":"too many rooms"}
    {"code":200
    {"code":200,"chatroom":{"roomid":2,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Hall","broadcasturl":null,"ext":"","creator":"zoe"}}
    {"code":419,"desc":"too many rooms"}
    {"code":200
    {"code":200
    "#);
}

#[tokio::test]
async fn a_room_is_read_with_how_many_are_there_on_request() {
    let backend = backend().await;
    backend.enter("ann", RoomRole::Guest, NOW_MS).await;
    assert_snapshot!(backend.post(GET, &[("roomid", "1")]).await, @r#"{"code":200,"chatroom":{"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe","ionotify":true}}"#);
    assert_snapshot!(backend.post(GET, &[("roomid", "1"), ("needOnlineUserCount", "true")]).await, @r#"{"code":200,"chatroom":{"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe","ionotify":true,"onlineusercount":1}}"#);
    let cases = [("roomid", ""), ("roomid", "x"), ("roomid", "0"), ("roomid", "2"), ("needOnlineUserCount", "x")];
    assert_snapshot!(each(&backend, GET, &[("roomid", "1")], &cases).await, @r#"
    {"code":414,"desc":"roomid is empty"}
    {"code":414,"desc":"roomid is not a whole number"}
    {"code":404,"desc":"room does not exist"}
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"needOnlineUserCount is not true or false"}
    "#);
}

#[tokio::test]
async fn many_rooms_are_read_and_those_that_are_not_there_are_named() {
    let backend = backend().await;
    backend.post(CREATE, &[("creator", "zoe"), ("name", "Hall")]).await;
    let fields = [("roomids", r#"[2,0,"1",9,2]"#), ("needOnlineUserCount", "true")];
    assert_snapshot!(backend.post(GET_BATCH, &fields).await, @r#"{"code":200,"succRooms":[{"roomid":2,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Hall","broadcasturl":null,"ext":"","creator":"zoe","ionotify":true,"onlineusercount":0},{"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe","ionotify":true,"onlineusercount":0}],"noExistRooms":[0,9],"failRooms":[]}"#);
    let many = format!("[{}1]", "1,".repeat(20));
    let cases = [("roomids", ""), ("roomids", "[]"), ("roomids", "1"), ("roomids", r#"["a"]"#), ("roomids", &many)];
    assert_snapshot!(each(&backend, GET_BATCH, &[], &cases).await, @r#"
    {"code":414,"desc":"roomids is empty"}
    {"code":414,"desc":"roomids is empty"}
    {"code":414,"desc":"roomids is not a JSON array of room ids"}
    {"code":414,"desc":"roomids is not a JSON array of room ids"}
    {"code":414,"desc":"roomids has more than 20 rooms"}
    "#);
}

#[tokio::test]
async fn its_creator_closes_and_opens_a_room_and_is_told_of_it_twice() {
    let backend = backend().await;
    let toggle = async |operator, valid, more: &[(&str, &str)]| {
        let fields = [("roomid", "1"), ("operator", operator), ("valid", valid)];
        backend.post(TOGGLE, &[&fields, more].concat()).await
    };
    assert_snapshot!(toggle("zoe", "false", &[]).await, @r#"{"code":200,"desc":{"roomid":1,"valid":false,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe"},"roomid":1,"valid":false,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe"}"#);
    let mut refused = toggle("zoe", "false", &[]).await + "\n";
    refused += &(toggle("ann", "true", &[]).await + "\n");
    refused += &(toggle("nobody", "true", &[]).await + "\n");
    refused += &(toggle("zoe", "", &[]).await + "\n");
    refused += &(toggle("zoe", "true", &[("delayClosePolicy", "9")]).await + "\n");
    assert_snapshot!(refused, @r#"
    {"code":417,"desc":"room is so already"}
    {"code":403,"desc":"no permission in the room"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"valid is empty"}
    {"code":414,"desc":"delayClosePolicy is not one of 0 1 2"}
    "#);
    assert_snapshot!(toggle("zoe", "true", &[("delayClosePolicy", "2"), ("delaySeconds", "5")]).await, @r#"{"code":200,"desc":{"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe","delayInfo":{"delayCloseEnable":true,"delayClosePolicy":2,"delaySeconds":5,"status":1,"startTime":1700000000000}},"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe","delayInfo":{"delayCloseEnable":true,"delayClosePolicy":2,"delaySeconds":5,"status":1,"startTime":1700000000000}}"#);
    assert_eq!(backend.events(), [RoomEvent::Closed, RoomEvent::Opened]);
}

#[tokio::test]
async fn the_calls_of_rooms_have_limits_of_their_own() {
    let backend = Backend::with(NeteaseConfig::default(), AppSettings::default()).await;
    for _ in 0..100 {
        assert!(backend.post(GET, &[("roomid", "1")]).await.starts_with(r#"{"code":404"#));
    }
    assert_snapshot!(backend.post(GET, &[("roomid", "1")]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    assert!(backend.post(GET_BATCH, &[("roomids", "[1]")]).await.starts_with(r#"{"code":200"#));
    backend.clock.advance_ms(10_000);
    assert!(backend.post(GET, &[("roomid", "1")]).await.starts_with(r#"{"code":404"#));
}

#[tokio::test]
async fn of_two_that_close_a_room_at_the_same_time_one_is_told_that_it_is_closed() {
    let data = tempfile::tempdir().unwrap();
    let backend = failures::embedded(data.path(), 0).await;
    backend.create(&["zoe"]).await;
    backend.post(CREATE, &[("creator", "zoe"), ("name", "Lobby")]).await;
    let fields = [("roomid", "1"), ("operator", "zoe"), ("valid", "false")];
    let (first, second) = tokio::join!(backend.post(TOGGLE, &fields), backend.post(TOGGLE, &fields));
    let third = backend.post(TOGGLE, &fields).await;
    assert!(first.starts_with(r#"{"code":200,"#), "{first}");
    assert_eq!(second, third);
    assert!(!third.contains(r#""code":200"#), "{third}");
}
