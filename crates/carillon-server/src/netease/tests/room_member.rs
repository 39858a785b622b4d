//! The replies of the calls that change rooms and their members, and that list these.

use carillon_core::command::MembershipChange;
use carillon_core::model::{RoomEvent, RoomNews, RoomRole};
use carillon_core::port::{Along, Member};
use insta::assert_snapshot;

use super::room::{CREATE, backend, each, room_1};
use super::*;

const ROLE: &str = "chatroom/setMemberRole.action";
const MUTE: &str = "chatroom/temporaryMute.action";
const MUTE_ROOM: &str = "chatroom/muteRoom.action";
const KICK: &str = "chatroom/kickMember.action";
const PAGE: &str = "chatroom/membersByPage.action";
const MEMBERS: &str = "chatroom/queryMembers.action";
const UPDATE: &str = "chatroom/update.action";
const POLICY: &str = "chatroom/updateDelayClosePolicy.action";
const ADDRESS: &str = "chatroom/requestAddr.action";
const RECALL: &str = "chatroom/recall.action";
const DELETE: &str = "chatroom/deleteHistoryMessage.action";

async fn set_role(backend: &Backend, target: &str, opt: &str, on: &str) -> String {
    let fields = [("roomid", "1"), ("operator", "zoe"), ("target", target), ("opt", opt), ("optvalue", on)];
    backend.post(ROLE, &fields).await
}

#[tokio::test]
async fn a_room_says_something_else_of_itself_and_empty_fields_change_nothing() {
    let backend = backend().await;
    let fields = [("roomid", "1"), ("name", "Hall"), ("announcement", ""), ("queuelevel", "1"), ("ext", "e")];
    assert_snapshot!(backend.post(UPDATE, &fields).await, @r#"{"code":200,"chatroom":{"roomid":1,"valid":true,"announcement":null,"queuelevel":1,"muted":false,"name":"Hall","broadcasturl":null,"ext":"e","creator":"zoe"}}"#);
    let fields = [("roomid", "1"), ("name", ""), ("broadcasturl", "u"), ("needNotify", "false"), ("bid", "")];
    assert_snapshot!(backend.post(UPDATE, &fields).await, @r#"{"code":200,"chatroom":{"roomid":1,"valid":true,"announcement":null,"queuelevel":1,"muted":false,"name":"Hall","broadcasturl":"u","ext":"e","creator":"zoe"}}"#);
    assert_eq!(backend.events(), [RoomEvent::Updated, RoomEvent::Updated]);
    let long = "x".repeat(4_097);
    let cases = [("roomid", "9"), ("name", &long), ("needNotify", "x"), ("notifyExt", &long), ("queuelevel", "x")];
    assert_snapshot!(each(&backend, UPDATE, &[("roomid", "1")], &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"name is longer than 128 characters"}
    {"code":414,"desc":"needNotify is not true or false"}
    {"code":414,"desc":"notifyExt is longer than 2048 characters"}
    {"code":414,"desc":"queuelevel is not one of 0 1"}
    "#);
}

#[tokio::test]
async fn when_a_room_closes_can_be_changed() {
    let backend = backend().await;
    let fields = [("roomid", "1"), ("delayClosePolicy", "2"), ("delaySeconds", "9")];
    assert_snapshot!(backend.post(POLICY, &fields).await, @r#"{"code":200,"chatroom":{"roomid":1,"valid":true,"announcement":null,"queuelevel":0,"muted":false,"name":"Lobby","broadcasturl":null,"ext":"","creator":"zoe","delayInfo":{"delayCloseEnable":true,"delayClosePolicy":2,"delaySeconds":9,"status":1,"startTime":1700000000000}}}"#);
    assert!(!backend.post(POLICY, &[("roomid", "1"), ("delayClosePolicy", "0")]).await.contains("delayInfo"));
    let cases = [("roomid", "9"), ("delayClosePolicy", ""), ("delaySeconds", "x")];
    assert_snapshot!(each(&backend, POLICY, &fields, &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"delayClosePolicy is empty"}
    {"code":414,"desc":"delaySeconds is not a whole number from 1 to 604800"}
    "#);
    backend.set(|settings| settings.rooms.delayed_closing = false).await;
    assert_snapshot!(backend.post(POLICY, &fields).await, @r#"{"code":13009,"desc":"delayed closing is not enabled"}"#);
}

#[tokio::test]
async fn a_room_is_entered_at_the_gateways_address() {
    let config = NeteaseConfig { gateway_address: "chat.example.com:443".into(), ..NeteaseConfig::default() };
    let backend = backend().await.restarted(config);
    let fields = [("roomid", "1"), ("accid", "bob"), ("clienttype", "2"), ("clientip", "10.0.0.1")];
    assert_snapshot!(backend.post(ADDRESS, &fields).await, @r#"{"code":200,"addr":["chat.example.com:443"]}"#);
    let cases = [("roomid", "9"), ("accid", "nobody"), ("clienttype", "4")];
    assert_snapshot!(each(&backend, ADDRESS, &fields, &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"clienttype is not one of 1 2 3"}
    "#);
}

#[tokio::test]
async fn a_role_is_answered_twice() {
    let backend = backend().await;
    assert_snapshot!(set_role(&backend, "ann", "1", "true").await, @r#"{"code":200,"desc":{"roomid":1,"valid":true,"level":0,"accid":"ann","type":"MANAGER"},"roomid":1,"valid":true,"level":0,"accid":"ann","type":"MANAGER"}"#);
    let mut kinds = String::new();
    for (opt, on) in [("1", "false"), ("2", "true"), ("-2", "true"), ("-2", "false"), ("-1", "true"), ("2", "false")] {
        let reply: serde_json::Value = serde_json::from_str(&set_role(&backend, "bob", opt, on).await).unwrap();
        kinds += &format!("{opt} {on}: {} {}\n", reply["type"], reply["valid"]);
    }
    assert_snapshot!(kinds, @r#"
    1 false: "TEMPORARY" false
    2 true: "COMMON" true
    -2 true: "LIMITED" true
    -2 false: "COMMON" true
    -1 true: "LIMITED" true
    2 false: "LIMITED" true
    "#);
}

#[tokio::test]
async fn who_may_not_do_it_or_does_what_means_nothing_is_refused() {
    let backend = backend().await;
    set_role(&backend, "ann", "1", "true").await;
    let usual = [("roomid", "1"), ("operator", "ann"), ("target", "bob"), ("opt", "-2"), ("optvalue", "true")];
    let cases = [
        ("roomid", "9"),
        ("operator", "bob"),
        ("operator", "nobody"),
        ("target", "zoe"),
        ("target", "nobody"),
        ("opt", "1"),
        ("opt", "3"),
        ("opt", ""),
        ("optvalue", ""),
        ("optvalue", "x"),
    ];
    assert_snapshot!(each(&backend, ROLE, &usual, &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":403,"desc":"no permission in the room"}
    {"code":414,"desc":"nobody not register"}
    {"code":403,"desc":"no permission in the room"}
    {"code":414,"desc":"nobody not register"}
    {"code":403,"desc":"no permission in the room"}
    {"code":414,"desc":"opt is not one of 1 2 -1 -2"}
    {"code":414,"desc":"opt is empty"}
    {"code":414,"desc":"optvalue is empty"}
    {"code":414,"desc":"optvalue is not true or false"}
    "#);
}

#[tokio::test]
async fn an_account_is_muted_for_a_time() {
    let backend = backend().await;
    let usual = [("roomid", "1"), ("operator", "zoe"), ("target", "bob"), ("muteDuration", "60"), ("notifyExt", "e")];
    assert_snapshot!(backend.post(MUTE, &usual).await, @r#"{"code":200,"desc":{"muteDuration":60}}"#);
    let no = backend.account_no("bob").await;
    let bob = AccountId::new("bob").unwrap();
    assert_eq!(backend.events(), [RoomEvent::MutedFor { account: no, id: bob, seconds: 60 }]);
    let cases = [
        ("muteDuration", "0"),
        ("muteDuration", ""),
        ("muteDuration", "2592001"),
        ("operator", "ann"),
        ("target", "zoe"),
        ("needNotify", "x"),
    ];
    assert_snapshot!(each(&backend, MUTE, &usual, &cases).await, @r#"
    {"code":200,"desc":{"muteDuration":0}}
    {"code":414,"desc":"muteDuration is empty"}
    {"code":414,"desc":"muteDuration is not a whole number from 0 to 2592000"}
    {"code":403,"desc":"no permission in the room"}
    {"code":403,"desc":"no permission in the room"}
    {"code":414,"desc":"needNotify is not true or false"}
    "#);
}

#[tokio::test]
async fn a_room_is_muted_and_a_member_told_to_go() {
    let backend = backend().await;
    let mute = [("roomid", "1"), ("operator", "zoe"), ("mute", "true")];
    assert_snapshot!(backend.post(MUTE_ROOM, &mute).await, @r#"{"code":200,"desc":{"success":true}}"#);
    assert!(backend.post("chatroom/get.action", &[("roomid", "1")]).await.contains(r#""muted":true"#));
    let cases = [("mute", ""), ("mute", "x"), ("operator", "ann"), ("roomid", "9")];
    assert_snapshot!(each(&backend, MUTE_ROOM, &mute, &cases).await, @r#"
    {"code":414,"desc":"mute is empty"}
    {"code":414,"desc":"mute is not true or false"}
    {"code":403,"desc":"no permission in the room"}
    {"code":404,"desc":"room does not exist"}
    "#);
    let kick = [("roomid", "1"), ("accid", "zoe"), ("targetAccid", "bob")];
    assert_snapshot!(backend.post(KICK, &kick).await, @r#"{"code":404,"desc":"account is not in the room"}"#);
    backend.enter("bob", RoomRole::Guest, NOW_MS).await;
    assert_snapshot!(backend.post(KICK, &kick).await, @r#"{"code":200}"#);
    let cases = [("accid", "ann"), ("targetAccid", "zoe"), ("targetAccid", "nobody"), ("roomid", "9")];
    assert_snapshot!(each(&backend, KICK, &kick, &cases).await, @r#"
    {"code":403,"desc":"no permission in the room"}
    {"code":403,"desc":"no permission in the room"}
    {"code":414,"desc":"nobody not register"}
    {"code":404,"desc":"room does not exist"}
    "#);
}

async fn list(backend: &Backend, which: &str, fields: &[(&str, &str)]) -> String {
    let usual = [("roomid", "1"), ("type", which)];
    let limit = if fields.iter().any(|(name, _)| *name == "limit") { &[][..] } else { &[("limit", "100")] };
    backend.post(PAGE, &[&usual, fields, limit].concat()).await.replace("},{", "},\n{")
}

#[tokio::test]
async fn members_are_listed_by_what_they_are_and_by_when_they_came() {
    let backend = backend().await;
    set_role(&backend, "ann", "1", "true").await;
    set_role(&backend, "bob", "-2", "true").await;
    backend.enter("ann", RoomRole::Manager, NOW_MS - 3).await;
    backend.enter("bob", RoomRole::Guest, NOW_MS - 2).await;
    backend.enter("carl", RoomRole::Guest, NOW_MS - 1).await;
    let mute = [("roomid", "1"), ("operator", "zoe"), ("target", "carl"), ("muteDuration", "60")];
    backend.post(MUTE, &mute).await;
    assert_snapshot!(list(&backend, "0", &[]).await, @r#"
    {"code":200,"desc":{"data":[{"roomid":1,"accid":"bob","nick":"bob here","avator":null,"ext":null,"type":"LIMITED","level":0,"onlineStat":true,"enterTime":1699999999998,"muted":true},
    {"roomid":1,"accid":"ann","nick":"ann here","avator":null,"ext":null,"type":"MANAGER","level":0,"onlineStat":true,"enterTime":1699999999997},
    {"roomid":1,"accid":"zoe","nick":"","avator":null,"ext":null,"type":"CREATOR","level":0,"onlineStat":false}]}}
    "#);
    assert_snapshot!(list(&backend, "1", &[("limit", "1")]).await, @r#"{"code":200,"desc":{"data":[{"roomid":1,"accid":"carl","nick":"carl here","avator":null,"ext":null,"type":"TEMPORARY","level":0,"onlineStat":true,"enterTime":1699999999999,"tempMuted":true,"tempMuteTtl":60}]}}"#);
    assert_snapshot!(list(&backend, "2", &[("limit", "1"), ("endtime", "1699999999997")]).await, @r#"{"code":200,"desc":{"data":[{"roomid":1,"accid":"ann","nick":"ann here","avator":null,"ext":null,"type":"MANAGER","level":0,"onlineStat":true,"enterTime":1699999999997}]}}"#);
    assert_snapshot!(list(&backend, "1", &[("endtime", "1699999999998")]).await, @r#"{"code":200,"desc":{"data":[]}}"#);
    let usual = [("roomid", "1"), ("type", "0"), ("limit", "10")];
    let cases = [("roomid", "9"), ("type", ""), ("type", "3"), ("limit", ""), ("limit", "101"), ("endtime", "x")];
    assert_snapshot!(each(&backend, PAGE, &usual, &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"type is empty"}
    {"code":414,"desc":"type is not one of 0 1 2"}
    {"code":414,"desc":"limit is not a whole number from 1 to 100"}
    {"code":414,"desc":"limit is not a whole number from 1 to 100"}
    {"code":414,"desc":"endtime is not a whole number"}
    "#);
}

#[tokio::test]
async fn fixed_members_are_paged_by_when_they_came_whether_they_are_there_or_not() {
    let backend = backend().await;
    for target in ["ann", "bob", "carl"] {
        set_role(&backend, target, "2", "true").await;
    }
    let noted = async |accid: &str, entered_ms| {
        let member =
            Member { room: room_1(), account: backend.account_no(accid).await, id: AccountId::new(accid).unwrap() };
        let change = MembershipChange::NoteEntered(entered_ms);
        backend.pipeline.store.change_membership(member, change, Along::at(NOW_MS)).await.unwrap();
    };
    // Ann's second device came later than her first one; bob is away; carl came when nothing was kept of him.
    noted("ann", NOW_MS - 10).await;
    noted("bob", NOW_MS - 20).await;
    backend.enter("carl", RoomRole::Fixed, NOW_MS - 40).await;
    backend.enter("ann", RoomRole::Fixed, NOW_MS - 30).await;
    let page = async |end_ms: u64, limit: &str| {
        let fields = [("endtime", &*end_ms.to_string()), ("limit", limit)];
        let reply: serde_json::Value = serde_json::from_str(&list(&backend, "0", &fields).await).unwrap();
        let row = |row: &serde_json::Value| {
            (row["accid"].as_str().unwrap().to_owned(), row["enterTime"].as_u64().map(|it| NOW_MS - it))
        };
        reply["desc"]["data"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let all = [("bob", Some(20)), ("ann", Some(30)), ("carl", Some(40)), ("zoe", None)];
    let all = all.map(|(accid, ago_ms)| (accid.to_owned(), ago_ms));
    for limit in 1..=4 {
        assert_eq!(page(NOW_MS, &limit.to_string()).await, all[..limit], "the first {limit}");
    }
    assert_eq!(page(NOW_MS - 20, "2").await, all[..2]);
    assert_eq!(page(NOW_MS - 21, "2").await, all[1..3]);
    assert_eq!(page(NOW_MS - 31, "1").await, all[2..3]);
    assert_eq!(page(NOW_MS - 41, "9").await, all[3..]);
}

#[tokio::test]
async fn members_are_read_by_name_and_who_is_none_is_left_out() {
    let backend = backend().await;
    backend.enter("bob", RoomRole::Guest, NOW_MS).await;
    let fields = [("roomid", "1"), ("accids", r#"["zoe","ann","bob","nobody","zoe","a b"]"#)];
    assert_snapshot!(backend.post(MEMBERS, &fields).await.replace("},{", "},\n{"), @r#"
    {"code":200,"desc":{"data":[{"roomid":1,"accid":"zoe","nick":"","avator":null,"ext":null,"type":"CREATOR","level":0,"onlineStat":false},
    {"roomid":1,"accid":"bob","nick":"bob here","avator":null,"ext":null,"type":"TEMPORARY","level":0,"onlineStat":true,"enterTime":1700000000000}]}}
    "#);
    let many = accids(201);
    let cases = [("roomid", "9"), ("accids", ""), ("accids", "[]"), ("accids", "x"), ("accids", &many)];
    assert_snapshot!(each(&backend, MEMBERS, &fields, &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"accids is empty"}
    {"code":414,"desc":"accids is empty"}
    {"code":414,"desc":"accids is not a JSON array of accids"}
    {"code":414,"desc":"accids has more than 200 accids"}
    "#);
}

#[tokio::test]
async fn what_is_in_no_history_is_taken_back_by_its_id_and_not_deleted() {
    let backend = backend().await;
    let fields = [("roomid", "1"), ("msgId", "m1"), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];
    let ways: [(&str, &[(&str, &str)]); 3] =
        [("sendMsg", &[("skipHistory", "1")]), ("sendMsgToSomeone", &[("toAccids", r#"["bob"]"#)]), ("broadcast", &[])];
    backend.enter("bob", RoomRole::Guest, NOW_MS).await;
    for (call, more) in ways {
        backend.clock.advance_ms(1);
        let of_call = fields.iter().filter(|(name, _)| call != "broadcast" || *name != "roomid").copied();
        let fields: Vec<_> = of_call.chain(more.iter().copied()).collect();
        let sent: serde_json::Value =
            serde_json::from_str(&backend.post(&format!("chatroom/{call}.action"), &fields).await).unwrap();
        let time = sent["desc"]["time"].as_str().unwrap();
        let find = [("roomid", "1"), ("msgTimetag", time), ("fromAcc", "ann")];
        let recall = [&find[..], &[("msgId", "m1"), ("operatorAcc", "carl")]].concat();
        let gone = r#"{"code":414,"desc":"some param not match message"}"#;
        assert_eq!(backend.post(DELETE, &find).await, gone, "{call}");
        assert_eq!(backend.post_as(call, RECALL, &recall).await, r#"{"code":200}"#, "{call}");
        assert_eq!(backend.post_as(call, RECALL, &recall).await, r#"{"code":200}"#, "the same request of {call}");
        assert_eq!(backend.post(RECALL, &recall).await, gone, "{call}");
    }
    assert_eq!(backend.events().len(), ways.len());
}

#[tokio::test]
async fn a_message_is_taken_back_or_deleted_once() {
    let backend = backend().await;
    for id in ["m1", "m2"] {
        let fields = [("roomid", "1"), ("msgId", id), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];
        backend.post("chatroom/sendMsg.action", &fields).await;
        backend.clock.advance_ms(1);
    }
    let recall = [
        ("roomid", "1"),
        ("msgTimetag", "1700000000000"),
        ("msgId", "m1"),
        ("fromAcc", "ann"),
        ("operatorAcc", "carl"),
        ("notifyExt", "e"),
    ];
    let long = "x".repeat(1_025);
    let cases = [
        ("roomid", "9"),
        ("msgTimetag", ""),
        ("msgTimetag", "1"),
        ("msgId", ""),
        ("msgId", "m2"),
        ("fromAcc", "nobody"),
        ("fromAcc", "bob"),
        ("operatorAcc", ""),
        ("operatorAcc", "nobody"),
        ("notifyExt", &long),
    ];
    assert_snapshot!(each(&backend, RECALL, &recall, &cases).await, @r#"
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"msgTimetag is empty"}
    {"code":414,"desc":"some param not match message"}
    {"code":414,"desc":"msgId is empty"}
    {"code":414,"desc":"some param not match message"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"some param not match message"}
    {"code":414,"desc":"operatorAcc is empty"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"notifyExt is longer than 1024 characters"}
    "#);
    assert_snapshot!(backend.post(RECALL, &recall).await, @r#"{"code":200}"#);
    assert_snapshot!(backend.post(RECALL, &recall).await, @r#"{"code":414,"desc":"some param not match message"}"#);
    assert!(matches!(&backend.events()[..], [RoomEvent::Recalled { client_id, .. }] if client_id == "m1"));
    let delete = [("roomid", "1"), ("msgTimetag", "1700000000001"), ("fromAcc", "ann")];
    let cases = [("roomid", ""), ("msgTimetag", "x"), ("fromAcc", "bob")];
    assert_snapshot!(each(&backend, DELETE, &delete, &cases).await, @r#"
    {"code":414,"desc":"roomid is empty"}
    {"code":414,"desc":"msgTimetag is not a whole number"}
    {"code":414,"desc":"some param not match message"}
    "#);
    assert_snapshot!(backend.post(DELETE, &delete).await, @r#"{"code":200}"#);
    let history = [("roomid", "1"), ("accid", "bob"), ("limit", "10")];
    assert_snapshot!(backend.post("history/queryChatroomMsg.action", &history).await, @r#"{"code":200,"size":0,"msgs":[]}"#);
    assert!(matches!(&backend.events()[1..], [RoomEvent::Recalled { .. }]));
    let is_told = |news: &Arc<RoomCommitted>| matches!(&news.news, RoomNews::Notice(it) if it.is_told);
    let told = backend.seen.rooms.lock().unwrap().iter().filter(|news| is_told(news)).count();
    assert_eq!(told, 1, "nobody is told of what is deleted");
}

#[tokio::test]
async fn what_a_removed_account_said_is_taken_back_and_deleted_by_its_name() {
    let backend = backend().await;
    for id in ["m1", "m2"] {
        let fields = [("roomid", "1"), ("msgId", id), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];
        backend.post("chatroom/sendMsg.action", &fields).await;
    }
    let app = backend.pipeline.apps.only().unwrap();
    backend.pipeline.remove_account(&app, &AccountId::new("ann").unwrap()).await.unwrap();
    let find = [("roomid", "1"), ("msgTimetag", "1700000000000"), ("fromAcc", "ann")];
    let recall = [&find[..], &[("msgId", "m2"), ("operatorAcc", "carl")]].concat();
    assert_eq!(backend.post(RECALL, &recall).await, r#"{"code":200}"#);
    assert_eq!(backend.post(DELETE, &find).await, r#"{"code":200}"#);
    assert_eq!(backend.post(DELETE, &find).await, r#"{"code":414,"desc":"ann not register"}"#);
}

#[tokio::test]
async fn of_messages_of_one_millisecond_the_first_one_that_is_there_is_deleted() {
    let backend = backend().await;
    let list = r#"[{"msgId":"m1","msgType":0},{"msgId":"m2","msgType":0},{"msgId":"m3","msgType":0}]"#;
    backend.post("chatroom/batchSendMsg.action", &[("roomid", "1"), ("fromAccid", "ann"), ("msgList", list)]).await;
    let delete = [("roomid", "1"), ("msgTimetag", "1700000000000"), ("fromAcc", "ann")];
    let history = [("roomid", "1"), ("accid", "bob"), ("limit", "10"), ("reverse", "1")];
    for left in [vec!["m2", "m3"], vec!["m3"], vec![]] {
        assert_eq!(backend.post(DELETE, &delete).await, r#"{"code":200}"#);
        let answer: serde_json::Value =
            serde_json::from_str(&backend.post("history/queryChatroomMsg.action", &history).await).unwrap();
        let there: Vec<_> = answer["msgs"].as_array().unwrap().iter().map(|it| it["msgid"].as_str().unwrap()).collect();
        assert_eq!(there, left);
    }
    assert_snapshot!(backend.post(DELETE, &delete).await, @r#"{"code":414,"desc":"some param not match message"}"#);
}

#[tokio::test]
async fn of_two_that_make_a_manager_and_an_ordinary_member_at_the_same_time_one_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let backend = failures::embedded(data.path(), 0).await;
    backend.create(&["zoe", "bob"]).await;
    backend.post(CREATE, &[("creator", "zoe"), ("name", "Lobby")]).await;
    let as_role = |opt| [("roomid", "1"), ("operator", "zoe"), ("target", "bob"), ("opt", opt), ("optvalue", "true")];
    let (manager, fixed) = (as_role("1"), as_role("2"));
    let (first, second) = tokio::join!(backend.post(ROLE, &manager), backend.post(ROLE, &fixed));
    let third = backend.post(ROLE, &fixed).await;
    assert!(first.contains(r#""type":"MANAGER""#), "{first}");
    assert_eq!(second, third);
    assert_snapshot!(third, @r#"{"code":403,"desc":"no permission in the room"}"#);
}
