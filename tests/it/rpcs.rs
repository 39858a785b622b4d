//! What users ask and change without a message, with the official SDK. `message.send` and `message.original` are tested
//! where messages are.

use carillon_testkit::{AppFile, TestServer, User};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn users_see_who_is_online_until_they_leave() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let ann = server.connect("ann").await;
    let bob = server.user("bob").device("phone").data("platform", json!("android")).json().connect().await;
    let ask = json!({"accounts": ["Bob", "nobody"]});
    let status = || server.backend.call("user/userOnlineStatus", &[("accids", r#"["bob","nobody"]"#)]);
    let nobody = json!({"account": "nobody", "online": false});
    assert_eq!(
        ann.rpc("presence.get", ask.clone()).await,
        Ok(json!({"accounts": [{"account": "bob", "online": true, "platforms": ["android"]}, nobody]}))
    );
    let told = status().await["data"].clone();
    assert_eq!((&told["status"]["bob"][0]["clientType"], &told["invalidAccids"]), (&json!(1), &json!(["nobody"])));

    bob.close().await;
    // The server hears of it a moment later.
    while status().await["data"]["status"] != json!({}) {}
    let away = json!({"accounts": [{"account": "bob", "online": false}, nobody]});
    assert_eq!(ann.rpc("presence.get", ask).await, Ok(away));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_changes_its_profile_and_others_see_what_is_public() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let change = json!({"nick": "Ann", "mobile": "+1", "gender": "female"});
    let own = json!({"account": "ann", "nick": "Ann", "mobile": "+1", "gender": "female"});
    assert_eq!(server.connect("ann").await.rpc("profile.set", change).await, Ok(own.clone()));
    server.restart().await;
    assert_eq!(server.connect("ann").await.rpc("profile.get", json!({})).await, Ok(own));
    let bob = server.user("bob").json().connect().await;
    assert_eq!(
        bob.rpc("profiles.get", json!({"accounts": ["ann", "nobody"]})).await,
        Ok(json!({"profiles": [{"account": "ann", "nick": "Ann", "gender": "female"}]}))
    );
    let seen = server.backend.call("user/getUinfos", &[("accids", r#"["ann"]"#)]).await;
    assert_eq!((&seen["uinfos"][0]["name"], &seen["uinfos"][0]["mobile"]), (&json!("Ann"), &json!("+1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_keeps_its_lists_as_its_backend_does() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut ann = server.connect("ann").await;
    for (method, account) in
        [("blocklist.add", "bob"), ("blocklist.add", "carl"), ("blocklist.remove", "carl"), ("mutelist.add", "carl")]
    {
        assert_eq!(ann.rpc(method, json!({"account": account})).await, Ok(json!({})), "{method}");
    }
    assert_eq!(ann.rpc("blocklist.get", json!({})).await, Ok(json!({"accounts": ["bob"]})));
    assert_eq!(ann.rpc("mutelist.get", json!({})).await, Ok(json!({"accounts": ["carl"]})));
    assert_eq!(ann.rpc("mutelist.remove", json!({"account": "nobody"})).await.unwrap_err().0, 1001);
    assert_eq!(ann.rpc("mutelist.remove", json!({"account": "bob"})).await, Ok(json!({})), "it is not on it");
    let lists = server.backend.call("user/listBlackAndMuteList", &[("accid", "ann")]).await;
    assert_eq!((&lists["blacklist"], &lists["mutelist"]), (&json!(["bob"]), &json!(["carl"])));
    server.backend.send_text("bob", &["ann"], "unwanted").await;
    server.backend.send_text("carl", &["ann"], "wanted").await;
    assert_eq!(ann.texts(1).await, ["wanted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_or_its_backend_sets_about_disturbing_is_seen_on_every_device_also_after_a_restart() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann"]).await;
    let phone = server.user("ann").device("phone").connect().await;
    let desk = server.user("ann").device("desk").json().connect().await;
    assert_eq!(desk.rpc("do_not_disturb.get", json!({})).await, Ok(json!({"on": false})));
    assert_eq!(phone.rpc("do_not_disturb.set", json!({"on": true})).await, Ok(json!({"on": true})));
    assert_eq!(desk.rpc("do_not_disturb.get", json!({})).await, Ok(json!({"on": true})));
    assert_eq!(desk.rpc("do_not_disturb.set", json!({"on": "no"})).await, Err((107, "bad request".into())));
    let off = [("accid", "ann"), ("donnopOpen", "false")];
    assert_eq!(server.backend.call("user/setDonnop", &off).await["code"], 200);
    assert_eq!(phone.rpc("do_not_disturb.get", json!({})).await, Ok(json!({"on": false})));
    phone.rpc("do_not_disturb.set", json!({"on": true})).await.unwrap();
    server.restart().await;
    assert_eq!(server.connect("ann").await.rpc("do_not_disturb.get", json!({})).await, Ok(json!({"on": true})));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_list_page_and_read_their_conversations() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (mut ann, mut bob) = (server.connect("ann").await, server.user("bob").json().connect().await);
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        let message = json!({"to": "bob", "client_id": text, "element": {"type": "text", "text": text}});
        ids.push(ann.rpc("message.send", message).await.unwrap()["id"].clone());
    }
    assert_eq!(ann.texts(3).await, ["one", "two", "three"]);
    let second = bob.arrivals(3).await[1].data["id"].clone();
    let unread = async |user: &User| {
        let list = user.rpc("conversation.list", json!({})).await.unwrap();
        let one = &list["conversations"][0];
        assert_eq!(one["last"]["elements"][0]["text"], "three");
        (one["with"].clone(), one["unread"].clone())
    };
    assert_eq!(unread(&bob).await, (json!("ann"), json!(3)));
    assert!(bob.rpc("conversation.read", json!({"with": "ann", "through": second})).await.unwrap()["time"].is_u64());
    let read = ann.arrival().await;
    assert_eq!((&read.data["type"], &read.data["elements"][0]["message"]), (&json!("read"), &ids[1]));
    assert_eq!(unread(&bob).await, (json!("ann"), json!(1)));

    let page = async |more: Value| {
        let mut ask = json!({"with": "bob", "limit": 2});
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let page = ann.rpc("conversation.history", ask).await.unwrap();
        let texts = page["messages"].as_array().unwrap().iter().map(|it| it["elements"][0]["text"].clone());
        (texts.collect::<Vec<_>>(), page["more"].clone())
    };
    assert_eq!(page(json!({})).await, (vec![json!("three"), json!("two")], json!(true)));
    assert_eq!(page(json!({"before": ids[1]})).await, (vec![json!("one")], json!(false)));
    assert_eq!(page(json!({"after": ids[0]})).await, (vec![json!("two"), json!("three")], json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_takes_back_is_gone_from_who_has_it_and_from_who_comes_later() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (ann, mut bob) = (server.connect("ann").await, server.connect("bob").await);
    let message = json!({"to": "bob", "client_id": "c1", "element": {"type": "text", "text": "oops"}});
    let id = ann.rpc("message.send", message).await.unwrap()["id"].clone();
    let copy = bob.arrival().await.data["id"].clone();
    let recall = json!({"id": id, "note": "never mind"});
    assert_eq!(bob.rpc("message.recall", recall.clone()).await.unwrap_err().0, 1000, "it is not his");
    assert_eq!(ann.rpc("message.recall", recall).await, Ok(json!({})));
    let told = bob.arrival().await.data["elements"][0].clone();
    assert_eq!((&told["type"], &told["message"], &told["note"]), (&json!("recall"), &copy, &json!("never mind")));
    let late = server.user("bob").device("late").connect().await.arrivals(2).await;
    let kinds: Vec<_> = late.iter().map(|it| &it.data["type"]).collect();
    assert_eq!(kinds, ["withdrawn", "recall"]);
    assert_eq!(bob.rpc("message.original", json!({"id": copy})).await.unwrap_err().0, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_acknowledges_goes_on_behind_that_also_after_a_restart() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.user("bob").device("phone").connect().await;
    server.backend.send_text("ann", &["bob"], "seen").await;
    let offset = bob.arrival().await.offset;
    assert_eq!(bob.rpc("inbox.ack", json!({"offset": offset})).await, Ok(json!({})));
    assert_eq!(bob.rpc("inbox.ack", json!({"offset": offset + 1})).await.unwrap_err().0, 107, "it has not got that");
    let nameless = server.connect("bob").await.rpc("inbox.ack", json!({"offset": offset})).await;
    assert_eq!(nameless.unwrap_err().0, 108);
    bob.close().await;
    server.restart().await;
    server.backend.send_text("ann", &["bob"], "missed").await;
    assert_eq!(server.user("bob").device("phone").connect().await.texts(1).await, ["missed"]);
    assert_eq!(server.user("bob").device("other").connect().await.texts(2).await, ["seen", "missed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_too_many_takes_the_place_of_the_one_furthest_behind_which_gets_all_that_is_kept() {
    let server = TestServer::with("[gateway]\ndevices_remembered_max = 1", AppFile::default()).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    server.backend.send_text("ann", &["bob"], "seen").await;
    for device in ["phone", "pad"] {
        let mut bob = server.user("bob").device(device).connect().await;
        assert_eq!(bob.texts(1).await, ["seen"]);
        assert_eq!(bob.rpc("inbox.ack", json!({"offset": 1})).await, Ok(json!({})));
        bob.close().await;
    }
    server.backend.send_text("ann", &["bob"], "missed").await;
    assert_eq!(server.user("bob").device("pad").connect().await.texts(1).await, ["missed"]);
    assert_eq!(server.user("bob").device("phone").connect().await.texts(2).await, ["seen", "missed"]);
    assert!(server.get("/metrics").await.1.contains("carillon_store_forgotten_devices_total 1\n"));
}
