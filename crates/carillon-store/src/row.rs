//! What a conversation knows of a copy without reading its message, and who sees it: the same in every engine.

use carillon_core::AccountNo;
use carillon_core::model::{Fate, Message};
use carillon_core::port::View;

/// A copy's row in its conversation. Its bits are part of the disk format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row(u8);

impl Row {
    /// Sent by the lower of the two accounts.
    const FROM_LOW: u8 = 1;
    /// Part of the history that is shown.
    const RECORDED: u8 = 1 << 1;
    const BADGE: u8 = 1 << 2;
    const SESSION: u8 = 1 << 3;
    const SENDER_SEES: u8 = 1 << 4;
    const RECIPIENT_SEES: u8 = 1 << 5;
    const WITHDRAWN: u8 = 1 << 6;
    const MODIFIED: u8 = 1 << 7;

    pub(crate) fn new(message: &Message, low: AccountNo, fate: Fate) -> Self {
        let bits = [
            (message.sender.no == low, Self::FROM_LOW),
            (message.options.history, Self::RECORDED),
            (message.options.badge, Self::BADGE),
            (message.options.session_update, Self::SESSION),
            (message.sender_sees, Self::SENDER_SEES),
            (message.recipients_see && !fate.is_dropped(), Self::RECIPIENT_SEES),
        ];
        Self(bits.iter().fold(0, |row, (on, bit)| if *on { row | bit } else { row }))
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// The row once its recipient does not see it any more.
    pub(crate) fn without_recipient(self) -> Self {
        Self(self.0 & !Self::RECIPIENT_SEES)
    }

    /// The row once it was taken from both.
    pub(crate) fn withdrawn(self) -> Self {
        Self(self.0 | Self::WITHDRAWN)
    }

    pub(crate) fn is_withdrawn(self) -> bool {
        self.is(Self::WITHDRAWN)
    }

    /// The row once the copy says something else than its message.
    pub(crate) fn modified(self) -> Self {
        Self(self.0 | Self::MODIFIED)
    }

    pub(crate) fn is_modified(self) -> bool {
        self.is(Self::MODIFIED)
    }

    /// Whether the copy is one of this sender's that can still be modified.
    pub(crate) fn may_be_modified(self, sender: AccountNo, between: (AccountNo, AccountNo)) -> bool {
        !self.is_withdrawn() && self.sender(between) == sender
    }

    fn is(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Whether the history shows it.
    pub(crate) fn is_shown(self, view: View, between: (AccountNo, AccountNo)) -> bool {
        let seen = match view {
            View::Past(account) => self.was_seen_by(account, between),
            View::All(_) | View::Backend { .. } | View::Account(_) if self.is_withdrawn() => return false,
            View::All(account) => return self.is_seen_by(account, between),
            View::Backend { unseen: true } => true,
            View::Backend { unseen: false } => self.is(Self::SENDER_SEES) && self.is(Self::RECIPIENT_SEES),
            View::Account(account) => self.is_seen_by(account, between),
        };
        self.is(Self::RECORDED) && seen
    }

    /// Whether it may be the last message of the account's conversation.
    pub(crate) fn may_be_last(self, account: AccountNo, between: (AccountNo, AccountNo)) -> bool {
        self.is(Self::SESSION) && self.is_seen_by(account, between)
    }

    /// Whether it is unread for the account until it is read.
    pub(crate) fn counts(self, account: AccountNo, between: (AccountNo, AccountNo)) -> bool {
        let is_there = self.is(Self::RECIPIENT_SEES) && !self.is_withdrawn();
        self.is(Self::BADGE) && is_there && self.sender(between) != account
    }

    /// Whether the account, one of the two, sees it.
    pub(crate) fn is_seen_by(self, account: AccountNo, between: (AccountNo, AccountNo)) -> bool {
        !self.is_withdrawn() && self.was_seen_by(account, between)
    }

    fn was_seen_by(self, account: AccountNo, between: (AccountNo, AccountNo)) -> bool {
        let is_note = between.0 == between.1;
        match self.sender(between) == account {
            _ if is_note => self.is(Self::SENDER_SEES) || self.is(Self::RECIPIENT_SEES),
            true => self.is(Self::SENDER_SEES),
            false => self.is(Self::RECIPIENT_SEES),
        }
    }

    pub(crate) fn sender(self, (low, high): (AccountNo, AccountNo)) -> AccountNo {
        if self.is(Self::FROM_LOW) { low } else { high }
    }
}
