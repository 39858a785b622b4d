//! The replies of `user/userOnlineStatus`.

use carillon_core::DeviceId;
use carillon_core::model::Platform;
use insta::assert_snapshot;

use super::*;

async fn status(backend: &Backend, accids: &str) -> String {
    backend.post("user/userOnlineStatus.action", &[("accids", accids)]).await
}

/// A backend, with these accounts online on these platforms.
async fn backend(online: &[(&str, &[Option<Platform>])]) -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob", "carl", "7"]).await;
    for (name, platforms) in online {
        let session = |(n, platform): (u64, &Option<Platform>)| Session {
            device: DeviceId::new("phone").ok(),
            platform: *platform,
            since_ms: NOW_MS + n,
        };
        let sessions = (0..).zip(*platforms).map(session).collect();
        backend.seen.online.lock().unwrap().insert((AppId(1), AccountId::new(name).unwrap()), sessions);
    }
    backend
}

#[tokio::test]
async fn who_is_online_is_told_with_time_and_type_and_who_is_not_is_left_out() {
    let backend = backend(&[("ann", &[Some(Platform::Ios), Some(Platform::Web)]), ("7", &[None])]).await;
    assert_snapshot!(
        status(&backend, r#"["Ann","bob",7]"#).await,
        @r#"{"code":200,"data":{"invalidAccids":[],"status":{"7":[{"loginTime":1700000000000,"clientType":0}],"ann":[{"loginTime":1700000000000,"clientType":2},{"loginTime":1700000000001,"clientType":16}]}},"invalidAccids":[],"status":{"7":[{"loginTime":1700000000000,"clientType":0}],"ann":[{"loginTime":1700000000000,"clientType":2},{"loginTime":1700000000001,"clientType":16}]}}"#
    );
    assert_snapshot!(
        status(&backend, r#"["bob"]"#).await,
        @r#"{"code":200,"data":{"invalidAccids":[],"status":{}},"invalidAccids":[],"status":{}}"#
    );
}

#[tokio::test]
async fn names_that_are_no_accounts_are_invalid_each_once() {
    let backend = backend(&[("ann", &[Some(Platform::Mac)])]).await;
    assert_snapshot!(
        status(&backend, r#"["a b","Nobody","ann","nobody","a b","ANN",""]"#).await,
        @r#"{"code":200,"data":{"invalidAccids":["nobody","a b",""],"status":{"ann":[{"loginTime":1700000000000,"clientType":64}]}},"invalidAccids":["nobody","a b",""],"status":{"ann":[{"loginTime":1700000000000,"clientType":64}]}}"#
    );
}

#[tokio::test]
async fn every_platform_has_the_vendors_number() {
    let platforms = Platform::ALL.map(Some);
    let backend = backend(&[("ann", &platforms)]).await;
    let reply: serde_json::Value = serde_json::from_str(&status(&backend, r#"["ann"]"#).await).unwrap();
    let sessions = reply["data"]["status"]["ann"].as_array().unwrap();
    let numbers: Vec<u64> = sessions.iter().map(|it| it["clientType"].as_u64().unwrap()).collect();
    assert_eq!(Platform::ALL.map(Platform::name), ["android", "ios", "harmony", "windows", "mac", "linux", "web"]);
    assert_eq!(numbers, [1, 2, 65, 4, 64, 4, 16]);
}

#[tokio::test]
async fn a_list_that_is_wrong_is_refused() {
    let backend = backend(&[]).await;
    let missing = backend.post("user/userOnlineStatus.action", &[]).await;
    assert_snapshot!(missing, @r#"{"code":414,"desc":"accids is empty"}"#);
    assert_snapshot!(status(&backend, "[]").await, @r#"{"code":414,"desc":"accids is empty"}"#);
    assert_snapshot!(
        status(&backend, "[ann]").await,
        @r#"{"code":414,"desc":"accids is not a JSON array of accids"}"#
    );
    assert!(status(&backend, &accids(100)).await.contains(r#""code":200"#));
    assert_snapshot!(
        status(&backend, &accids(101)).await,
        @r#"{"code":414,"desc":"accids has more than 100 accids"}"#
    );
}
