//! What users ask and change without a message, with the official SDK.

use carillon_testkit::TestServer;
use serde_json::json;

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
    let lists = server.backend.call("user/listBlackAndMuteList", &[("accid", "ann")]).await;
    assert_eq!((&lists["blacklist"], &lists["mutelist"]), (&json!(["bob"]), &json!(["carl"])));
    server.backend.send_text("bob", &["ann"], "unwanted").await;
    server.backend.send_text("carl", &["ann"], "wanted").await;
    assert_eq!(ann.texts(1).await, ["wanted"]);
}
