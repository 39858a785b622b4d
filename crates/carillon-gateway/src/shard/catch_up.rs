//! What a connection missed, read page by page at the pace of its socket, until it is live.
//!
//! Meanwhile nothing live is queued for it: the newest offset is noted, and reading goes on until it is reached.

use std::rc::Rc;
use std::task::Poll;

use carillon_core::port::{InboxEntry, InboxPage, PageLimit, Standing, StoreError};
use carillon_core::{AccountNo, DeviceId, Offset};

use super::connection::Connection;
use super::{ConnId, Shard, State, take_some};
use crate::envelope::{Copy, Envelope};
use crate::protocol::code::Close;
use crate::protocol::reply::Publication;

/// Pushes of a page are joined into frames of about this size.
const FRAME_BYTES: usize = 64 * 1024;

/// Connections that begin to read before the shard looks for what has come meanwhile: as many as are taken in at a time.
const STRIDE: usize = 32;

impl Shard {
    pub(super) fn page_limit(&self) -> PageLimit {
        PageLimit { entries: self.server.config.page_entries, bytes: self.server.config.page_bytes }
    }

    /// Has every live connection read what it may have missed. From now on none of them is handed anything live; they begin
    /// some at a time.
    pub(super) fn resynchronise(&self) {
        let State { connections, behind, .. } = &mut *self.state.borrow_mut();
        for (place, it) in connections.iter_mut() {
            if it.falls_behind(Offset::ZERO) {
                behind.push_back(ConnId { place, serial: it.serial() });
            }
        }
    }

    /// Has some of those begin who fell behind at once.
    pub(super) fn catch_up_some(self: &Rc<Self>) {
        let some = take_some(&mut self.state.borrow_mut().behind, STRIDE);
        some.into_iter().for_each(|id| self.spawn_catch_up(id));
    }

    /// Has a live connection read up to `top` at least.
    pub(super) fn begin_catch_up(self: &Rc<Self>, id: ConnId, top: Offset) {
        if self.with(id, |it| it.falls_behind(top)) == Some(true) {
            self.spawn_catch_up(id);
        }
    }

    fn spawn_catch_up(self: &Rc<Self>, id: ConnId) {
        let this = self.clone();
        tokio::task::spawn_local(async move { this.catch_up(id).await });
    }

    pub(super) async fn catch_up(self: &Rc<Self>, id: ConnId) {
        while self.drained(id).await {
            if self.hand_broadcasts(id) {
                continue;
            }
            match self.next_page(id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "an inbox could not be read: {error}");
                    return self.close_and_send(id, Close::SERVER_ERROR);
                }
            }
        }
    }

    /// Waits until the socket has taken all that was queued; `false` when the connection is over.
    async fn drained(&self, id: ConnId) -> bool {
        std::future::poll_fn(|context| {
            let waits = self.with(id, |it| {
                let empty = it.queued() == 0;
                let catch_up = it.catch_up.as_mut()?;
                catch_up.waker = (!empty).then(|| context.waker().clone());
                Some(!empty)
            });
            match waits.flatten() {
                Some(true) => Poll::Pending,
                Some(false) => Poll::Ready(true),
                None => Poll::Ready(false),
            }
        })
        .await
    }

    /// Reads one page and queues it; whether there may be more.
    async fn next_page(&self, id: ConnId) -> Result<bool, StoreError> {
        let begin = |it: &mut Connection| {
            it.catch_up.as_mut()?.again = false;
            Some((it.account, it.mark))
        };
        let Some((account, mark)) = self.with(id, begin).flatten() else { return Ok(false) };
        let page = {
            let _permit = self.may_read().await;
            self.server.metrics.pages.inc();
            self.server.pipeline.store.read_inbox(account, mark, self.page_limit()).await?
        };
        let entries = self.permitted(id, &page.entries).await?;
        let mut end = page.entries.last().map_or(page.state.top, |last| last.offset);
        let more = self.with(id, |it| {
            let catch_up = it.catch_up.as_ref()?;
            let (top, again) = (catch_up.top.max(page.state.top), catch_up.again || catch_up.broadcasts);
            let encoding = it.encoding();
            let mut frames = it.frames(FRAME_BYTES);
            for entry in &entries {
                if frames.bytes() >= self.server.config.page_bytes.max(1) {
                    // On the wire a page may be many times as long as it is in the store. The rest is read again.
                    end = entry.offset.before();
                    break;
                }
                frames.add(|out| Envelope::of(entry).push(encoding, entry_copy(entry), out));
            }
            frames.finish();
            it.mark = it.mark.max(end);
            // A page may be older than the newest offset that was heard of while it was read.
            let more = again || it.mark < top;
            if !more {
                it.catch_up = None;
            }
            it.send();
            Some(more)
        });
        Ok(more.flatten().unwrap_or(false))
    }

    /// Those of `entries` that the connection's device may have: what does not roam is for one device, what was deleted or has
    /// expired for none.
    pub(super) async fn permitted(&self, id: ConnId, entries: &[InboxEntry]) -> Result<Vec<InboxEntry>, StoreError> {
        let now_ms = self.server.pipeline.clock.now_ms();
        let kept = || entries.iter().filter(|it| is_there(it, now_ms));
        let bound: Vec<Offset> = kept().filter(|it| !it.message.options.roam).map(|it| it.offset).collect();
        if bound.is_empty() {
            return Ok(kept().cloned().collect());
        }
        let Some((account, device)) = self.with(id, |it| (it.account, it.claimant())) else {
            return Ok(Vec::new());
        };
        let granted = self.server.pipeline.store.claim(account, &bound, &[device], false).await?;
        let refused: Vec<Offset> = bound.into_iter().zip(granted).filter(|(_, ok)| !ok).map(|(it, _)| it).collect();
        Ok(kept().filter(|it| !refused.contains(&it.offset)).cloned().collect())
    }

    /// The first page for a reply: at most the bytes of a page; and the offset that it ends at.
    pub(super) async fn publications(
        &self,
        id: ConnId,
        page: &InboxPage,
        from: Offset,
    ) -> Result<(Vec<Publication>, Offset), StoreError> {
        let permitted = self.permitted(id, &page.entries).await?;
        let (mut publications, mut bytes) = (Vec::new(), 0);
        for entry in &permitted {
            let publication = publication(entry);
            bytes += publication.data.len();
            if bytes > self.server.config.page_bytes && !publications.is_empty() {
                return Ok((publications, entry.offset.before()));
            }
            publications.push(publication);
        }
        Ok((publications, page.entries.last().map_or(from, |last| last.offset)))
    }

    /// Notes that devices have entries that do not roam.
    pub(super) fn claim_live(self: &Rc<Self>, account: AccountNo, offset: Offset, devices: Vec<DeviceId>) {
        let this = self.clone();
        tokio::task::spawn_local(async move {
            let claimed = this.server.pipeline.store.claim(account, &[offset], &devices, true).await;
            if let Err(error) = claimed {
                tracing::warn!(%error, "who had a message was not noted: {error}");
            }
        });
    }
}

/// Whether it was neither deleted nor has expired.
pub(super) fn is_there(entry: &InboxEntry, now_ms: u64) -> bool {
    entry.standing != Standing::Deleted && !entry.message.has_expired(now_ms)
}

pub(super) fn publication(entry: &InboxEntry) -> Publication {
    Publication { data: Envelope::of(entry).data(entry.id, entry.role), offset: entry.offset.0 }
}

fn entry_copy(entry: &InboxEntry) -> Copy {
    Copy { id: entry.id, offset: Some(entry.offset), role: entry.role }
}

#[cfg(test)]
#[path = "catch_up_tests.rs"]
mod tests;
