//! Nothing stays of accounts and apps that were removed, whatever is stopped meanwhile.

use super::*;

/// Everything in the database that is not the writer's own.
fn left_over(store: &EmbeddedStore) -> Vec<Vec<u8>> {
    let own = [Tag::Groups, Tag::LastApp, Tag::Mark, Tag::NextId].map(|tag| tag as u8);
    let slot = store.shared.slot.get().unwrap();
    let db = slot.as_ref().unwrap();
    let rest = keys(&db.rest).into_iter().filter(|key| !own.contains(&key[0]));
    let others = [&db.inbox, &db.history, &db.bodies, &db.rooms].map(keys);
    others.concat().into_iter().chain(rest).collect()
}

async fn make_fixed(store: &EmbeddedStore, room: RoomKey, account: AccountNo, name: &str) {
    for change in [MembershipChange::SetRole(RoomRole::Fixed), MembershipChange::NoteEntered(NOW_MS)] {
        let member = Member { room, account, id: id(name) };
        store.change_membership(member, change, Along::at(NOW_MS)).await.unwrap();
    }
}

#[tokio::test]
async fn what_rooms_kept_of_a_removed_account_goes_in_rounds_also_across_restarts_and_none_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    for name in ["ann", "bob", "carl"] {
        store.create_account(new_account(APP, name), None).await.unwrap();
    }
    let in_rooms = |store: &EmbeddedStore| {
        let slot = store.shared.slot.get().unwrap();
        let db = slot.as_ref().unwrap();
        (keys(&db.rooms), db.rest.prefix(format::rest(Tag::KeptNoMore)).count())
    };
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap().key);
    }
    let (before, _) = in_rooms(&store);
    for room in &rooms {
        make_fixed(&store, *room, BOB, "bob").await;
    }
    assert_eq!(in_rooms(&store).0.len(), before.len() + 15, "what is kept, by when it came, and in which room");
    for name in ["bob", "carl"] {
        store.remove_account(APP, &id(name), 0).await.unwrap().unwrap();
    }
    assert_eq!(in_rooms(&store).1, 1, "no room keeps anything of carl");
    let mut rounds = 0;
    while in_rooms(&store).1 > 0 {
        assert_eq!(store.memberships(rooms[0], &[BOB]).await, Ok(vec![Membership::default()]));
        store.trim(NOW_MS, 2).await.unwrap();
        rounds += 1;
        store.close().await;
        store = open(directory.path());
    }
    assert_eq!(rounds, 5, "a room in each");
    assert_eq!(in_rooms(&store), (before, 0));
}

#[tokio::test]
async fn a_room_keeps_nothing_of_a_creator_that_was_removed_before_the_room_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    let rows = || {
        let slot = store.shared.slot.get().unwrap();
        keys(&slot.as_ref().unwrap().rooms).len()
    };
    store.create_account(new_account(APP, "ann"), None).await.unwrap();
    store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap();
    assert_eq!(rows(), 6, "the room, two numbers of its app, and three of its creator");
    store.remove_account(APP, &id("ann"), 0).await.unwrap().unwrap();
    while store.trim(NOW_MS, 100).await.unwrap().more {}
    assert_eq!(rows(), 3);
    store.create_room(new_room(APP, "hall"), 0, None).await.unwrap();
    assert_eq!(rows(), 4);
}

#[tokio::test]
async fn the_records_of_a_removed_app_go_in_rounds_also_across_restarts_and_none_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    for name in ["ann", "bob", "carl"] {
        store
            .create_account(new_account(APP, name), remember(name, NOW_MS + 600_000, |_| String::new()))
            .await
            .unwrap();
    }
    for change in [
        AccountChange::SetBlocklisted { other: id("ann"), on: true },
        AccountChange::SetSilenced { other: id("ann"), on: true },
    ] {
        store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap();
    }
    for _ in 0..2 {
        send(&store).await.unwrap();
    }
    store.trim(NOW_MS + 700_000, 1_000).await.unwrap();
    send(&store).await.unwrap();
    let dropped = plan(APP, 1, &[(2, Fate::Drop(DropReason::Blocked))], NOW_MS);
    store.commit_message(dropped, None).await.unwrap();
    store.claim(BOB, &[Offset(3)], &[crate::fixture::device("phone")], false).await.unwrap();
    let room = store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap().key;
    make_fixed(&store, room, CARL, "carl").await;
    store.remove_account(APP, &id("carl"), 0).await.unwrap().unwrap();
    assert_eq!(store.remove_app(APP).await, Ok(true));
    let (mut removed, mut rounds) = (0, 0);
    loop {
        let round = store.trim(NOW_MS, 3).await.unwrap();
        (removed, rounds) = (removed + round.of_removed_apps, rounds + 1);
        if !round.more {
            break;
        }
        store.close().await;
        store = open(directory.path());
        assert_eq!(store.account(APP, &id("ann")).await, Ok(None));
        assert_eq!(store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap().entries.len(), 0);
    }
    assert!(rounds > 5 && removed > 15, "{removed} records in {rounds} rounds");
    assert_eq!(left_over(&store), Vec::<Vec<u8>>::new());
    store.close().await;
    let store = open(directory.path());
    assert_eq!(store.create_app(new_app("shop")).await.unwrap().id, AppId(2), "no number is given twice");
}
