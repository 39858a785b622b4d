//! The replies of `user/updateUinfo`, and what it changes.

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
