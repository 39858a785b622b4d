//! The replies of `user/updateUinfo` and `user/getUinfos`.

use carillon_core::AccountId;
use carillon_core::model::{Account, Gender, Profile};
use insta::assert_snapshot;

use super::*;

async fn ann(backend: &Backend) -> Account {
    backend.pipeline.store.account(AppId(1), &AccountId::new("ann").unwrap()).await.unwrap().unwrap()
}

/// A backend, with an account of which everything is known.
async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    let fields = [
        ("accid", "ann"),
        ("name", "Ann"),
        ("icon", "https://x/a.png"),
        ("sign", "hi"),
        ("email", "a@x"),
        ("birth", "2000-01-01"),
        ("mobile", "+1"),
        ("gender", "2"),
        ("ex", "{}"),
    ];
    backend.post("user/create.action", &fields).await;
    backend
}

async fn update(backend: &Backend, fields: &[(&str, &str)]) -> String {
    backend.post("user/updateUinfo.action", fields).await
}

#[tokio::test]
async fn what_is_given_changes_and_what_is_not_given_stays() {
    let backend = backend().await;
    let before = ann(&backend).await;
    assert_snapshot!(update(&backend, &[("accid", "Ann"), ("name", "Anna"), ("bid", "b")]).await, @r#"{"code":200}"#);
    let profile = Profile { name: "Anna".into(), ..before.profile.clone() };
    assert_eq!(ann(&backend).await, Account { profile: profile.clone(), ..before });
    assert_snapshot!(update(&backend, &[("accid", "ann"), ("gender", "0"), ("ex", "x")]).await, @r#"{"code":200}"#);
    assert_eq!(ann(&backend).await.profile, Profile { gender: Gender::Unknown, ex: "x".into(), ..profile.clone() });
    assert_snapshot!(update(&backend, &[("accid", "ann")]).await, @r#"{"code":200}"#);
    assert_eq!(ann(&backend).await.profile.name, "Anna");
}

#[tokio::test]
async fn a_text_that_is_given_empty_is_cleared_and_an_empty_gender_stays() {
    let backend = backend().await;
    let cleared = ["name", "icon", "sign", "email", "birth", "mobile", "gender", "ex"].map(|field| (field, ""));
    assert_snapshot!(update(&backend, &[&[("accid", "ann")], &cleared[..]].concat()).await, @r#"{"code":200}"#);
    assert_eq!(ann(&backend).await.profile, Profile { gender: Gender::Female, ..Profile::default() });
}

#[tokio::test]
async fn what_is_wrong_changes_nothing_and_is_named() {
    let backend = backend().await;
    let before = ann(&backend).await;
    assert_snapshot!(update(&backend, &[("name", "Anna")]).await, @r#"{"code":414,"desc":"accid is empty"}"#);
    assert_snapshot!(
        update(&backend, &[("accid", "Nobody"), ("name", "x")]).await,
        @r#"{"code":414,"desc":"nobody not register"}"#
    );
    assert_snapshot!(
        update(&backend, &[("accid", "ann"), ("name", "Anna"), ("gender", "3")]).await,
        @r#"{"code":414,"desc":"gender is not one of 0 1 2"}"#
    );
    let limits =
        [("name", 64), ("icon", 1_024), ("sign", 256), ("email", 64), ("birth", 16), ("mobile", 32), ("ex", 1_024)];
    for (field, max) in limits {
        let long = "你".repeat(max + 1);
        let expected = format!(r#"{{"code":414,"desc":"{field} is longer than {max} characters"}}"#);
        assert_eq!(update(&backend, &[("accid", "ann"), (field, &long)]).await, expected);
    }
    assert_eq!(ann(&backend).await, before);
    for (field, max) in limits {
        assert_eq!(update(&backend, &[("accid", "ann"), (field, &"你".repeat(max))]).await, r#"{"code":200}"#);
    }
}

#[tokio::test]
async fn the_next_message_carries_the_new_name_and_icon() {
    let backend = backend().await;
    backend.create(&["bob"]).await;
    update(&backend, &[("accid", "ann"), ("name", "Anna"), ("icon", "")]).await;
    backend.send(&[]).await;
    let sender = &backend.sent()[0].message.sender;
    assert_eq!((sender.nick.as_str(), sender.avatar.as_str()), ("Anna", ""));
}

async fn get(backend: &Backend, fields: &[(&str, &str)]) -> String {
    backend.post("user/getUinfos.action", fields).await
}

#[tokio::test]
async fn what_is_set_is_listed_and_what_is_not_set_is_left_out() {
    let backend = backend().await;
    backend.create(&["bob"]).await;
    assert_snapshot!(
        get(&backend, &[("accids", r#"["bob","Ann"]"#)]).await,
        @r#"{"code":200,"uinfos":[{"accid":"bob","gender":0,"valid":true,"mute":false},{"accid":"ann","name":"Ann","icon":"https://x/a.png","sign":"hi","email":"a@x","birth":"2000-01-01","mobile":"+1","gender":2,"ex":"{}","valid":true,"mute":false}]}"#
    );
    backend.post("user/updateUinfo.action", &[("accid", "bob"), ("gender", "1"), ("name", "Bob")]).await;
    assert_snapshot!(
        get(&backend, &[("accids", r#"["bob"]"#), ("muteStatus", "false")]).await,
        @r#"{"code":200,"uinfos":[{"accid":"bob","name":"Bob","gender":1,"valid":true,"mute":false}]}"#
    );
}

#[tokio::test]
async fn what_an_account_may_not_do_is_told() {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob"]).await;
    backend.post("user/block.action", &[("accid", "ann")]).await;
    backend.post("user/mute.action", &[("accid", "bob"), ("mute", "true")]).await;
    backend.post("user/muteModule.action", &[("accid", "bob"), ("muteP2P", "true"), ("muteRoom", "true")]).await;
    assert_snapshot!(
        get(&backend, &[("accids", r#"["ann","bob"]"#)]).await,
        @r#"{"code":200,"uinfos":[{"accid":"ann","gender":0,"valid":false,"mute":false},{"accid":"bob","gender":0,"valid":true,"mute":true}]}"#
    );
    assert_snapshot!(
        get(&backend, &[("accids", r#"["ann","bob"]"#), ("muteStatus", "true")]).await,
        @r#"{"code":200,"uinfos":[{"accid":"ann","gender":0,"valid":false,"mute":false,"muteP2P":false,"muteTeam":false,"muteRoom":false,"muteQChat":false},{"accid":"bob","gender":0,"valid":true,"mute":true,"muteP2P":true,"muteTeam":false,"muteRoom":true,"muteQChat":false}]}"#
    );
}

#[tokio::test]
async fn names_that_are_no_accounts_are_left_out_and_repeats_are_listed_once() {
    let backend = Backend::unlimited().await;
    backend.create(&["7"]).await;
    assert_snapshot!(get(&backend, &[("accids", r#"["nobody","a b",""]"#)]).await, @r#"{"code":200,"uinfos":[]}"#);
    assert_snapshot!(
        get(&backend, &[("accids", r#"[7,"x","7"]"#)]).await,
        @r#"{"code":200,"uinfos":[{"accid":"7","gender":0,"valid":true,"mute":false}]}"#
    );
}

#[tokio::test]
async fn a_list_that_is_wrong_is_refused() {
    let backend = Backend::unlimited().await;
    assert_snapshot!(get(&backend, &[]).await, @r#"{"code":414,"desc":"accids is empty"}"#);
    assert_snapshot!(get(&backend, &[("accids", "[]")]).await, @r#"{"code":414,"desc":"accids is empty"}"#);
    for malformed in ["ann", r#"{"a":1}"#, r#""ann""#, "[null]", "[1.5]", r#"[["ann"]]"#] {
        let reply = get(&backend, &[("accids", malformed)]).await;
        assert_eq!(reply, r#"{"code":414,"desc":"accids is not a JSON array of accids"}"#, "{malformed}");
    }
    assert_snapshot!(
        get(&backend, &[("accids", r#"["ann"]"#), ("muteStatus", "yes")]).await,
        @r#"{"code":414,"desc":"muteStatus is not true or false"}"#
    );
    assert_snapshot!(get(&backend, &[("accids", &accids(200))]).await, @r#"{"code":200,"uinfos":[]}"#);
    assert_snapshot!(
        get(&backend, &[("accids", &accids(201))]).await,
        @r#"{"code":414,"desc":"accids has more than 200 accids"}"#
    );
}
