//! The rows of a conversation in the order of their copies' ids: what both accounts have, and of what one of them said while the
//! other one was to have nothing of it (`Tag::Unheard`) what the reader asks for.

use std::iter::Peekable;

use carillon_core::port::{Span, StoreError, View};
use carillon_core::{AccountNo, MessageId};
use fjall::{Guard, Readable as _, Snapshot};

use super::db::{Db, unknown};
use super::format;
use super::seal;
use crate::row::Row;

type Pair = (AccountNo, AccountNo);

/// A copy's row.
pub(crate) struct Found {
    pub(crate) id: MessageId,
    pub(crate) row: Row,
    distance: u32,
}

impl Found {
    /// The copy's message, and how far the copy is from it.
    pub(crate) fn place(&self) -> (MessageId, u32) {
        (MessageId(self.id.0.saturating_sub(u64::from(self.distance))), self.distance)
    }
}

/// Rows of several ranges, each of which is in the order of all.
pub(crate) struct Rows<'a> {
    snapshot: &'a Snapshot,
    db: &'a Db,
    span: Span,
    ranges: Vec<Peekable<Range>>,
}

type Range = Box<dyn Iterator<Item = Result<Found, StoreError>>>;

impl<'a> Rows<'a> {
    /// What both accounts have, of which the lower one comes first.
    pub(crate) fn heard(snapshot: &'a Snapshot, db: &'a Db, (low, high): Pair, span: Span) -> Self {
        let span = Span { before: span.before.min(MessageId(MessageId::END)), ..span };
        let mut rows = Self { snapshot, db, span, ranges: Vec::new() };
        if low.app() == high.app() && rows.is_some() {
            let keys = format::history(low, high, span.after.plus(1))..format::history(low, high, span.before);
            rows.add(snapshot.range(&db.history, keys), |key| Some(format::parse_history(key)?.2));
        }
        rows
    }

    /// And what the one said to the other, who has nothing of it.
    pub(crate) fn unheard(mut self, (sender, recipient): Pair) -> Self {
        if self.is_some() {
            let Span { after, before, .. } = self.span;
            let keys = format::unheard(sender, recipient, after.plus(1))..format::unheard(sender, recipient, before);
            self.add(self.snapshot.range(&self.db.rest, keys), |key| Some(format::parse_unheard(key)?.2));
        }
        self
    }

    /// All that the view may show: what somebody has nothing of is there for who said it, and for backends that ask for it.
    pub(crate) fn of(snapshot: &'a Snapshot, db: &'a Db, between: Pair, (view, span): (View, Span)) -> Self {
        let (low, high) = between;
        let both = [(low, high), (high, low)].into_iter().take(if low == high { 1 } else { 2 });
        let shown = both.filter(|(sender, _)| match view {
            View::Backend { unseen } => unseen,
            View::All(account) | View::Account(account) | View::Past(account) => account == *sender,
        });
        shown.fold(Self::heard(snapshot, db, between, span), Self::unheard)
    }

    /// Whether the span has room for any.
    fn is_some(&self) -> bool {
        self.span.after.0.saturating_add(1) < self.span.before.0
    }

    fn add(&mut self, range: fjall::Iter, id: fn(&[u8]) -> Option<MessageId>) {
        let read = move |guard| read(guard, id);
        let range: Range =
            if self.span.newest_first { Box::new(range.rev().map(read)) } else { Box::new(range.map(read)) };
        self.ranges.push(range.peekable());
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Found, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let [only] = &mut self.ranges[..] {
            return only.next();
        }
        let mut first: Option<(usize, MessageId)> = None;
        for (at, range) in self.ranges.iter_mut().enumerate() {
            match range.peek() {
                Some(Ok(Found { id, .. }))
                    if first.is_none_or(|(_, first)| (*id > first) == self.span.newest_first) =>
                {
                    first = Some((at, *id));
                }
                Some(Err(_)) => return range.next(),
                Some(Ok(_)) | None => {}
            }
        }
        self.ranges[first?.0].next()
    }
}

fn read(guard: Guard, id: fn(&[u8]) -> Option<MessageId>) -> Result<Found, StoreError> {
    let (key, value) = guard.into_inner().map_err(unknown)?;
    let (row, distance) = seal::open_row(&key, &value)?;
    let id = id(&key).ok_or_else(|| StoreError::Damaged("the key of a row".into()))?;
    Ok(Found { id, row, distance })
}
