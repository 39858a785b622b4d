//! Reading conversations: the messages of one, and the list of an account's.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::Pipeline;
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{AccountFacts, App, Kind, Message};
use crate::port::{Conversation, ListSpan, MOMENT_MS, PageLimit, Span, StoreError, View};
use crate::prefix;
use crate::turns::Turn;

/// Which messages of a conversation.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    pub between: (AccountId, AccountId),
    /// Accepted at this time or later, in ms since 1970.
    pub from_ms: u64,
    /// Accepted at this time or before.
    pub to_ms: u64,
    pub newest_first: bool,
    /// How many at most.
    pub limit: usize,
    /// Only these kinds; all when empty.
    pub kinds: Vec<Kind>,
    /// But not the message one of whose copies has this id, nor, where its time is the one that the query begins with, those
    /// that stand before it: it is the last one of the page before.
    pub without: Option<MessageId>,
    /// Also those that one of the two shall not see.
    pub unseen: bool,
}

/// A conversation with the name of the other one.
#[derive(Clone, Debug)]
pub struct Listed {
    pub with: AccountId,
    /// Where the list goes on behind it: below this id.
    pub place: MessageId,
    pub conversation: Conversation,
}

/// Which conversations of an account.
#[derive(Clone, Copy, Debug)]
pub struct ConversationQuery {
    /// The last message was accepted at this time or later, in ms since 1970.
    pub from_ms: u64,
    /// At this time or before.
    pub to_ms: u64,
    /// How many at most.
    pub limit: usize,
}

/// What one read of the store takes.
const PAGE: PageLimit = PageLimit { entries: 200, bytes: 1 << 20 };

impl Pipeline {
    /// The messages that two accounts exchanged within a time, with their copies' ids.
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn history(&self, app: &App, query: &HistoryQuery) -> Result<Vec<(MessageId, Arc<Message>)>, Refusal> {
        let one = self.known(app, &query.between.0).await?;
        let other = self.known(app, &query.between.1).await?;
        let between = (one.no, other.no);
        let view = View::Backend { unseen: query.unseen };
        let now_ms = self.clock.now_ms();
        let mut span = self.span(query).await?;
        let joined = self.store.joined(between).await?;
        // What joined late lies behind what was said after it: all up to there has to be looked at.
        let is_in_order = joined <= span.after;
        if !is_in_order {
            span.before = span.before.max(joined.plus(1));
        }
        let mut times = query.from_ms..=query.to_ms;
        let anchor = self.anchor(app, query).await?;
        if let Some(anchor) = anchor.filter(|_| is_in_order) {
            query.go_on_behind(anchor, &mut span, &mut times);
        }
        let mut found = Vec::new();
        while !is_in_order || found.len() < query.limit {
            let page = self.store.conversation(between, view, span, PAGE).await?.entries;
            let Some((last, _)) = page.last() else { break };
            if query.newest_first {
                span.before = *last;
            } else {
                span.after = *last;
            }
            let takes = |(id, message): &(MessageId, Arc<Message>)| {
                times.contains(&message.time_ms)
                    && query.takes(*id, message, now_ms)
                    && anchor.is_none_or(|anchor| is_in_order || query.is_behind(anchor, (message.time_ms, *id)))
            };
            found.extend(page.into_iter().filter(takes));
            if !is_in_order {
                query.sort(&mut found);
                found.truncate(query.limit);
            }
        }
        found.truncate(query.limit);
        Ok(found)
    }

    /// The last message of the page before, if the query says where that ended and begins with its time.
    async fn anchor(&self, app: &App, query: &HistoryQuery) -> Result<Option<MessageId>, StoreError> {
        let Some(id) = query.without else { return Ok(None) };
        let message = self.store.message(app.id, id).await?;
        Ok(message.filter(|it| it.time_ms == query.begins_ms()).map(|_| id))
    }

    /// The ids that can be of the query's time.
    async fn span(&self, query: &HistoryQuery) -> Result<Span, Refusal> {
        let first = self.store.first_id_at(query.from_ms).await?;
        let end = self.store.first_id_at(query.to_ms.saturating_add(MOMENT_MS)).await?;
        Ok(Span { after: MessageId(first.0.saturating_sub(1)), before: end, newest_first: query.newest_first })
    }

    /// Conversations of an account, newest first; and, where there are older ones, below which id they go on. Those with
    /// accounts that are no more are left out, so there may be none on a page that is not the last.
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn conversations(
        &self,
        app: &App,
        account: &AccountId,
        span: ListSpan,
    ) -> Result<(Vec<Listed>, Option<MessageId>), Refusal> {
        let account = self.known(app, account).await?;
        let list = {
            let _turn = self.list_turn(account.no).await;
            self.store.conversations(account.no, span).await?
        };
        let next = list.page.last().map(|it| it.last.0).filter(|_| list.more);
        let mut listed = Vec::with_capacity(list.page.len());
        for mut conversation in list.page {
            let place = conversation.last.0;
            let Some(last) = self.last_there(account.no, &conversation).await? else { continue };
            conversation.last = last;
            if let Some(other) = self.store.account_by_no(conversation.with).await? {
                listed.push(Listed { with: other.id, place, conversation });
            }
        }
        Ok((listed, next))
    }

    /// All conversations of an account are looked at for a page of them: whoever asks for one after the other keeps its own next
    /// ones waiting, and nobody else's.
    async fn list_turn(&self, account: AccountNo) -> Turn<'_> {
        self.turns.take(account.app(), &format!("{}{account}", prefix::LIST)).await
    }

    /// The conversation's last message that has not expired.
    async fn last_there(
        &self,
        account: AccountNo,
        conversation: &Conversation,
    ) -> Result<Option<(MessageId, Arc<Message>)>, StoreError> {
        let now_ms = self.clock.now_ms();
        let is_last = |message: &Message| message.options.session_update && !message.has_expired(now_ms);
        if is_last(&conversation.last.1) {
            return Ok(Some(conversation.last.clone()));
        }
        let mut span = Span { after: MessageId(0), before: conversation.last.0, newest_first: true };
        loop {
            let (between, view) = ((account, conversation.with), View::Account(account));
            let page = self.store.conversation(between, view, span, PAGE).await?.entries;
            let Some((oldest, _)) = page.last() else { return Ok(None) };
            span.before = *oldest;
            if let Some(last) = page.into_iter().find(|(_, message)| is_last(message)) {
                return Ok(Some(last));
            }
        }
    }

    /// Whether two accounts have a last message in their conversation that was said after this time. Of the messages that may be the
    /// last, the last is the one that was accepted last: whoever sends what was said before asks this, so that it stays the newest.
    ///
    /// # Errors
    /// As [`crate::port::Store::last_of`].
    pub async fn has_newer(&self, between: (AccountNo, AccountNo), than_ms: u64) -> Result<bool, StoreError> {
        let last = self.store.last_of(between).await?;
        Ok(last.is_some_and(|it| it.time_ms > than_ms && !it.has_expired(self.clock.now_ms())))
    }

    /// How much an account has not read in all; what accounts wrote that are no more does not count.
    ///
    /// # Errors
    /// As [`Pipeline::conversations`].
    pub async fn unread(&self, app: &App, account: &AccountId) -> Result<usize, Refusal> {
        let account = self.known(app, account).await?;
        let by_others = {
            let _turn = self.list_turn(account.no).await;
            self.store.unread(account.no, None).await?
        };
        let mut all = 0;
        for (other, unread) in by_others {
            all += if self.store.account_by_no(other).await?.is_some() { unread } else { 0 };
        }
        Ok(all)
    }

    /// How much an account has not read of what each of `others` wrote; `None` for those that are no accounts.
    ///
    /// # Errors
    /// As [`Pipeline::conversations`].
    pub async fn unread_of(
        &self,
        app: &App,
        account: &AccountId,
        others: &[AccountId],
    ) -> Result<Vec<Option<usize>>, Refusal> {
        let account = self.known(app, account).await?;
        let facts = self.store.account_facts(app.id, others).await?;
        let numbers: Vec<AccountNo> = facts.iter().flatten().map(|it| it.no).collect();
        let unread: HashMap<_, _> = self.store.unread(account.no, Some(&numbers)).await?.into_iter().collect();
        let of = |facts: AccountFacts| unread.get(&facts.no).copied().unwrap_or_default();
        Ok(facts.into_iter().map(|facts| facts.map(of)).collect())
    }

    /// Conversations of an account whose last message is of a time, newest first; and whether there are more.
    ///
    /// # Errors
    /// As [`Pipeline::conversations`].
    pub async fn conversations_of(
        &self,
        app: &App,
        account: &AccountId,
        query: ConversationQuery,
    ) -> Result<(Vec<Listed>, bool), Refusal> {
        let ConversationQuery { from_ms, to_ms, limit } = query;
        let first = self.store.first_id_at(from_ms).await?;
        let mut before = self.store.first_id_at(to_ms.saturating_add(MOMENT_MS)).await?;
        let mut found = Vec::new();
        loop {
            let span = ListSpan { before, limit: PAGE.entries, counts_unread: false };
            let (page, next) = self.conversations(app, account, span).await?;
            let is_of_it = |it: &Listed| (from_ms..=to_ms).contains(&it.conversation.last.1.time_ms);
            for listed in page.into_iter().filter(is_of_it) {
                if found.len() == limit {
                    return Ok((found, true));
                }
                found.push(listed);
            }
            match next {
                Some(next) if next >= first => before = next,
                Some(_) | None => return Ok((found, false)),
            }
        }
    }
}

impl HistoryQuery {
    /// By the times at which they were said.
    fn sort(&self, found: &mut [(MessageId, Arc<Message>)]) {
        found.sort_unstable_by_key(|(id, message)| (message.time_ms, *id));
        if self.newest_first {
            found.reverse();
        }
    }

    /// The time with which it begins.
    fn begins_ms(&self) -> u64 {
        if self.newest_first { self.to_ms } else { self.from_ms }
    }

    /// Leaves out what stands before a message in the order of ids. Its time does not count then: of messages that are
    /// accepted at the same time, the later one may be a moment older.
    fn go_on_behind(&self, anchor: MessageId, span: &mut Span, times: &mut RangeInclusive<u64>) {
        if self.newest_first {
            span.before = span.before.min(anchor);
            *times = self.from_ms..=u64::MAX;
        } else {
            span.after = span.after.max(anchor);
            *times = 0..=self.to_ms;
        }
    }

    /// Whether a message comes after the anchor, whose time is the one that the query begins with, in the order of times.
    fn is_behind(&self, anchor: MessageId, place: (u64, MessageId)) -> bool {
        let anchor = (self.begins_ms(), anchor);
        if self.newest_first { place < anchor } else { place > anchor }
    }

    fn takes(&self, id: MessageId, message: &Message, now_ms: u64) -> bool {
        !message.has_expired(now_ms)
            && (self.kinds.is_empty() || self.kinds.contains(&message.content.kind))
            && self.without.is_none_or(|without| without != id && without != message.id)
    }
}
