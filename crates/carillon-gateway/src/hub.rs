//! The store's side of the gateway: takes committed messages and ends of sessions, and puts them into the mailboxes of
//! the shards that they concern. Created before the store, which calls it; the shards start later.
//!
//! Invariant: an account belongs to one shard for the life of the hub, so that nobody keeps an index of who is where.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use carillon_core::limit::Limiter;
use carillon_core::model::{
    Broadcast, Committed, DropReason, Fate, Noted, Outcome, RoomCard, RoomCommitted, RoomKey, RoomMessage,
    RoomOutcomes, RoomTo,
};
use carillon_core::port::{EndReason, Fanout, Foreseen, LiveRooms, Present, Session, Sessions, Trial, Whom};
use carillon_core::{AccountId, AccountNo, AppId, RoomNo};
use tokio::sync::oneshot;

use crate::board::Board;
use crate::config::GatewayConfig;
use crate::mailbox::{Ask, Mailbox, RoomAsk, TrialAsk};
use crate::metrics::GatewayMetrics;
use crate::record::{Published, RoomTally, Spoken, Tallies, Tally};
use crate::rooms::{Here, Moved, Rooms};

/// How much longer than a room rests messages are taken to share writes: most turns of rooms are shorter.
const SHARING_US: u64 = 50_000;

pub struct Hub {
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    pub(crate) tallies: Tallies,
    pub(crate) board: Board,
    pub(crate) rooms: Rooms,
    /// Who came to each room or went lately, and was told of.
    pub(crate) moves: Limiter<RoomKey>,
    /// How many came without an account.
    visitors: AtomicU64,
    /// Until when messages to rooms are taken to share writes.
    sharing_until_us: AtomicU64,
    metrics: Arc<GatewayMetrics>,
}

impl Hub {
    pub fn new(config: &GatewayConfig, metrics: Arc<GatewayMetrics>) -> Arc<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let shards = if config.shards == 0 { cores() } else { config.shards };
        let mailbox = || Arc::new(Mailbox::new(config.shard_queue_len_max));
        let mailboxes = (0..shards).map(|_| mailbox()).collect();
        let tallies = Tallies::new(config.record_queue_len_max);
        Arc::new(Self {
            mailboxes,
            board: Board::new(config.broadcasts_kept_max),
            rooms: Rooms::default(),
            moves: Limiter::default(),
            tallies,
            visitors: AtomicU64::new(0),
            sharing_until_us: AtomicU64::new(0),
            metrics,
        })
    }

    /// Takes in an app's broadcasts that the store kept while no server ran, oldest first; before anybody is let in.
    pub fn restore(&self, broadcasts: &[Arc<Broadcast>]) {
        broadcasts.iter().for_each(|it| self.board.pin(it));
    }

    /// Tells the members of a room that somebody came or went. Where a shard's queue is full, its members are not told.
    pub(crate) fn tell_move(&self, room: RoomKey, moved: Moved) {
        self.rooms.publish_move(room, moved, |shard, mail, _| {
            if !self.mailboxes[shard].room(mail) {
                self.metrics.rooms.overruns.inc();
            }
        });
    }

    /// A number for somebody without an account, from 1 on.
    pub(crate) fn next_visitor(&self) -> u64 {
        self.visitors.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A room rests until then, as messages have shared writes to its members.
    pub(crate) fn shared(&self, rests_until_us: u64) {
        self.sharing_until_us.fetch_max(rests_until_us + SHARING_US, Ordering::Relaxed);
    }

    /// The shard that an account belongs to.
    pub(crate) fn place(&self, account: AccountNo) -> usize {
        place(account, self.mailboxes.len())
    }

    /// What becomes of a message to a room that an overrun shard was not told of. Which of its members it was for, nobody
    /// looks; but whom it names, and whether it was for anybody, it says itself.
    fn overrun(&self, message: &RoomMessage, shard: usize, here: Here, outcomes: &mut RoomOutcomes) {
        match &message.to {
            RoomTo::Members { .. } => {
                let reason = if message.abandoned { DropReason::Abandoned } else { DropReason::Overrun };
                outcomes.counts.add(Outcome::Dropped(reason), here.connections);
            }
            RoomTo::Accounts(accounts) => {
                for account in accounts.iter().filter(|it| self.place(**it) == shard) {
                    outcomes.count(*account, Outcome::Dropped(DropReason::Overrun));
                }
            }
        }
    }

    /// Counts what an overrun shard was not told of: it stays in the inboxes, or it is gone.
    fn count_missed(&self, message: &Committed, tally: &Tally, shard: usize) {
        let mut noted = Vec::new();
        let copies = message.copies.iter().chain(&message.sender_copy).filter(|copy| self.place(copy.to) == shard);
        for copy in copies {
            match copy.fate {
                Fate::Inbox => {
                    self.metrics.stored.inc();
                }
                Fate::OnlineOnly => {
                    self.metrics.dropped(DropReason::SlowConnection, 1);
                    let outcome = Outcome::Dropped(DropReason::SlowConnection);
                    noted.push(Noted { distance: tally.distance(copy.id), outcome });
                }
                // Counted where it was decided.
                Fate::Hidden | Fate::Drop(_) => {}
            }
        }
        self.tallies.close(tally, noted);
    }
}

/// Accounts get their numbers in a row, so neighbours are spread by a multiplication first.
pub(crate) fn place(account: AccountNo, shards: usize) -> usize {
    let spread = account.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(spread % shards as u64).expect("it is below the number of shards")
}

impl Fanout for Hub {
    fn committed(&self, message: &Arc<Committed>) {
        if message.unregistered > 0 {
            self.metrics.dropped(DropReason::Unregistered, message.unregistered);
        }
        let mut concerned = vec![false; self.mailboxes.len()];
        for copy in message.copies.iter().chain(&message.sender_copy) {
            match copy.fate {
                Fate::Inbox | Fate::OnlineOnly => concerned[self.place(copy.to)] = true,
                Fate::Hidden => {
                    self.metrics.stored.inc();
                }
                Fate::Drop(reason) => self.metrics.dropped(reason, 1),
            }
        }
        let (tally, has_place) = self.tallies.open(Tally::of(message, concerned.iter().filter(|it| **it).count()));
        if !has_place {
            self.metrics.incomplete_records.inc();
        }
        let published = Published { committed: Arc::clone(message), tally };
        for (shard, mailbox) in self.mailboxes.iter().enumerate().filter(|(shard, _)| concerned[*shard]) {
            if !mailbox.publish(&published) {
                self.count_missed(message, &published.tally, shard);
            }
        }
    }

    fn broadcast(&self, broadcast: &Arc<Broadcast>) {
        self.metrics.broadcasts.broadcasts.inc();
        // Before the shards hear of it, so that whoever connects meanwhile finds it in one of the two places at least.
        self.board.pin(broadcast);
        let spoken = Spoken { broadcast: Arc::clone(broadcast), tally: RoomTally::of_broadcast(broadcast) };
        let Spoken { tally, .. } = &spoken;
        if !self.tallies.open_room(tally) {
            self.metrics.incomplete_records.inc();
        }
        for mailbox in &self.mailboxes {
            tally.wait_for_one_more();
            if !mailbox.broadcast(&spoken) {
                self.tallies.close_room(tally, &RoomOutcomes::default());
            }
        }
        self.tallies.close_room(tally, &RoomOutcomes::default());
    }

    fn room(&self, news: &Arc<RoomCommitted>) {
        let tally = RoomTally::of(&news.news);
        if tally.as_ref().is_some_and(|it| !self.tallies.open_room(it)) {
            self.metrics.incomplete_records.inc();
        }
        let mut concerned = vec![false; self.mailboxes.len()];
        let mut outcomes = RoomOutcomes::default();
        self.rooms.publish(news, tally.clone(), |shard, mail, here| {
            concerned[shard] = true;
            tally.iter().for_each(|it| it.wait_for_one_more());
            if !self.mailboxes[shard].room(mail) {
                self.metrics.rooms.overruns.inc();
                tally.iter().for_each(|it| self.tallies.close_room(it, &RoomOutcomes::default()));
                if let Some(message) = mail.message() {
                    self.overrun(message, shard, here, &mut outcomes);
                }
            }
        });
        // The other shards count those of their own accounts that a message names and that are not there.
        if let Some(RoomTo::Accounts(accounts)) = news.news.message().map(|it| &it.to) {
            for account in accounts.iter().filter(|account| !concerned[self.place(**account)]) {
                outcomes.count(*account, Outcome::Dropped(DropReason::NotInRoom));
            }
        }
        self.metrics.count(&outcomes.counts);
        tally.iter().for_each(|it| self.tallies.close_room(it, &outcomes));
    }

    fn nobody(&self, unregistered: usize) {
        self.metrics.dropped(DropReason::Unregistered, unregistered);
    }

    fn over_high_rate(&self, is_refused: bool) {
        self.metrics.over_high_rate(if is_refused { "refused" } else { "demoted" }).inc();
    }

    fn is_sharing(&self, now_us: u64) -> bool {
        now_us < self.sharing_until_us.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Sessions for Hub {
    fn end(&self, account: AccountNo, reason: EndReason) {
        self.mailboxes[self.place(account)].end(account, reason);
    }

    fn end_app(&self, app: AppId) {
        self.board.forget(app);
        self.mailboxes.iter().for_each(|mailbox| mailbox.end_app(app));
    }

    fn end_visitors(&self, app: AppId) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.end_visitors(app));
    }

    /// Which shard an account belongs to goes by its number, which only the store knows for a name: so all are asked.
    async fn online(&self, app: AppId, accounts: &[AccountId]) -> Vec<Vec<Session>> {
        let accounts: Arc<[AccountId]> = accounts.into();
        let ask = |mailbox: &Arc<Mailbox>| {
            let (answer, answered) = oneshot::channel();
            mailbox.ask(Ask { app, accounts: accounts.clone(), answer });
            answered
        };
        let asked: Vec<_> = self.mailboxes.iter().map(ask).collect();
        let mut sessions = vec![Vec::new(); accounts.len()];
        for answered in asked {
            // In a shard that has ended nobody is online.
            for (place, session) in answered.await.unwrap_or_default() {
                sessions[place].push(session);
            }
        }
        sessions
    }
}

#[async_trait]
impl LiveRooms for Hub {
    fn head_count(&self, room: RoomKey) -> usize {
        self.rooms.here(room).accounts
    }

    fn card(&self, room: RoomKey, account: AccountNo) -> Option<Arc<RoomCard>> {
        self.rooms.card(room, account)
    }

    fn awaited_in(&self, app: AppId, after: u64, limit: usize) -> Vec<RoomNo> {
        self.rooms.awaited_in(app, after, limit)
    }

    /// Accounts that are named are asked for in their own shards only.
    async fn present(&self, room: RoomKey, whom: Whom) -> Vec<Present> {
        let is_asked = |shard: usize| match &whom {
            Whom::Latest { .. } => true,
            Whom::These(accounts) => accounts.iter().any(|account| self.place(*account) == shard),
        };
        let mut asked = Vec::new();
        for (_, mailbox) in self.mailboxes.iter().enumerate().filter(|(shard, _)| is_asked(*shard)) {
            let (answer, answered) = oneshot::channel();
            mailbox.ask_room(RoomAsk { room, whom: whom.clone(), answer });
            asked.push(answered);
        }
        let mut present = Vec::new();
        for answered in asked {
            // In a shard that has ended nobody is there.
            present.extend(answered.await.unwrap_or_default());
        }
        present.sort_unstable_by_key(|it| (Reverse(it.entered_ms), it.account));
        if let Whom::Latest { limit, .. } = whom {
            present.truncate(limit);
        }
        present
    }

    async fn foresee(&self, trial: Trial) -> Foreseen {
        let (limit, trial) = (trial.limit, Arc::new(trial));
        let ask = |mailbox: &Arc<Mailbox>| {
            let (answer, answered) = oneshot::channel();
            mailbox.try_out(TrialAsk { trial: Arc::clone(&trial), answer });
            answered
        };
        let asked: Vec<_> = self.mailboxes.iter().map(ask).collect();
        let mut all = Foreseen::default();
        for answered in asked {
            // In a shard that has ended nobody is there.
            let Foreseen { counts, accounts, more } = answered.await.unwrap_or_default();
            all.counts.add_all(&counts);
            all.accounts.extend(accounts);
            all.more |= more;
        }
        all.accounts.sort_unstable_by_key(|it| it.account);
        all.more |= all.accounts.len() > limit;
        all.accounts.truncate(limit);
        all
    }
}
