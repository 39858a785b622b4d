//! Reading a conversation by the seconds in which its messages were said, and within a second by a rank of the caller's.
//!
//! Ids do not tell that order exactly, and of what was said elsewhere before and joined later they do not tell it at all. So a page
//! is chosen from all that can be of its time: of the minutes around it, and where something joined late, of all up to there.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Pipeline;
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{App, Message};
use crate::port::{MOMENT_MS, PageLimit, Span, StoreError, View};

/// What orders the messages of a second.
pub type Rank = (u32, u32);

/// Which messages of a conversation.
#[derive(Clone, Debug)]
pub struct PastQuery {
    /// Who looks.
    pub viewer: AccountId,
    pub other: AccountId,
    /// In seconds since 1970, both included.
    pub from_s: u64,
    pub to_s: u64,
    /// Only those of the last second that are below this.
    pub below: Option<Rank>,
    /// How many, about: messages of the same rank in the same second are not parted.
    pub limit: usize,
    pub rank: fn(MessageId, &Message) -> Rank,
}

#[derive(Clone, Debug)]
pub struct PastEntry {
    /// The recipient's copy.
    pub id: MessageId,
    pub message: Arc<Message>,
    pub is_withdrawn: bool,
}

#[derive(Clone, Debug)]
pub struct PastPage {
    /// The newest first.
    pub entries: Vec<PastEntry>,
    /// Whether there are older ones within the time.
    pub more: bool,
    /// The newest copy that the viewer has read, and that the other has; 0 for none.
    pub read: MessageId,
    pub read_by_other: MessageId,
}

/// An entry's place in the order.
type Place = (u64, Rank);

/// What one read of the store takes at most.
const PAGE: PageLimit = PageLimit { entries: 500, bytes: 4 << 20 };

impl Pipeline {
    /// The newest messages of a time that two accounts exchanged, as one of them has them.
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn past(&self, app: &App, query: &PastQuery) -> Result<PastPage, Refusal> {
        let viewer = self.known(app, &query.viewer).await?.no;
        let other = self.known(app, &query.other).await?.no;
        let now_ms = self.clock.now_ms();
        let mut found = Found { entries: Vec::new(), limit: query.limit };
        let mut span = self.past_span((viewer, other), query.to_s).await?;
        // One more tells whether there are more.
        let mut limit = PageLimit { entries: query.limit.saturating_add(1).min(PAGE.entries), ..PAGE };
        let mut oldest_s = query.from_s;
        loop {
            let page = self.store.conversation((viewer, other), View::Past(viewer), span, limit).await?;
            let Some((last, _)) = page.entries.last() else { break };
            span.before = *last;
            // Where the page is near, little is read, and where it is far, in few reads.
            limit.entries = (limit.entries * 2).min(PAGE.entries);
            for (id, message) in page.entries {
                let place = (message.time_ms / 1_000, (query.rank)(id, &message));
                if query.takes(place) && !message.has_expired(now_ms) {
                    let is_withdrawn = page.withdrawn.contains(&id);
                    found.entries.push((place, PastEntry { id, message, is_withdrawn }));
                }
            }
            oldest_s = found.cut().unwrap_or(oldest_s);
            // Nothing is said after it was accepted.
            if span.before < self.store.first_id_at((oldest_s * 1_000).saturating_sub(MOMENT_MS)).await? {
                break;
            }
        }
        let (read, read_by_other) =
            (self.store.read_mark(viewer, other).await?, self.store.read_mark(other, viewer).await?);
        let more = found.entries.len() > found.end();
        found.entries.truncate(found.end());
        let entries = found.entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(PastPage { entries, more, read, read_by_other })
    }

    /// From the newest that can have been said in this second.
    async fn past_span(&self, between: (AccountNo, AccountNo), to_s: u64) -> Result<Span, StoreError> {
        let end_ms = to_s.saturating_add(1).saturating_mul(1_000);
        let said = self.store.first_id_at(end_ms.saturating_add(MOMENT_MS)).await?;
        let joined = self.store.joined(between).await?;
        Ok(Span { after: MessageId(0), before: said.max(joined.plus(1)), newest_first: true })
    }
}

impl PastQuery {
    fn takes(&self, (second, rank): Place) -> bool {
        let is_below = second < self.to_s || self.below.is_none_or(|below| rank < below);
        (self.from_s..=self.to_s).contains(&second) && is_below
    }
}

/// What was found so far; in order once it was cut.
struct Found {
    entries: Vec<(Place, PastEntry)>,
    limit: usize,
}

impl Found {
    /// Lets go of what is below the page, but for one entry, whose second is returned: older ones are not wanted.
    fn cut(&mut self) -> Option<u64> {
        self.entries.sort_unstable_by_key(|(place, entry)| Reverse((*place, entry.id)));
        self.entries.truncate(self.end() + 1);
        self.entries.get(self.end()).map(|((second, _), _)| *second)
    }

    /// Where the page ends.
    fn end(&self) -> usize {
        let Some((last, _)) = self.limit.checked_sub(1).and_then(|at| self.entries.get(at)) else {
            return self.entries.len().min(self.limit);
        };
        self.limit + self.entries[self.limit..].iter().take_while(|(place, _)| place == last).count()
    }
}
