//! The vendor's names of a message: `MsgKey`, by which backends know it, and `MsgId`, by which clients do.

use std::fmt;

use carillon_core::model::Message;
use carillon_core::pipeline::Rank;
use carillon_core::{AccountNo, MessageId};

use crate::tencent::DIALECT;

/// `<MsgSeq>_<MsgRandom>_<seconds>`. One for all recipients of a message, so only with both accounts it names a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MsgKey {
    pub(super) seq: u32,
    pub(super) random: u32,
    pub(super) time_s: u64,
}

impl MsgKey {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let mut number = || parts.next().filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<u64>().ok();
        let (seq, random, time_s) = (number()?, number()?, number()?);
        let key = Self { seq: u32::try_from(seq).ok()?, random: u32::try_from(random).ok()?, time_s };
        parts.next().is_none().then_some(key)
    }

    /// That of a message with a copy's id. What another dialect sent has one made of the id.
    pub(super) fn of(id: MessageId, message: &Message) -> Self {
        let own = (message.origin == DIALECT).then(|| Self::parse(&message.client_id)).flatten();
        let low = u32::try_from(id.0 & u64::from(u32::MAX)).expect("it has 32 bits");
        let high = u32::try_from(id.0 >> 32).expect("an id has 53 bits");
        own.unwrap_or(Self { seq: low, random: high, time_s: message.time_ms / 1_000 })
    }

    /// What orders the messages of a second.
    pub(super) fn rank(id: MessageId, message: &Message) -> Rank {
        Self::of(id, message).as_rank()
    }

    pub(super) fn as_rank(self) -> Rank {
        (self.seq, self.random)
    }

    /// `<the sender's number>-<seconds>-<MsgRandom>`.
    pub(super) fn msg_id(self, sender: AccountNo) -> String {
        /// The vendor's numbers of accounts have this bit.
        const ACCOUNT: u64 = 1 << 57;
        format!("{}-{}-{}", ACCOUNT + sender.0, self.time_s, self.random)
    }
}

impl fmt::Display for MsgKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.seq, self.random, self.time_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_three_numbers_two_of_32_bits() {
        let key = MsgKey { seq: 28_360, random: 19_901_224, time_s: 1_572_870_301 };
        assert_eq!(key.to_string(), "28360_19901224_1572870301");
        assert_eq!(MsgKey::parse("28360_19901224_1572870301"), Some(key));
        assert!(MsgKey::parse("4294967295_4294967295_9999999999").is_some_and(|it| it.to_string().len() == 32));
        for bad in
            ["", "1_2", "1_2_3_4", "1_2_", "4294967296_1_1", "1_4294967296_1", "-1_2_3", "+1_2_3", "a_2_3", "1-2-3"]
        {
            assert_eq!(MsgKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_begins_with_a_number_of_the_sender_that_clients_take_for_one_of_the_vendors() {
        let key = MsgKey { seq: 1, random: 7, time_s: 9 };
        assert_eq!(key.msg_id(AccountNo(5)), "144115188075855877-9-7");
    }
}
