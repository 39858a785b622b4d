//! What dialects' tests have in place of connections.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, mpsc};

use async_trait::async_trait;
use carillon_core::model::{Broadcast, Committed, RoomCard, RoomCommitted, RoomKey};
use carillon_core::port::{EndReason, Fanout, Foreseen, LiveRooms, Present, Session, Sessions, Trial, Which, Whom};
use carillon_core::{AccountId, AccountNo, AppId, RoomNo};

/// What connections would have been told.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) committed: Mutex<Vec<Arc<Committed>>>,
    pub(crate) broadcasts: Mutex<Vec<Arc<Broadcast>>>,
    pub(crate) ended: Mutex<Vec<(AccountNo, EndReason)>>,
    pub(crate) online: Mutex<HashMap<(AppId, AccountId), Vec<Session>>>,
    pub(crate) rooms: Mutex<Vec<Arc<RoomCommitted>>>,
    /// Who is in rooms, those who came last first.
    pub(crate) present: Mutex<Vec<(RoomKey, Present)>>,
    /// Recipients of messages that nobody got.
    pub(crate) nobody: Mutex<usize>,
    /// Where set, the next commit waits for it.
    pub(crate) gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Fanout for Recorder {
    fn committed(&self, message: &Arc<Committed>) {
        self.committed.lock().unwrap().push(message.clone());
        let gate = self.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            let _ = gate.recv();
        }
    }

    fn broadcast(&self, broadcast: &Arc<Broadcast>) {
        self.broadcasts.lock().unwrap().push(broadcast.clone());
    }

    fn room(&self, news: &Arc<RoomCommitted>) {
        self.rooms.lock().unwrap().push(news.clone());
    }

    fn nobody(&self, unregistered: usize) {
        *self.nobody.lock().unwrap() += unregistered;
    }

    fn over_high_rate(&self, _is_refused: bool) {}
}

#[async_trait]
impl Sessions for Recorder {
    fn end(&self, account: AccountNo, reason: EndReason) {
        self.ended.lock().unwrap().push((account, reason));
    }

    fn end_app(&self, _app: AppId) {}

    fn end_visitors(&self, _app: AppId) {}

    async fn online(&self, app: AppId, accounts: &[AccountId]) -> Vec<Vec<Session>> {
        let online = self.online.lock().unwrap();
        accounts.iter().map(|id| online.get(&(app, id.clone())).cloned().unwrap_or_default()).collect()
    }
}

#[async_trait]
impl LiveRooms for Recorder {
    fn head_count(&self, room: RoomKey) -> usize {
        self.present.lock().unwrap().iter().filter(|(key, _)| *key == room).count()
    }

    fn card(&self, room: RoomKey, account: AccountNo) -> Option<Arc<RoomCard>> {
        let present = self.present.lock().unwrap();
        let it = present.iter().find(|(key, it)| *key == room && it.account == account);
        it.map(|(_, it)| Arc::new(it.card.clone()))
    }

    fn awaited_in(&self, app: AppId, after: u64, limit: usize) -> Vec<RoomNo> {
        let all = self.present.lock().unwrap();
        let of_app = all.iter().map(|(key, _)| *key).filter(|key| key.app == app && key.no.get() > after);
        BTreeSet::from_iter(of_app.map(|key| key.no)).into_iter().take(limit).collect()
    }

    async fn present(&self, room: RoomKey, whom: Whom) -> Vec<Present> {
        let all = self.present.lock().unwrap();
        let here = all.iter().filter(|(key, _)| *key == room).map(|(_, it)| it.clone());
        match whom {
            Whom::Latest { which, span, limit } => {
                let is_one = |it: &Present| match which {
                    Which::All => true,
                    Which::Fixed => it.is_fixed(),
                    Which::Guests => !it.is_fixed(),
                };
                here.filter(|it| it.entered_ms <= span.to_ms && is_one(it)).take(limit).collect()
            }
            Whom::These(accounts) => here.filter(|it| accounts.contains(&it.account)).collect(),
        }
    }

    async fn foresee(&self, _trial: Trial) -> Foreseen {
        Foreseen::default()
    }
}
