//! Messages that each recipient gets once, however often their sender tries.

use carillon_core::Offset;
use carillon_core::command::{Once, Recipients, Send};
use carillon_core::model::CopyOptions;
use carillon_core::pipeline::SentOnce;
use carillon_core::port::{PageLimit, Store as _};

use super::world::{World, id, message};

async fn try_once(world: &World, key: &str, client_id: &str, to: &[&str]) -> SentOnce {
    let to = Recipients::Many { named: to.iter().map(|name| id(name)).collect(), impossible: 0 };
    let command = Send { client_id: Some(client_id.into()), ..message("shop", to, "hello", CopyOptions::default()) };
    let once = Once { key: key.into(), memory_ms: 120_000, to_new: true };
    world.pipeline.send_once(&world.app, command, once).await.unwrap()
}

async fn inbox(world: &World, name: &str) -> Vec<String> {
    let account = world.account_of(name).await.no;
    let limit = PageLimit { entries: 100, bytes: 1 << 20 };
    let page = world.store.read_inbox(account, Offset::ZERO, limit).await.unwrap();
    page.entries.iter().map(|it| it.message.client_id.clone()).collect()
}

#[tokio::test]
async fn a_repeat_goes_to_new_recipients_only_and_keeps_the_first_id() {
    let world = World::new().await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let first = try_once(&world, "k", "first", &["ann", "nobody"]).await;
    assert_eq!((first.client_id.as_str(), first.reached, first.unregistered), ("first", 1, vec![id("nobody")]));
    let again = try_once(&world, "k", "second", &["ann"]).await;
    assert_eq!((again.client_id.as_str(), again.reached, again.unregistered), ("first", 1, Vec::new()));
    world.account("nobody").await;
    let more = try_once(&world, "k", "third", &["ann", "bob", "nobody", "none"]).await;
    assert_eq!((more.client_id.as_str(), more.reached, more.unregistered), ("first", 3, vec![id("none")]));
    try_once(&world, "k", "fourth", &["ann", "bob", "nobody"]).await;
    for name in ["ann", "bob", "nobody", "shop"] {
        assert_eq!(inbox(&world, name).await, ["first"], "{name}");
    }
}

#[tokio::test]
async fn another_key_and_a_time_after_the_memory_make_another_message() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    try_once(&world, "k", "first", &["ann"]).await;
    try_once(&world, "l", "other", &["ann"]).await;
    world.clock.advance_ms(119_999);
    try_once(&world, "k", "repeat", &["ann"]).await;
    world.clock.advance_ms(1);
    try_once(&world, "k", "later", &["ann"]).await;
    assert_eq!(inbox(&world, "ann").await, ["first", "other", "later"]);
}

#[tokio::test]
async fn who_has_the_name_of_an_account_that_was_removed_has_got_nothing_yet() {
    let world = World::new().await;
    world.accounts(&["shop", "ann", "bob"]).await;
    try_once(&world, "k", "first", &["ann", "bob"]).await;
    world.pipeline.remove_account(&world.app, &id("ann")).await.unwrap();
    world.account("ann").await;
    let again = try_once(&world, "k", "second", &["bob", "ann"]).await;
    assert_eq!((again.client_id.as_str(), again.reached), ("first", 2));
    assert_eq!(
        (inbox(&world, "ann").await, inbox(&world, "bob").await),
        (vec!["first".to_owned()], vec!["first".into()])
    );
}
