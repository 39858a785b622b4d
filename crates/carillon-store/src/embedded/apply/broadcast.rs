//! Committing a broadcast: what it says, where it is kept at all, and whose it is.

use std::sync::Arc;

use carillon_core::model::Broadcast;
use carillon_core::port::{Remember, StoreError};

use crate::embedded::format::{self, Tag};
use crate::embedded::group::{Group, News};
use crate::embedded::record::{self, BroadcastRecord, SaidToAllRecord};

pub(crate) fn commit(
    group: &mut Group<'_>,
    broadcast: Broadcast,
    remember: Option<Remember<Broadcast>>,
) -> Result<Arc<Broadcast>, StoreError> {
    group.check(broadcast.app)?;
    let broadcast = Arc::new(Broadcast { id: group.take_ids(1), ..broadcast });
    let key = format::by_message(Tag::SaidToAll, broadcast.id);
    let value = record::encode(&key, &SaidToAllRecord::from(&*broadcast));
    group.put_rest(key, value);
    if broadcast.offline {
        let key = format::broadcast(broadcast.app, broadcast.id);
        let value = record::encode(&key, &BroadcastRecord::from(&*broadcast));
        group.put_rest(key, value);
    }
    group.remember(broadcast.app, remember, &broadcast);
    group.news.push(News::Broadcast(Arc::clone(&broadcast)));
    Ok(broadcast)
}
