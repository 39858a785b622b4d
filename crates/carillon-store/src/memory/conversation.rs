//! Conversations: their messages, and the list of those that an account has.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use carillon_core::model::Message;
use carillon_core::port::{
    Conversation, Conversations, CopyPlace, HistoryPage, InboxEntry, ListSpan, PageLimit, Role, Span, View,
};
use carillon_core::{AccountId, AccountNo, MessageId};

use super::{Pairs, State, page};
use crate::row::Row;
use crate::rules::{self, Unread, ordered};

impl State {
    /// The rows of a conversation, lower account first: the copies, their messages and what stands beside them.
    pub(super) fn rows(
        &self,
        (low, high): (AccountNo, AccountNo),
    ) -> impl DoubleEndedIterator<Item = (MessageId, MessageId, Row)> {
        let all = (low, high, MessageId(0))..=(low, high, MessageId(u64::MAX));
        self.history.range(all).map(|((_, _, id), (base, row))| (*id, *base, *row))
    }

    /// Those of them that are not of their sender alone.
    fn heard(&self, between: (AccountNo, AccountNo)) -> impl DoubleEndedIterator<Item = (MessageId, MessageId, Row)> {
        self.rows(between).filter(|(id, _, _)| !self.unheard.contains(id))
    }

    pub(super) fn conversation(
        &self,
        between: (AccountNo, AccountNo),
        view: View,
        span: Span,
        limit: PageLimit,
    ) -> HistoryPage {
        let between = ordered(between);
        let span = Span { after: span.after.max(self.cleared_for(view, between)), ..span };
        let rows = self
            .rows(between)
            .filter(|(id, _, row)| *id > span.after && *id < span.before && row.is_shown(view, between));
        let entries = rows.map(|(id, base, _)| (id, self.said(base, id)));
        let entries = if span.newest_first {
            page(entries.rev(), limit, |(_, message)| message)
        } else {
            page(entries, limit, |(_, message)| message)
        };
        let is_withdrawn = |(id, _): &&(MessageId, Arc<Message>)| {
            self.history.get(&(between.0, between.1, *id)).is_some_and(|(_, row)| row.is_withdrawn())
        };
        let withdrawn = entries.iter().filter(is_withdrawn).map(|(id, _)| *id).collect();
        HistoryPage { entries, withdrawn }
    }

    pub(super) fn sees(&self, account: AccountNo, place: CopyPlace) -> bool {
        let between = ordered((place.sender, place.recipient));
        let row = self.history.get(&(between.0, between.1, place.copy));
        let is_cleared = place.copy <= self.cleared_by(account, between);
        !is_cleared && row.is_some_and(|(_, row)| row.is_seen_by(account, between))
    }

    /// Whether the entry tells of a modified copy that its account does not see any more.
    pub(super) fn tells_of_unseen(&self, account: AccountNo, entry: &InboxEntry) -> bool {
        let Some(of) = rules::modified(&entry.message) else { return false };
        let numbered = |name: &AccountId| self.accounts.get(&(account.app(), name.clone())).copied();
        let recipient = match entry.role {
            Role::Recipient => Some(account),
            Role::Sender => entry.message.recipients.first().and_then(numbered),
        };
        let sender = entry.message.sender.no;
        let place = |recipient| CopyPlace { sender, recipient, message: of.message, copy: of.copy };
        !recipient.is_some_and(|recipient| self.sees(account, place(recipient)))
    }

    /// Up to where the view has nothing any more.
    fn cleared_for(&self, view: View, between: (AccountNo, AccountNo)) -> MessageId {
        view.account().map_or(MessageId(0), |account| self.cleared_by(account, between))
    }

    /// Up to where the account sees nothing of the conversation any more.
    pub(super) fn cleared_by(&self, account: AccountNo, (low, high): (AccountNo, AccountNo)) -> MessageId {
        let other = if account == low { high } else { low };
        self.cleared.get(&(account, other)).copied().unwrap_or(MessageId(0))
    }

    pub(super) fn conversations(&self, account: AccountNo, span: ListSpan) -> Conversations {
        let ListSpan { before, limit, counts_unread } = span;
        let listed = self.others(account).filter_map(|other| Some((other, self.last(account, other)?)));
        let mut listed: Vec<_> = listed.filter(|(_, (id, _))| *id < before).collect();
        listed.sort_by_key(|(_, (id, _))| Reverse(*id));
        let found = listed.len();
        let (mut page, mut looked_at) = (Vec::new(), 0);
        for (with, (id, base)) in listed.into_iter().take(limit) {
            if looked_at > Conversations::LOOKED_AT_MAX {
                break;
            }
            let unread = if counts_unread { self.unread_of(account, with) } else { Unread::default() };
            looked_at += unread.looked_at;
            page.push(Conversation {
                with,
                last: (id, self.said(base, id)),
                unread: unread.count,
                read: self.read_mark(account, with),
                read_by_other: self.read_mark(with, account),
            });
        }
        Conversations { more: page.len() < found, page }
    }

    /// The newest message that may stand for the conversation in a list of one of the two.
    pub(super) fn last_of(&self, between: (AccountNo, AccountNo)) -> Option<Arc<Message>> {
        let is_last = |row: Row| row.may_be_last(between.0, between) || row.may_be_last(between.1, between);
        let mut heard = self.heard(between).rev().take(Conversation::LOOKED_AT_MAX);
        heard.find(|(_, _, row)| is_last(*row)).map(|(id, base, _)| self.said(base, id))
    }

    /// The copy that stands for the conversation in the account's list, and its message's base.
    fn last(&self, account: AccountNo, other: AccountNo) -> Option<(MessageId, MessageId)> {
        let between = ordered((account, other));
        let forgotten = self.forgotten.get(&(account, other)).map_or(MessageId(0), |(through, _)| *through);
        let unlisted = self.unlisted.get(&(account, other)).copied().unwrap_or(MessageId(0));
        self.rows(between)
            .rev()
            .filter(|(id, _, row)| row.sender(between) == account || !self.unheard.contains(id))
            .take(Conversation::LOOKED_AT_MAX)
            .take_while(|(id, _, _)| *id > forgotten.max(unlisted))
            .find(|(_, _, row)| row.may_be_last(account, between))
            .map(|(id, base, _)| (id, base))
    }

    pub(super) fn unread(&self, account: AccountNo, of: Option<&[AccountNo]>) -> Vec<(AccountNo, usize)> {
        let others = of.map_or_else(|| self.others(account).collect(), <[AccountNo]>::to_vec);
        let all = others.into_iter().map(|other| (other, self.unread_of(account, other).count));
        all.filter(|(_, unread)| *unread > 0).collect()
    }

    fn unread_of(&self, account: AccountNo, other: AccountNo) -> Unread {
        let between = ordered((account, other));
        let forgotten = self.forgotten.get(&(account, other)).map_or(MessageId(0), |(through, _)| *through);
        let after = self.read_mark(account, other).max(forgotten);
        let mut unread = Unread::default();
        for (_, _, row) in self.heard(between).rev().take_while(|(id, _, _)| *id > after) {
            unread.look_at(row.counts(account, between));
            if unread.is_enough() {
                break;
            }
        }
        unread
    }

    /// Whom the account has conversations with, by number.
    fn others(&self, account: AccountNo) -> impl Iterator<Item = AccountNo> + use<> {
        let pairs = pairs(&self.history).into_iter();
        pairs.filter_map(move |(low, high)| match account {
            it if it == low => Some(high),
            it if it == high => Some(low),
            _ => None,
        })
    }

    pub(super) fn read_mark(&self, reader: AccountNo, other: AccountNo) -> MessageId {
        self.read.get(&(reader, other)).copied().unwrap_or(MessageId(0))
    }
}

/// The pairs of accounts that have a conversation.
pub(super) fn pairs(history: &BTreeMap<(AccountNo, AccountNo, MessageId), (MessageId, Row)>) -> Pairs {
    history.keys().map(|(low, high, _)| (*low, *high)).collect()
}
