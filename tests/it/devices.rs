//! Which of an account's devices stay, with the official SDK: it must not come back where it was replaced.

use carillon_testkit::{AppFile, Proxy, TestServer, UserBuilder};
use serde_json::json;

async fn server(devices: &str) -> TestServer {
    let lines = format!("limits = \"unlimited\"\ndevices = \"{devices}\"\n");
    let server = TestServer::with("", AppFile { lines, ..AppFile::default() }).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_device_per_platform_a_new_phone_takes_the_place_of_the_old_one() {
    let server = server("one_per_platform").await;
    let phone = |name: &str| server.user("bob").device(name).data("platform", json!("android"));
    let mut old = phone("old").connect().await;
    let mut web = server.user("bob").device("web").data("platform", json!("web")).json().connect().await;
    let mut new = phone("new").connect().await;
    assert_eq!(old.disconnected().await, (4504, "another device logged in".into()));
    server.backend.send_text("ann", &["bob"], "hello").await;
    assert_eq!((new.texts(1).await, web.texts(1).await), (vec!["hello".to_owned()], vec!["hello".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_wire_was_cut_comes_back_again_and_again_and_misses_nothing() {
    let server = server("one").await;
    let proxy = Proxy::start(&server.url).await;
    let token = server.app.token("bob", None);
    let mut phone = UserBuilder::new(&proxy.url, &token).device("phone").connect().await;
    for round in 1..=5 {
        let text = format!("{round}");
        server.backend.send_text("ann", &["bob"], &text).await;
        assert_eq!(phone.texts(1).await, [text]);
        proxy.cut();
        phone.connected().await;
    }
}
