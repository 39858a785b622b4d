//! What the options of a message mean for each device.

use carillon_testkit::{TestServer, User};
use serde_json::json;

async fn send(server: &TestServer, text: &str, option: &str) {
    server.backend.send("ann", &["bob"], text, &[("option", option)]).await;
}

/// The offsets and texts of what `user` gets up to the text `last`.
async fn until(user: &mut User, last: &str) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    loop {
        let arrival = user.arrival().await;
        seen.push((arrival.offset, arrival.text().to_owned()));
        if arrival.text() == last {
            return seen;
        }
    }
}

fn expected(list: &[(u64, &str)]) -> Vec<(u64, String)> {
    list.iter().map(|(offset, text)| (*offset, (*text).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_persistent_reaches_who_is_online_and_nobody_later() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;

    send(&server, "now", r#"{"persistent":false}"#).await;
    send(&server, "kept", "{}").await;

    assert_eq!(until(&mut bob, "kept").await, expected(&[(0, "now"), (1, "kept")]));
    let mut later = server.connect("bob").await;
    assert_eq!(until(&mut later, "kept").await, expected(&[(1, "kept")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_roam_stays_with_the_devices_that_got_it_live() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut phone = server.user("bob").device("phone").connect().await;

    send(&server, "here", r#"{"roam":false}"#).await;
    send(&server, "everywhere", "{}").await;
    assert_eq!(until(&mut phone, "everywhere").await, expected(&[(1, "here"), (2, "everywhere")]));

    let mut laptop = server.user("bob").device("laptop").connect().await;
    assert_eq!(until(&mut laptop, "everywhere").await, expected(&[(2, "everywhere")]));
    phone.close().await;
    let mut phone = server.user("bob").device("phone").connect().await;
    let again = until(&mut phone, "everywhere").await;
    assert_eq!(again, expected(&[(1, "here"), (2, "everywhere")]), "the same device may have it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_roam_goes_to_the_first_device_that_catches_up() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    send(&server, "first come", r#"{"roam":false}"#).await;
    send(&server, "everywhere", "{}").await;

    let mut phone = server.user("bob").device("phone").connect().await;
    assert_eq!(until(&mut phone, "everywhere").await, expected(&[(1, "first come"), (2, "everywhere")]));
    let mut laptop = server.user("bob").device("laptop").connect().await;
    assert_eq!(until(&mut laptop, "everywhere").await, expected(&[(2, "everywhere")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_senders_devices_get_a_copy_unless_the_message_says_otherwise() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut ann = server.connect("ann").await;

    send(&server, "not for me", r#"{"sendersync":false}"#).await;
    server.backend.send("ann", &["bob"], "unseen", &[("msgSenderNoSense", "1")]).await;
    server.backend.send("ann", &["bob", "ann"], "among them", &[("msgSenderNoSense", "1")]).await;
    send(&server, "mine", "{}").await;

    let texts: Vec<String> = until(&mut ann, "mine").await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["among them", "among them", "mine"], "as a recipient, and as the sender");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_are_not_the_default_are_shown_to_the_client() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;

    send(&server, "quiet", r#"{"badge":false,"sessionUpdate":false}"#).await;
    send(&server, "plain", "{}").await;

    let quiet = bob.arrival().await;
    assert_eq!(quiet.data["options"], json!({ "badge": false, "session_update": false }));
    assert_eq!(bob.arrival().await.data.get("options"), None);
}
