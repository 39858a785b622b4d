//! The replies of `msg/broadcastMsg`, and what it commits.

use carillon_core::model::Platform;
use insta::assert_snapshot;

use super::*;

const PATH: &str = "msg/broadcastMsg.action";

#[tokio::test]
async fn a_body_alone_is_for_every_system_for_seven_days_and_not_kept() {
    let backend = Backend::unlimited().await;
    assert_snapshot!(
        backend.post(PATH, &[("body", "it is noon")]).await,
        @r#"{"code":200,"msg":{"broadcastId":1,"from":"","body":"it is noon","targetOs":["ios","aos","pc","web","mac"],"isOffline":false,"createTime":1700000000000,"expireTime":1700604800000}}"#
    );
    let seen = backend.seen.broadcasts.lock().unwrap();
    assert_eq!((seen.len(), seen[0].platforms.len(), seen[0].offline), (1, Platform::ALL.len(), false));
}

#[tokio::test]
async fn a_broadcast_has_a_sender_systems_and_a_time_to_live() {
    let backend = Backend::unlimited().await;
    backend.create(&["ann"]).await;
    let systems = r#"["web","aos","web"]"#;
    let fields = [("body", "noon"), ("from", "Ann"), ("isOffline", "true"), ("ttl", "2"), ("targetOs", systems)];
    assert_snapshot!(
        backend.post(PATH, &fields).await,
        @r#"{"code":200,"msg":{"broadcastId":1,"from":"ann","body":"noon","targetOs":["aos","web"],"isOffline":true,"createTime":1700000000000,"expireTime":1700007200000}}"#
    );
    let kept = backend.pipeline.store.broadcasts(AppId(1), NOW_MS).await.unwrap();
    assert_eq!(kept[0].platforms, [Platform::Android, Platform::Harmony, Platform::Web]);
}

#[tokio::test]
async fn a_time_to_live_of_zero_is_none_that_is_given() {
    let backend = Backend::unlimited().await;
    let reply = backend.post(PATH, &[("body", "noon"), ("ttl", "0")]).await;
    assert!(reply.contains(r#""expireTime":1700604800000"#), "{reply}");
}

#[tokio::test]
async fn fields_that_mean_nothing_are_refused() {
    let backend = Backend::unlimited().await;
    backend.create(&["ann"]).await;
    let mut replies = String::new();
    let long = "x".repeat(4_097);
    for fields in [
        &[][..],
        &[("body", &*long)],
        &[("body", "b"), ("targetOs", r#"["ios","tv"]"#)],
        &[("body", "b"), ("targetOs", "ios")],
        &[("body", "b"), ("ttl", "8761")],
        &[("body", "b"), ("isOffline", "maybe")],
        &[("body", "b"), ("from", "a b")],
        &[("body", "b"), ("from", "nobody")],
    ] {
        replies += &(backend.post(PATH, fields).await + "\n");
    }
    assert_snapshot!(replies, @r#"
    {"code":414,"desc":"body is empty"}
    {"code":414,"desc":"body is longer than 4096 characters"}
    {"code":414,"desc":"targetOs is not a JSON array of ios aos pc web mac"}
    {"code":414,"desc":"targetOs is not a JSON array of ios aos pc web mac"}
    {"code":414,"desc":"ttl is not a whole number from 1 to 8760"}
    {"code":414,"desc":"isOffline is not true or false"}
    {"code":414,"desc":"from is not an accid (1 to 32 letters, digits, _ @ . -)"}
    {"code":414,"desc":"nobody not register"}
    "#);
    assert!(backend.seen.broadcasts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_blocked_sender_and_an_app_without_the_feature_are_refused() {
    let backend = Backend::unlimited().await;
    backend.create(&["ann"]).await;
    backend.post("user/block.action", &[("accid", "ann")]).await;
    let reply = backend.post(PATH, &[("body", "b"), ("from", "ann")]).await;
    assert_snapshot!(reply, @r#"{"code":422,"desc":"account 'block'."}"#);
    backend.set(|settings| settings.broadcast_enabled = false).await;
    for from in [&[][..], &[("from", "nobody")]] {
        let reply = backend.post(PATH, &[&[("body", "b")], from].concat()).await;
        assert_eq!(reply, r#"{"code":403,"desc":"func not enable"}"#, "whoever it is from");
    }
}

#[tokio::test]
async fn the_eleventh_broadcast_in_a_minute_shuts_the_app_out_for_a_minute() {
    let backend = Backend::with(NeteaseConfig::default(), AppSettings::default()).await;
    for _ in 0..10 {
        assert!(backend.post(PATH, &[("body", "b")]).await.starts_with(r#"{"code":200"#));
    }
    assert_snapshot!(backend.post(PATH, &[("body", "b")]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(59_999);
    assert_snapshot!(backend.post(PATH, &[("body", "b")]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(1);
    assert!(backend.post(PATH, &[("body", "b")]).await.starts_with(r#"{"code":200"#));
}

#[tokio::test]
async fn a_repeat_under_its_request_id_is_told_the_first_answer_and_goes_to_nobody() {
    let backend = Backend::unlimited().await;
    let fields = [("body", "noon"), ("isOffline", "1")];
    let first = backend.post_as("r", PATH, &fields).await;
    backend.clock.advance_ms(5);
    assert_eq!(backend.post_as("r", PATH, &fields).await, first);
    assert_eq!(backend.seen.broadcasts.lock().unwrap().len(), 1);
}
