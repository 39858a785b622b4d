//! Up to where devices have the broadcasts that are kept, for those whose clients do not say it themselves.
//!
//! What a socket took may never have reached its client. So after a kept broadcast comes a ping, and only the pong to it
//! is believed, because it answers what was sent before it, too. Then it is noted, and not before: a device may get a
//! broadcast again whose connection ended in between, but it misses none. Meanwhile others join, and the next ping asks for
//! all of them: a device costs one small write for each round trip at most, and none where nothing new is kept.

use std::rc::Rc;

use carillon_core::port::{Change, StoreError};
use carillon_core::{AccountNo, DeviceId, MessageId};

use super::connection::Connection;
use super::{ConnId, LoggedIn, Shard};

#[derive(Debug)]
pub(super) struct Heard {
    /// The newest that was handed over.
    pub(super) through: MessageId,
    asked: Option<Box<Asked>>,
}

/// A question that is under way.
#[derive(Debug)]
struct Asked {
    through: MessageId,
    /// How many pongs are awaited up to the one that answers it.
    pongs: u32,
}

impl Heard {
    pub(super) fn new() -> Self {
        Self { through: MessageId(0), asked: None }
    }
}

impl Shard {
    /// Up to where somebody who logs in has the broadcasts already. Reads the store only where there are others.
    pub(super) async fn heard_before(&self, who: &LoggedIn) -> Result<MessageId, StoreError> {
        let (app, board) = (who.account.no.app(), &self.server.hub.board);
        let earlier = board.before(app, who.account.created_ms);
        if let Some(handled) = who.broadcast {
            // One that there is not yet must not keep it away when it comes.
            return Ok(handled.min(board.newest(app)).max(earlier));
        }
        let Some(device) = &who.device else { return Ok(earlier) };
        let now_ms = self.server.pipeline.clock.now_ms();
        if board.after(app, earlier, who.platform, now_ms).is_empty() {
            return Ok(earlier);
        }
        // First of all, because it is forgotten once the store has it.
        let written = self.notes.borrow().get(&(who.account.no, device.clone())).copied();
        let _permit = self.may_read().await;
        let noted = self.server.pipeline.store.noted_broadcast(who.account.no, device).await?;
        Ok(noted.max(written.unwrap_or(earlier)).max(earlier))
    }

    /// Takes in that the client has read everything up to one more ping.
    pub(super) fn hear_pong(self: &Rc<Self>, id: ConnId, now_us: u64) {
        let heard = self.with(id, |it| {
            let asked = it.heard.asked.as_mut()?;
            asked.pongs -= 1;
            if asked.pongs > 0 {
                return None;
            }
            let through = asked.through;
            it.heard.asked = None;
            if it.heard.through > through {
                ask(it, now_us);
                it.send();
            }
            Some((it.account, it.device.clone()?, through))
        });
        if let Some((account, device, through)) = heard.flatten() {
            self.note(account, device, through);
        }
    }

    fn note(self: &Rc<Self>, account: AccountNo, device: DeviceId, through: MessageId) {
        let this = self.clone();
        self.notes.borrow_mut().insert((account, device.clone()), through);
        tokio::task::spawn_local(async move {
            let devices_max = this.server.config.devices_remembered_max;
            let change = Change::NoteBroadcasts { account, device: device.clone(), through, devices_max };
            if let Err(error) = this.server.pipeline.store.change(account.app(), change, None).await {
                tracing::warn!(%error, "which broadcasts a device has was not noted: {error}");
            }
            let key = (account, device);
            // A newer one may have taken its place.
            if this.notes.borrow().get(&key) == Some(&through) {
                this.notes.borrow_mut().remove(&key);
                this.ended.notify_one();
            }
        });
    }
}

/// Asks the client by a ping whether it has what was handed over, unless it is being asked, or keeps it itself.
pub(super) fn ask(connection: &mut Connection, now_us: u64) {
    if !connection.is_noted || connection.heard.asked.is_some() {
        return;
    }
    connection.ping(now_us);
    let asked = Asked { through: connection.heard.through, pongs: connection.pings.unanswered };
    connection.heard.asked = Some(Box::new(asked));
}
