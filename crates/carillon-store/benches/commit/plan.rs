//! What is committed: messages as a backend's batch call makes them, decided as the server decides.

use std::collections::HashSet;

use anyhow::Result;
use carillon_core::command::{Recipients, Send, Terms};
use carillon_core::decide::{self, SendFacts};
use carillon_core::model::{
    Account, AccountFacts, App, AppSettings, Content, CopyOptions, Element, Kind, Moderation, MutedIn, NewApp, Profile,
    Push, Secret,
};
use carillon_core::port::{InboxPlan, NewAccount};
use carillon_core::{AccountId, AccountNo, AppId};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub(crate) const RECIPIENTS: usize = 500;
pub(crate) const APP: AppId = AppId(1);

const TEXT: &str =
    "A message as people send them, of about a hundred characters, so that it is neither short nor long.";

pub(crate) struct Plans {
    app: App,
    sender: Account,
    accounts: usize,
    random: StdRng,
}

pub(crate) fn new_app() -> NewApp {
    let (token_secret, settings) = (Secret::new("s".repeat(32)), AppSettings::default());
    NewApp { name: "bench".into(), token_secret, keys: Vec::new(), settings }
}

/// The `n`th account; the first one is the sender.
pub(crate) fn new_account(n: usize) -> Result<NewAccount> {
    let token = Secret::new("0123456789abcdef0123456789abcdef");
    Ok(NewAccount { app: APP, id: name(n)?, token, profile: Profile::default(), created_ms: 0 })
}

fn name(n: usize) -> Result<AccountId> {
    Ok(AccountId::new(&format!("bench{n:07}"))?)
}

fn no(n: usize) -> AccountNo {
    AccountNo::new(APP, n as u64 + 1)
}

impl Plans {
    pub(crate) fn new(accounts: usize) -> Result<Self> {
        let NewApp { name, token_secret, keys, settings } = new_app();
        let NewAccount { id, token, profile, created_ms, .. } = new_account(0)?;
        let (muted_in, blocked, muted) = (MutedIn::default(), false, false);
        Ok(Self {
            app: App { id: APP, name, token_secret, keys, settings },
            sender: Account {
                no: no(0),
                id,
                token,
                profile,
                blocked,
                muted,
                muted_in,
                do_not_disturb: false,
                has_logged_in: false,
                signed_since_ms: 0,
                created_ms,
            },
            accounts,
            random: StdRng::seed_from_u64(1),
        })
    }

    /// A message to accounts at random.
    pub(crate) fn random(&mut self, now_ms: u64) -> Result<InboxPlan> {
        let to = rand::seq::index::sample(&mut self.random, self.accounts, RECIPIENTS);
        self.to(to.into_iter().map(|n| n + 1), now_ms)
    }

    /// A message to these accounts.
    pub(crate) fn to(&self, to: impl Iterator<Item = usize>, now_ms: u64) -> Result<InboxPlan> {
        let facts = |n| {
            let (blocked, muted, has_blocklist) = (false, false, false);
            Some(AccountFacts { no: no(n), blocked, muted, has_blocklist, signed_since_ms: 0 })
        };
        let recipients: Vec<_> = to.map(|n| Ok((name(n)?, facts(n)))).collect::<Result<_>>()?;
        let named = recipients.iter().map(|(id, _)| id.clone()).collect();
        let command = Send {
            sender: self.sender.id.clone(),
            from_backend: true,
            to: Recipients::Many { named, impossible: 0 },
            client_id: None,
            content: Content {
                kind: Kind::Text,
                elements: vec![Element::Text { text: TEXT.into() }],
                original: format!("{{\"msg\":\"{TEXT}\"}}"),
                dialect: "dialect".into(),
                elements_say_all: true,
            },
            subtype: 0,
            ext: String::new(),
            options: CopyOptions::default(),
            push: Push::default(),
            moderation: Moderation::default(),
            description: String::new(),
            environment: String::new(),
            sender_sees: true,
            recipients_see: true,
            terms: Terms::default(),
        };
        let facts = SendFacts {
            app: &self.app,
            sender: Some(&self.sender),
            recipients: &recipients,
            blocked_by: &HashSet::new(),
            client_id: "0123456789abcdef0123456789abcdef".into(),
            now_ms,
        };
        Ok(decide::send(command, facts)?)
    }
}
