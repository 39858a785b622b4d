//! What waits for one shard. Bounded, and never blocks whoever brings something.
//!
//! When too many messages wait, the rest is not queued: the shard is told that it was overrun, and its connections read
//! what they miss from the store. Ends of sessions are never lost: there is at most one of a kind for each account.

use std::collections::HashSet;
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex};

use carillon_core::model::RoomKey;
use carillon_core::port::{EndReason, Foreseen, Present, Session, Trial, Whom};
use carillon_core::{AccountId, AccountNo, AppId};
use tokio::sync::{Notify, oneshot};

use crate::record::{Published, Spoken};
use crate::rooms::RoomMail;
use crate::shard::Newcomer;

/// Everything that waits, taken at once.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) newcomers: Vec<Newcomer>,
    pub(crate) committed: Vec<Published>,
    pub(crate) broadcasts: Vec<Spoken>,
    /// What is new in rooms, in the order of each room.
    pub(crate) rooms: Vec<Arc<RoomMail>>,
    /// Whether messages or broadcasts were left out.
    pub(crate) overrun: bool,
    pub(crate) ends: Vec<(AccountNo, EndReason)>,
    /// Apps that were removed: a handful at most.
    pub(crate) removed_apps: Vec<AppId>,
    /// Those that let nobody in without an account any more.
    pub(crate) closed_apps: Vec<AppId>,
    /// Bounded by who waits for an answer: calls and rpcs that run.
    pub(crate) asks: Vec<Ask>,
    pub(crate) room_asks: Vec<RoomAsk>,
    pub(crate) trials: Vec<TrialAsk>,
    /// Whether all connections shall end.
    pub(crate) draining: bool,
}

/// A question for the sessions of accounts.
pub(crate) struct Ask {
    pub(crate) app: AppId,
    pub(crate) accounts: Arc<[AccountId]>,
    /// Takes each session with the place of its account in `accounts`.
    pub(crate) answer: oneshot::Sender<Vec<(usize, Session)>>,
}

/// A question for who is in a room.
pub(crate) struct RoomAsk {
    pub(crate) room: RoomKey,
    pub(crate) whom: Whom,
    pub(crate) answer: oneshot::Sender<Vec<Present>>,
}

/// A question for who would get a message.
pub(crate) struct TrialAsk {
    pub(crate) trial: Arc<Trial>,
    pub(crate) answer: oneshot::Sender<Foreseen>,
}

pub(crate) struct Mailbox {
    state: Mutex<State>,
    bell: Notify,
    len_max: usize,
}

#[derive(Default)]
struct State {
    mail: Mail,
    /// By the kind alone: sessions end once, with what the first one says to them, or with nothing where that says nothing.
    seen_ends: HashSet<(AccountNo, Discriminant<EndReason>)>,
    /// News of rooms that the shard took and holds.
    held_rooms: usize,
    /// As those, broadcasts.
    held_broadcasts: usize,
    /// Whether the shard is about to end, so that nothing more may come.
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new(len_max: usize) -> Self {
        Self { state: Mutex::default(), bell: Notify::new(), len_max }
    }

    /// Whether the message is queued; if not, the shard is overrun.
    pub(crate) fn publish(&self, message: &Published) -> bool {
        self.change(|state| {
            let fits = state.mail.committed.len() < self.len_max && !state.closed;
            if fits {
                state.mail.committed.push(message.clone());
            }
            state.mail.overrun |= !fits;
            fits
        })
    }

    /// Whether the broadcast is queued, within the same bound of their own; beyond it the shard is overrun.
    pub(crate) fn broadcast(&self, spoken: &Spoken) -> bool {
        self.change(|state| {
            let fits = state.mail.broadcasts.len() + state.held_broadcasts < self.len_max && !state.closed;
            if fits {
                state.mail.broadcasts.push(spoken.clone());
            }
            state.mail.overrun |= !fits;
            fits
        })
    }

    /// Whether the news are queued, within the same bound of their own. Notices always are, as whoever is told to go must
    /// go; each is a call that was answered, and so as many as calls may be.
    pub(crate) fn room(&self, mail: &Arc<RoomMail>) -> bool {
        self.change(|state| {
            let waiting = state.mail.rooms.len() + state.held_rooms;
            let fits = (waiting < self.len_max || mail.is_notice()) && !state.closed;
            if fits {
                state.mail.rooms.push(Arc::clone(mail));
            }
            fits
        })
    }

    /// So many news of rooms that the shard took still wait there.
    pub(crate) fn hold(&self, rooms: usize) {
        self.lock().held_rooms = rooms;
    }

    /// As [`Mailbox::hold`], of broadcasts.
    pub(crate) fn hold_broadcasts(&self, broadcasts: usize) {
        self.lock().held_broadcasts = broadcasts;
    }

    pub(crate) fn end(&self, account: AccountNo, reason: EndReason) {
        self.change(|state| {
            if state.seen_ends.insert((account, discriminant(&reason))) {
                state.mail.ends.push((account, reason));
            }
        });
    }

    pub(crate) fn end_app(&self, app: AppId) {
        self.change(|state| {
            if !state.mail.removed_apps.contains(&app) {
                state.mail.removed_apps.push(app);
            }
        });
    }

    pub(crate) fn end_visitors(&self, app: AppId) {
        self.change(|state| {
            if !state.mail.closed_apps.contains(&app) {
                state.mail.closed_apps.push(app);
            }
        });
    }

    /// Asks the shard. One that is about to end, or has ended, answers nothing.
    pub(crate) fn ask(&self, ask: Ask) {
        self.change(|state| {
            if !state.closed {
                state.mail.asks.push(ask);
            }
        });
    }

    /// As [`Mailbox::ask`], for who is in a room.
    pub(crate) fn ask_room(&self, ask: RoomAsk) {
        self.change(|state| {
            if !state.closed {
                state.mail.room_asks.push(ask);
            }
        });
    }

    /// As [`Mailbox::ask`], for who would get a message.
    pub(crate) fn try_out(&self, ask: TrialAsk) {
        self.change(|state| {
            if !state.closed {
                state.mail.trials.push(ask);
            }
        });
    }

    /// Bounded by the connections that there may be. Gives the newcomer back where the shard is about to end.
    pub(crate) fn adopt(&self, newcomer: Newcomer) -> Option<Newcomer> {
        self.change(|state| {
            if state.closed {
                return Some(newcomer);
            }
            state.mail.newcomers.push(newcomer);
            None
        })
    }

    pub(crate) fn drain(&self) {
        self.change(|state| {
            state.mail.draining = true;
            state.closed = true;
        });
    }

    /// Messages that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().mail.committed.len()
    }

    /// Waits until there is something, and takes all of it.
    pub(crate) async fn take(&self) -> Mail {
        self.bell.notified().await;
        self.look()
    }

    /// Takes all that there is.
    pub(crate) fn look(&self) -> Mail {
        let mut state = self.lock();
        state.seen_ends.clear();
        std::mem::take(&mut state.mail)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.bell.notify_one();
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}
