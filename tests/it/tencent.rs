//! Backends in the words of Tencent Chat, and clients that log in with a UserSig: one world with those of NetEase.

use std::time::{SystemTime, UNIX_EPOCH};

use carillon_server::tencent::sign;
use carillon_testkit::{AppFile, TestServer, User, UserBuilder};
use serde_json::{Value, json};

const SDK_APP_ID: u64 = 1_400_000_001;
const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const ADMIN: &str = "administrator";

async fn start() -> TestServer {
    let key = format!("tencent = {{ sdk_app_id = {SDK_APP_ID}, secret_key = {KEY:?}, admins = [{ADMIN:?}] }}\n");
    let lines = format!("limits = \"unlimited\"\n{key}");
    TestServer::with("", AppFile { lines, ..AppFile::default() }).await
}

fn usersig(account: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    sign(KEY, SDK_APP_ID, account, now.as_secs(), 86_400)
}

async fn call(server: &TestServer, command: &str, body: &Value) -> Value {
    let query =
        format!("sdkappid={SDK_APP_ID}&identifier={ADMIN}&usersig={}&random=1&contenttype=json", usersig(ADMIN));
    let url = format!("{}/v4/{command}?{query}", server.url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn log_in(server: &TestServer, account: &str) -> User {
    UserBuilder::new(&server.url, &usersig(account)).connect().await
}

fn batch(to: &[&str], seq: u32, text: &str) -> Value {
    json!({
        "SyncOtherMachine": 1, "From_Account": "ann", "To_Account": to, "MsgSeq": seq, "MsgRandom": 7,
        "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": text}}], "CloudCustomData": "extra",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_log_in_with_a_usersig_receive_from_both_dialects_and_both_read_the_history() {
    let server = start().await;
    server.backend.create_accounts(&["ann", "carl"]).await;
    // A first login creates the account.
    let mut bob = log_in(&server, "bob").await;
    let mut ann = log_in(&server, "ann").await;
    let answer = call(&server, "openim/batchsendmsg", &batch(&["bob", "carl"], 1, "from tencent")).await;
    assert_eq!((answer["ActionStatus"].as_str(), answer["ErrorCode"].as_u64()), (Some("OK"), Some(0)));
    server.backend.send_text("ann", &["bob"], "from netease").await;

    let first = bob.arrival().await;
    assert_eq!((first.offset, first.text(), &first.data["ext"]), (1, "from tencent", &json!("extra")));
    assert_eq!(first.data["client_id"], answer["MsgKey"]);
    assert_eq!(bob.texts(1).await, ["from netease"]);
    assert_eq!(ann.texts(1).await, ["from tencent"]);

    let roam =
        json!({"Operator_Account": "bob", "Peer_Account": "ann", "MaxCnt": 9, "MinTime": 0, "MaxTime": u32::MAX});
    let page = call(&server, "openim/admin_getroammsg", &roam).await;
    let mut bodies: Vec<_> = page["MsgList"].as_array().unwrap().iter().map(|it| it["MsgBody"].to_string()).collect();
    bodies.sort();
    let text = |text: &str| format!(r#"[{{"MsgContent":{{"Text":"{text}"}},"MsgType":"TIMTextElem"}}]"#);
    assert_eq!(bodies, [text("from netease"), text("from tencent")]);
    let fields = [("from", "bob"), ("to", "ann"), ("begintime", "0"), ("endtime", "9999999999999"), ("limit", "9")];
    let page = server.backend.call("history/querySessionMsg", &fields).await;
    let bodies: Vec<_> = page["msgs"].as_array().unwrap().iter().map(|it| it["body"].to_string()).collect();
    assert_eq!(bodies, [r#"{"msg":"from netease"}"#, r#"{"msg":"from tencent"}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_reads_a_message_sends_its_senders_devices_a_receipt() {
    let server = start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (mut ann, mut bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let mut body = batch(&["bob"], 1, "read me");
    body["IsNeedReadReceipt"] = json!(1);
    call(&server, "openim/batchsendmsg", &body).await;
    let (copy, own) = (bob.arrival().await, ann.arrival().await);
    assert_eq!(copy.data["receipt"], true);
    bob.rpc("conversation.read", json!({"with": "ann", "through": copy.data["id"]})).await.unwrap();
    let receipt = ann.arrival().await;
    assert_eq!((&receipt.data["type"], &receipt.data["sender"]["account"]), (&json!("read"), &json!("bob")));
    assert_eq!(receipt.data["elements"][0]["message"], own.data["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_repeats_is_delivered_once_also_over_a_restart() {
    let mut server = start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let calls = (0..40).map(|_| async { call(&server, "openim/batchsendmsg", &batch(&["bob"], 1, "once")).await });
    let answers = futures_util::future::join_all(calls).await;
    let key = answers[0]["MsgKey"].clone();
    assert!(answers.iter().all(|it| it["ActionStatus"] == "OK" && it["MsgKey"] == key), "{answers:?}");

    server.restart().await;
    let again = call(&server, "openim/batchsendmsg", &batch(&["bob", "carl"], 1, "once")).await;
    assert_eq!(again["MsgKey"], key);
    call(&server, "openim/batchsendmsg", &batch(&["bob", "carl"], 2, "end")).await;
    for name in ["bob", "carl"] {
        assert_eq!(log_in(&server, name).await.texts(2).await, ["once", "end"]);
    }
    assert_eq!(log_in(&server, "ann").await.texts(2).await, ["once", "end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_who_is_online_reaches_no_one_later_and_a_withdrawn_message_is_gone_for_all() {
    let server = start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut bob = log_in(&server, "bob").await;
    let mut passing = batch(&["bob", "carl"], 1, "passing");
    passing["OnlineOnlyFlag"] = json!(1);
    call(&server, "openim/batchsendmsg", &passing).await;
    let key = call(&server, "openim/batchsendmsg", &batch(&["bob", "carl"], 2, "kept")).await["MsgKey"].clone();
    assert_eq!(bob.texts(2).await, ["passing", "kept"]);
    let withdraw = json!({"From_Account": "ann", "To_Account": "carl", "MsgKey": key});
    assert_eq!(call(&server, "openim/admin_msgwithdraw", &withdraw).await["ErrorCode"], 0);
    call(&server, "openim/batchsendmsg", &batch(&["carl"], 3, "end")).await;
    let mut carl = log_in(&server, "carl").await;
    let types: Vec<_> = carl.arrivals(3).await.into_iter().map(|it| it.data["type"].clone()).collect();
    assert_eq!(types, ["withdrawn", "recall", "text"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modified_message_reaches_devices_that_are_there_and_those_that_come_later_also_over_a_restart() {
    let mut server = start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let (mut ann, mut bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let key = call(&server, "openim/batchsendmsg", &batch(&["bob"], 1, "old")).await["MsgKey"].clone();
    let (copy, own) = (bob.arrival().await, ann.arrival().await);
    let modify = json!({
        "From_Account": "ann", "To_Account": "bob", "MsgKey": key,
        "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": "new"}}],
    });
    let answer = call(&server, "openim/modify_c2c_msg", &modify).await;
    assert_eq!((answer["ErrorInfo"].as_str(), answer["ErrorCode"].as_u64()), (Some("succeed"), Some(0)));
    for (user, of, with) in [(&mut bob, &copy, "ann"), (&mut ann, &own, "bob")] {
        let told = user.arrival().await;
        assert_eq!((&told.data["type"], &told.data["conversation"]), (&json!("modified"), &json!(with)));
        let expected = json!([{
            "type": "modified", "message": of.data["id"], "client_id": key, "time": of.data["time"],
            "now": {"type": "text", "elements": [{"type": "text", "text": "new"}], "ext": "extra"},
        }]);
        assert_eq!(told.data["elements"], expected);
    }
    // Of a message to several only the one copy.
    let key = call(&server, "openim/batchsendmsg", &batch(&["bob", "carl"], 2, "both")).await["MsgKey"].clone();
    let mut modify_one = modify.clone();
    modify_one["MsgKey"] = key;
    call(&server, "openim/modify_c2c_msg", &modify_one).await;

    server.restart().await;
    call(&server, "openim/batchsendmsg", &batch(&["carl"], 3, "end")).await;
    let texts_and_types = async |name: &str, n| {
        let all = log_in(&server, name).await.arrivals(n).await;
        all.iter().map(|it| (it.data["type"].as_str().unwrap().to_owned(), it.text().to_owned())).collect::<Vec<_>>()
    };
    let (text, modified) = (|text: &str| ("text".to_owned(), text.to_owned()), ("modified".to_owned(), String::new()));
    assert_eq!(texts_and_types("bob", 4).await, [text("new"), modified.clone(), text("new"), modified.clone()]);
    assert_eq!(texts_and_types("carl", 2).await, [text("both"), text("end")]);
    let all = [text("new"), modified.clone(), text("both"), modified, text("end")];
    assert_eq!(texts_and_types("ann", 5).await, all);
    // And both dialects' histories.
    let roam =
        json!({"Operator_Account": "bob", "Peer_Account": "ann", "MaxCnt": 9, "MinTime": 0, "MaxTime": u32::MAX});
    let page = call(&server, "openim/admin_getroammsg", &roam).await;
    let bodies: Vec<_> = page["MsgList"].as_array().unwrap().iter().map(|it| &it["MsgBody"]).collect();
    assert_eq!(bodies, [&modify["MsgBody"]; 2]);
    let fields = [("from", "bob"), ("to", "ann"), ("begintime", "0"), ("endtime", "9999999999999"), ("limit", "9")];
    let page = server.backend.call("history/querySessionMsg", &fields).await;
    let bodies: Vec<_> = page["msgs"].as_array().unwrap().iter().map(|it| it["body"].to_string()).collect();
    assert_eq!(bodies, [r#"{"msg":"new"}"#; 2]);
}
