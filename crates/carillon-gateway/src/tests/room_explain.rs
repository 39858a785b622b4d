//! Dry runs of messages to rooms: what they foresee is what comes, and they change nothing.

use carillon_core::AccountNo;
use carillon_core::command::{RoomChange, RoomRecipients, RoomSend};
use carillon_core::decide::Refusal;
use carillon_core::model::{AppSettings, DropReason, Outcome, RoomPriority};
use carillon_core::port::Foreseen;
use serde_json::{Value, json};

use super::room::{text, to_tags};
use super::world::{World, id};
use crate::GatewayConfig;

const RED: &str = r#"{"tag":"red"}"#;

impl World {
    async fn explain(&self, command: RoomSend, after: AccountNo, limit: usize) -> Foreseen {
        self.pipeline.explain_in_room(&self.app, command, after, limit).await.unwrap()
    }

    async fn explained(&self, command: RoomSend) -> Foreseen {
        self.explain(command, AccountNo(0), 100).await
    }
}

/// By account and device.
fn fates(foreseen: &Foreseen) -> Vec<(u64, Option<&str>, Outcome)> {
    let of_each = foreseen.accounts.iter().flat_map(|it| it.connections.iter().map(move |one| (it.account, one)));
    of_each.map(|(no, (device, outcome))| (no.serial(), device.as_ref().map(|it| it.as_str()), *outcome)).collect()
}

#[tokio::test]
async fn a_dry_run_tells_who_would_get_a_message_and_who_not_and_why() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl", "dora"]).await;
    let room = world.room("ann").await.key.no;
    let _bob = world.member("bob", room, json!({"tags": ["red"]})).await;
    let _carl = world.member("carl", room, Value::Null).await;
    let mut tablet = world.connected("carl", "tablet").await;
    tablet.enter(room, json!({"tags": ["red", "blue"]})).await.unwrap();
    let (got, dropped) = (Outcome::Delivered, Outcome::Dropped);
    let tags = world.explained(to_tags(text(room, "ann", "x"), RED)).await;
    let [bob, mut carl] = ["phone-of-bob", "phone-of-carl"].map(Some);
    let expected = [(2, bob, got), (3, carl, dropped(DropReason::TagMismatch)), (3, Some("tablet"), got)];
    assert_eq!((fates(&tags), tags.more), (expected.to_vec(), false));
    assert_eq!((tags.counts.audience, tags.counts.delivered), (3, 2));

    let to = RoomRecipients::Accounts(["bob", "dora", "nobody"].map(id).into());
    let named = world.explained(RoomSend { to, ..text(room, "ann", "x") }).await;
    assert_eq!(fates(&named), [(2, bob, got), (4, None, dropped(DropReason::NotInRoom))]);

    // By pages of whole accounts.
    let first = world.explain(text(room, "ann", "x"), AccountNo(0), 1).await;
    assert_eq!((fates(&first), first.more, first.counts.audience), (vec![(2, bob, got)], true, 3));
    let rest = world.explain(text(room, "ann", "x"), first.accounts[0].account, 1).await;
    assert_eq!((fates(&rest), rest.more), (vec![(3, carl.take(), got), (3, Some("tablet"), got)], false));

    world.change_room(room, RoomChange::SetMuted(true)).await;
    let refused = world.pipeline.explain_in_room(&world.app, text(room, "bob", "x"), AccountNo(0), 9).await;
    assert_eq!(refused, Err(Refusal::SenderMuted));
}

#[tokio::test]
async fn a_dry_run_charges_nobody_and_sees_what_was_charged() {
    let world = World::idle(GatewayConfig::default(), AppSettings::default(), 7).await;
    world.gateway.run().await.unwrap();
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let high =
        || RoomSend { priority: RoomPriority { high: true, ..RoomPriority::default() }, ..text(room, "ann", "x") };
    let limit = world.app.settings.rooms.normal_per_s as usize;
    for _ in 0..3 * limit {
        assert_eq!(world.explained(text(room, "ann", "x")).await.counts.delivered, 1);
        assert_eq!(world.explained(high()).await.counts.delivered, 1);
    }
    for n in 0..limit {
        world.say(text(room, "ann", &n.to_string())).await;
    }
    for n in 0..limit {
        assert_eq!(bob.said(room).await, n.to_string());
    }
    let full = world.explained(text(room, "ann", "x")).await;
    assert_eq!(fates(&full), [(2, Some("phone-of-bob"), Outcome::Dropped(DropReason::FlowLimit))]);
    assert_eq!(world.explained(high()).await.counts.delivered, 1);
    assert_eq!(world.drops(DropReason::FlowLimit), 0, "nothing was counted");
}
