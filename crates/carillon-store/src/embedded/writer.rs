//! The writer: one thread that gathers what waits into a group, syncs it, tells who is online, and answers.
//!
//! Invariants: nobody is answered `Ok` before the sync; `Fanout` hears of messages in the order of commits. After a
//! failure, a panic included, everything that was kept in memory is forgotten, and the engine is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use carillon_core::MessageId;
use carillon_core::model::{Broadcast, RoomCommitted};
use carillon_core::port::{Fanout, StoreError};
use tokio::sync::mpsc;

use super::complete;
use super::db::Db;
use super::gather::Gather;
use super::group::{Group, News, Told};
use super::leftover::Leftovers;
use super::metrics::Reason;
use super::reads;
use super::shared::Shared;
use super::state::State;
use super::torn_end;

/// Told the outcome of the group that the write was in.
pub(crate) type After = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a write is asked to do when its turn comes.
pub(crate) enum Turn<'a, 'b> {
    Apply(&'a mut Group<'b>),
    Refuse(StoreError),
}

/// A write. It has nothing left to do when it returns `None`.
pub(crate) struct Job {
    pub(crate) run: Box<dyn FnOnce(Turn<'_, '_>) -> Option<After> + Send>,
    /// Has a group of its own: it reads what groups before it wrote, or changes what the writer keeps.
    pub(crate) is_alone: bool,
    /// May wait for others to share its sync.
    pub(crate) may_wait: bool,
    /// May write when space is short: it removes more than it writes, or a reader needs the little that it writes.
    pub(crate) may_use_reserve: bool,
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    fanout: Arc<dyn Fanout>,
    state: Option<State>,
    /// The id after the last message that who is online was told of.
    told: MessageId,
    /// Ids of whose messages it will never be noted what became of them: a failure may take from disk that they were noted.
    gaps: Vec<(MessageId, MessageId)>,
    /// What a group that failed would have told rooms, and its number: it may be on disk all the same.
    unsure: Option<(u64, Vec<Arc<RoomCommitted>>)>,
    leftovers: Leftovers,
    jobs: mpsc::Receiver<Job>,
    /// Taken from the queue, but for the next group.
    held: Option<Job>,
    gather: Gather,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        fanout: Arc<dyn Fanout>,
        leftovers: Leftovers,
        state: State,
        jobs: mpsc::Receiver<Job>,
    ) -> Self {
        let (told, gaps) = (state.next_id, state.gaps.clone());
        Self {
            shared,
            fanout,
            state: Some(state),
            told,
            gaps,
            unsure: None,
            leftovers,
            jobs,
            held: None,
            gather: Gather::default(),
        }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.next() {
            // Whoever was in the group learns that its outcome is unknown, because its answer is dropped.
            if catch_unwind(AssertUnwindSafe(|| self.group(first))).is_err() {
                tracing::error!("a write panicked: opening the storage engine again");
                self.fail();
            }
        }
    }

    fn next(&mut self) -> Option<Job> {
        let job = self.held.take().or_else(|| self.jobs.blocking_recv());
        if job.as_ref().is_some_and(|it| it.may_wait) {
            self.gather();
        }
        self.shared.metrics.write_queue.set(i64::try_from(self.jobs.len()).unwrap_or(i64::MAX));
        job
    }

    /// Waits for writes that share the next sync, where they would wait for each other later.
    fn gather(&self) {
        let Shared { gathering, clock, config, metrics, .. } = &*self.shared;
        let now_us = clock.monotonic_us();
        if self.fanout.is_sharing(now_us)
            && self.gather.wait(gathering, now_us, config.group_every_us, || self.jobs.len())
        {
            metrics.gather_seconds.observe((clock.monotonic_us() - now_us) as f64 / 1e6);
        }
    }

    fn group(&mut self, first: Job) {
        if let Err(error) = self.ready() {
            return self.refuse(first, error);
        }
        let room = self.shared.space.check();
        if !first.may_use_reserve
            && let Err(error) = room
        {
            return self.refuse(first, error);
        }
        let shared = Arc::clone(&self.shared);
        let (afters, outcome) = {
            let slot = match shared.slot.get() {
                Ok(slot) => slot,
                Err(error) => return self.refuse(first, error),
            };
            let db = slot.as_ref().expect("a slot that was got is full");
            self.leftovers.look(db);
            shared.pace.look(&db.keyspaces());
            shared.writeback.wake();
            let _merges_rest = shared.pace.write();
            self.apply(db, first, room)
        };
        if let Err(error) = &outcome {
            let path = self.shared.home.path.display();
            tracing::error!(%error, %path, "a group of writes failed: opening the storage engine again");
            self.shared.failing.failed(error);
            count_refused(&self.shared, "unknown", afters.len());
            self.fail();
        }
        let outcome = outcome.map(|told| self.tell(&told));
        for after in afters {
            after(outcome.clone());
        }
    }

    /// Lets the writes that wait join the group, where there is room for them, and syncs it.
    fn apply(&mut self, db: &Db, first: Job, room: Result<(), StoreError>) -> (Vec<After>, Result<Told, StoreError>) {
        let config = &self.shared.config;
        let state = self.state.as_mut().expect("a writer that is ready has its state");
        let began_us = self.shared.clock.monotonic_us();
        let mut group = Group::new(db, state, self.shared.clock.now_ms());
        let mut afters = Vec::new();
        let (mut writes, is_alone) = (1, first.is_alone);
        afters.extend((first.run)(Turn::Apply(&mut group)));
        while !is_alone && writes < config.group_writes_max && group.bytes() < config.group_bytes_max {
            let Ok(job) = self.jobs.try_recv() else { break };
            if job.is_alone {
                self.held = Some(job);
                break;
            }
            if !job.may_use_reserve
                && let Err(error) = &room
            {
                refuse(&self.shared, job, error.clone());
                continue;
            }
            afters.extend((job.run)(Turn::Apply(&mut group)));
            writes += 1;
        }
        if afters.is_empty() {
            // Nothing was put in, or by a lone write that failed half way.
            return (afters, Ok(Told::default()));
        }
        if group.is_empty() {
            // What these have read is synced already.
            return (afters, Ok(group.into_told()));
        }
        let started_us = self.shared.clock.monotonic_us();
        let (told, outcome) = group.sync();
        if let Err(error) = outcome {
            self.unsure = Some((state.groups + 1, told.of_rooms()));
            return (afters, Err(error));
        }
        self.shared.failing.over();
        self.shared.home.synced.note(state.groups);
        // More than the queue holds cannot wait in it.
        self.gather.synced(began_us, writes.min(config.write_queue_max + 1));
        let took_us = self.shared.clock.monotonic_us() - started_us;
        self.shared.metrics.commits.inc();
        self.shared.metrics.group_writes.observe(f64::from(u32::try_from(writes).unwrap_or(u32::MAX)));
        self.shared.metrics.commit_seconds.observe(took_us as f64 / 1e6);
        (afters, Ok(told))
    }

    fn tell(&mut self, told: &Told) {
        self.shared.removed.tell(&told.removed, &told.cleared);
        if told.removed.is_empty() {
            self.shared.facts.forget(&told.changed);
            self.shared.senders.forget(&told.changed, &told.changed_rooms);
        } else {
            self.shared.facts.forget_all();
            self.shared.senders.forget_all();
        }
        self.shared.metrics.forgotten_devices.inc_by(told.forgotten_devices);
        for news in &told.news {
            match news {
                News::Message(committed) => self.fanout.committed(committed),
                News::Broadcast(broadcast) => self.fanout.broadcast(broadcast),
                News::Room(committed) => self.fanout.room(committed),
            }
        }
        self.told = self.state.as_ref().map_or(self.told, |state| state.next_id);
    }

    fn refuse(&self, job: Job, error: StoreError) {
        refuse(&self.shared, job, error);
    }

    /// Forgets everything, because what is on disk is not known any more.
    fn fail(&mut self) {
        self.state = None;
        if let Err(error) = self.ready() {
            let path = self.shared.home.path.display();
            tracing::error!(
                %error, %path,
                "the storage engine did not open again: nothing is read or written until it does, which each write tries; see \
                 to the disk, and restart the server where that does not help"
            );
            self.shared.failing.shut(&error);
        }
    }

    /// Opens the engine and reads the state again, where a failure closed them.
    fn ready(&mut self) -> Result<(), StoreError> {
        if self.state.is_some() {
            return Ok(());
        }
        let shared = &self.shared;
        let (mut state, mut untold) = (None, Vec::new());
        self.leftovers.forget();
        shared.slot.reopen(|| {
            shared.facts.forget_all();
            shared.senders.forget_all();
            shared.messages.clear();
            let opened = complete::check(&shared.home.engine())
                .and_then(|()| torn_end::open(&shared.home, &shared.config, &shared.pace, &shared.heads));
            let (db, loaded) = opened.map_err(|error| error.in_use())?;
            shared.removed.load(&db)?;
            untold = broadcasts_from(shared, &db, &loaded, self.told)?;
            state = Some(loaded);
            Ok::<_, StoreError>(db)
        })?;
        // What is on disk without anybody having been told of it, nobody will say what became of.
        if let Some(state) = &mut state {
            if state.next_id > self.told {
                self.gaps.push((self.told, state.next_id));
                self.told = state.next_id;
            }
            state.gaps.clone_from(&self.gaps);
        }
        // Nobody would find out about these, as they are in no inbox.
        untold.iter().for_each(|it| self.fanout.broadcast(it));
        if let Some((_, of_rooms)) =
            self.unsure.take().filter(|(no, _)| state.as_ref().is_some_and(|it| it.groups == *no))
        {
            of_rooms.iter().for_each(|it| self.fanout.room(it));
        }
        self.state = state;
        shared.failing.opened();
        shared.metrics.reopened.inc();
        tracing::info!("the storage engine is open again");
        Ok(())
    }
}

/// The broadcasts on disk from this id on, in the order of their ids.
fn broadcasts_from(
    shared: &Shared,
    db: &Db,
    state: &State,
    from: MessageId,
) -> Result<Vec<Arc<Broadcast>>, StoreError> {
    let mut found = Vec::new();
    for &app in state.apps.keys() {
        let all = reads::broadcasts(db, app)?.into_iter();
        found.extend(all.filter_map(|it| shared.report(it).ok()).filter(|it| it.id >= from));
    }
    found.sort_by_key(|it| it.id);
    Ok(found)
}

fn refuse(shared: &Shared, job: Job, error: StoreError) {
    count_refused(shared, if error == StoreError::Full { "full" } else { "unknown" }, 1);
    (job.run)(Turn::Refuse(error));
}

fn count_refused(shared: &Shared, reason: &'static str, writes: usize) {
    shared.metrics.refused.get_or_create(&Reason { reason }).inc_by(writes as u64);
}
