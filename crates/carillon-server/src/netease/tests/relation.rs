//! The replies of `user/setSpecialRelation` and `user/listBlackAndMuteList`, and what the lists keep away.

use carillon_core::model::{DropReason, Fate};
use insta::assert_snapshot;

use super::*;

async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob", "carl"]).await;
    backend
}

async fn set(backend: &Backend, fields: &[(&str, &str)]) -> String {
    backend.post("user/setSpecialRelation.action", fields).await
}

/// Puts `target` on a list of `owner`'s, or takes it off.
async fn relate(backend: &Backend, owner: &str, target: &str, relation: &str, value: &str) -> String {
    let fields = [("accid", owner), ("targetAcc", target), ("relationType", relation), ("value", value)];
    set(backend, &fields).await
}

async fn list(backend: &Backend, accid: &str) -> String {
    backend.post("user/listBlackAndMuteList.action", &[("accid", accid)]).await
}

#[tokio::test]
async fn each_list_is_kept_by_itself() {
    let backend = backend().await;
    assert_snapshot!(list(&backend, "bob").await, @r#"{"code":200,"mutelist":[],"blacklist":[]}"#);
    assert_snapshot!(relate(&backend, "Bob", "Carl", "1", "1").await, @r#"{"code":200}"#);
    assert_snapshot!(relate(&backend, "bob", "carl", "1", "1").await, @r#"{"code":200}"#);
    relate(&backend, "bob", "ann", "1", "1").await;
    relate(&backend, "bob", "ann", "2", "1").await;
    assert_snapshot!(list(&backend, "Bob").await, @r#"{"code":200,"mutelist":["ann"],"blacklist":["ann","carl"]}"#);
    assert_snapshot!(relate(&backend, "bob", "ann", "1", "0").await, @r#"{"code":200}"#);
    assert_snapshot!(list(&backend, "bob").await, @r#"{"code":200,"mutelist":["ann"],"blacklist":["carl"]}"#);
    relate(&backend, "bob", "ann", "2", "0").await;
    assert_snapshot!(relate(&backend, "bob", "ann", "2", "0").await, @r#"{"code":200}"#);
    assert_snapshot!(list(&backend, "bob").await, @r#"{"code":200,"mutelist":[],"blacklist":["carl"]}"#);
    assert_snapshot!(list(&backend, "carl").await, @r#"{"code":200,"mutelist":[],"blacklist":[]}"#);
}

#[tokio::test]
async fn the_blocklist_keeps_messages_away_and_the_mute_list_does_not() {
    let backend = backend().await;
    relate(&backend, "bob", "ann", "2", "1").await;
    backend.send(&[]).await;
    relate(&backend, "bob", "ann", "1", "1").await;
    backend.send(&[]).await;
    relate(&backend, "bob", "ann", "1", "0").await;
    backend.send(&[]).await;
    let fates: Vec<_> = backend.sent().iter().map(|sent| sent.copies[0].fate).collect();
    assert_eq!(fates, [Fate::Inbox, Fate::Drop(DropReason::Blocked), Fate::Inbox]);
}

#[tokio::test]
async fn an_account_that_is_not_registered_is_named_on_either_side() {
    let backend = backend().await;
    for relation in ["1", "2"] {
        for (owner, target, unknown) in [("nobody", "ann", "nobody"), ("ann", "Nobody", "nobody"), ("x", "y", "x")] {
            let expected = format!(r#"{{"code":414,"desc":"{unknown} not register"}}"#);
            assert_eq!(relate(&backend, owner, target, relation, "1").await, expected);
        }
    }
    assert_snapshot!(list(&backend, "Nobody").await, @r#"{"code":414,"desc":"nobody not register"}"#);
    assert_snapshot!(list(&backend, "").await, @r#"{"code":414,"desc":"accid is empty"}"#);
    assert_snapshot!(
        list(&backend, "a b").await,
        @r#"{"code":414,"desc":"accid is not an accid (1 to 32 letters, digits, _ @ . -)"}"#
    );
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let backend = backend().await;
    let all = [("accid", "ann"), ("targetAcc", "bob"), ("relationType", "1"), ("value", "1")];
    for (field, _) in all {
        let others: Vec<_> = all.into_iter().filter(|(name, _)| *name != field).collect();
        assert_eq!(set(&backend, &others).await, format!(r#"{{"code":414,"desc":"{field} is empty"}}"#));
    }
    assert_snapshot!(
        relate(&backend, "ann", "b b", "1", "1").await,
        @r#"{"code":414,"desc":"targetAcc is not an accid (1 to 32 letters, digits, _ @ . -)"}"#
    );
    assert_snapshot!(
        relate(&backend, "ann", "bob", "3", "1").await,
        @r#"{"code":414,"desc":"relationType is not one of 1 2"}"#
    );
    assert_snapshot!(relate(&backend, "ann", "bob", "1", "2").await, @r#"{"code":414,"desc":"value is not one of 0 1"}"#);
    assert_snapshot!(list(&backend, "ann").await, @r#"{"code":200,"mutelist":[],"blacklist":[]}"#);
}
