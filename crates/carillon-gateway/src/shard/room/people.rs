//! The accounts that are in a room, however many connections each has there.

use std::collections::HashMap;

use carillon_core::AccountNo;
use carillon_core::model::RoomRole;
use carillon_core::port::{Present, Whom};

/// Accounts of one shard that count as there.
#[derive(Default)]
pub(super) struct People(HashMap<AccountNo, Present>);

impl People {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more connection of the account is there. What it says of itself now holds for all of them, but it is there
    /// since the first one came. Returns the account as it is then.
    pub(super) fn enter(&mut self, who: Present) -> &Present {
        let account = who.account;
        let before = self.0.get(&account).map(|it| (it.connections, it.entered_ms));
        let (connections, entered_ms) = before.unwrap_or((0, who.entered_ms));
        self.0.insert(account, Present { connections: connections + 1, entered_ms, ..who });
        &self.0[&account]
    }

    /// A connection of the account is gone. Returns the account where that was its last one.
    pub(super) fn leave(&mut self, account: AccountNo) -> Option<Present> {
        let who = self.0.get_mut(&account)?;
        who.connections -= 1;
        if who.connections == 0 { self.0.remove(&account) } else { None }
    }

    pub(super) fn set_role(&mut self, account: AccountNo, role: RoomRole) {
        if let Some(who) = self.0.get_mut(&account) {
            who.role = role;
        }
    }

    pub(super) fn who(&self, whom: &Whom) -> Vec<Present> {
        match whom {
            Whom::These(accounts) => accounts.iter().filter_map(|account| self.0.get(account).cloned()).collect(),
            Whom::Latest { before_ms, limit } => {
                let mut all: Vec<&Present> = self.0.values().filter(|it| it.entered_ms <= *before_ms).collect();
                all.sort_unstable_by_key(|it| (std::cmp::Reverse(it.entered_ms), it.account));
                all.into_iter().take(*limit).cloned().collect()
            }
        }
    }
}
