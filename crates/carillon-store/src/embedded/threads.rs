//! The store's threads and the queues to them: bounded, and callers wait when one is full.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use carillon_core::port::StoreError;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::db::Db;
use super::gather::Gathering;
use super::shared::Shared;
use super::writer::{Job, Turn};

type Read = Box<dyn FnOnce(&Shared) + Send>;

struct Queues {
    writes: mpsc::Sender<Job>,
    reads: mpsc::Sender<Read>,
}

pub(crate) struct Threads {
    /// Empty once the store is closed.
    queues: Mutex<Option<Queues>>,
    gathering: Arc<Gathering>,
    /// Of reads that take long, so many may have a reader at a time.
    long_reads: Arc<Semaphore>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    /// Closed when the last thread has ended.
    done: watch::Receiver<()>,
}

impl Threads {
    /// Starts the readers, and the writer that `writer` makes for its queue.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        writer: impl FnOnce(mpsc::Receiver<Job>) -> super::writer::Writer,
    ) -> std::io::Result<Self> {
        let (writes, write_jobs) = mpsc::channel(shared.config.write_queue_max);
        let (reads, read_jobs) = mpsc::channel::<Read>(shared.config.read_queue_max);
        let (alive, done) = watch::channel(());
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        let mut handles = Vec::new();
        for _ in 0..shared.config.reader_threads {
            let (shared, jobs, alive) = (Arc::clone(shared), Arc::clone(&read_jobs), alive.clone());
            let read = move || {
                read_all(&shared, &jobs);
                drop((shared, alive));
            };
            handles.push(std::thread::Builder::new().name("store-read".into()).spawn(read)?);
        }
        let writer = writer(write_jobs);
        let write = move || {
            writer.run();
            drop(alive);
        };
        handles.push(std::thread::Builder::new().name("store-write".into()).spawn(write)?);
        let queues = Mutex::new(Some(Queues { writes, reads }));
        let long_reads = Arc::new(Semaphore::new((shared.config.reader_threads / 2).max(1)));
        let gathering = Arc::clone(&shared.gathering);
        Ok(Self { queues, gathering, long_reads, handles: Mutex::new(handles), done })
    }

    /// Has the writer do `apply` in a group, and returns when the group is synced.
    pub(crate) async fn write<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        kind: Kind,
        apply: impl FnOnce(&mut super::group::Group<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let queue = self.queue(|queues| queues.writes.clone())?;
        let (answer, answered) = oneshot::channel();
        // An answer that nobody waits for any more is no failure.
        let run = move |turn: Turn<'_, '_>| -> Option<super::writer::After> {
            match turn {
                Turn::Refuse(error) => {
                    let _ = answer.send(Err(error.into()));
                    None
                }
                Turn::Apply(group) => match apply(group) {
                    Err(error) => {
                        let _ = answer.send(Err(error));
                        None
                    }
                    Ok(done) => Some(Box::new(move |outcome| {
                        let _ = answer.send(outcome.map(|()| done).map_err(E::from));
                    })),
                },
            }
        };
        let is_alone = matches!(kind, Kind::Alone | Kind::FreesSpace);
        let may_wait = matches!(kind, Kind::Patient);
        let may_use_reserve = matches!(kind, Kind::FreesSpace | Kind::ForReader);
        let sent = queue.send(Job { run: Box::new(run), is_alone, may_wait, may_use_reserve }).await;
        self.gathering.queued(may_wait, || queue.max_capacity() - queue.capacity());
        drop(queue);
        sent.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unknown("the write panicked".into()).into()))
    }

    /// Has a reader do `read`.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared, &Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let queue = self.queue(|queues| queues.reads.clone())?;
        let (answer, answered) = oneshot::channel();
        let job: Read = Box::new(move |shared| {
            let outcome = shared.slot.get().and_then(|slot| {
                let db = slot.as_ref().expect("a slot that was got is full");
                // Reads change nothing that another one could find half done.
                let outcome = catch_unwind(AssertUnwindSafe(|| read(shared, db)));
                outcome.unwrap_or_else(|_| Err(StoreError::Unknown("the read panicked".into())))
            });
            // Whoever asked may have gone.
            let _ = answer.send(shared.report(outcome));
        });
        let sent = queue.send(job).await;
        drop(queue);
        sent.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unknown("the readers have ended".into())))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.queues.lock().expect("no holder of this lock panics").is_some()
    }

    /// Has a reader do `read`, which may take long: half of the readers are for others meanwhile.
    pub(crate) async fn read_long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared, &Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.long_reads).acquire_owned().await;
        self.read(move |shared, db| {
            // Until the reader has done, whether somebody still waits for it or not.
            let _permit = permit;
            read(shared, db)
        })
        .await
    }

    /// Takes nothing more, and returns when everything that was taken is done.
    pub(crate) async fn close(&self) {
        self.queues.lock().expect("no holder of this lock panics").take();
        let mut done = self.done.clone();
        while done.changed().await.is_ok() {}
        self.join();
    }

    fn join(&self) {
        let handles = std::mem::take(&mut *self.handles.lock().expect("no holder of this lock panics"));
        for handle in handles {
            if handle.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }

    fn queue<T>(&self, pick: impl FnOnce(&Queues) -> T) -> Result<T, StoreError> {
        self.queues.lock().expect("no holder of this lock panics").as_ref().map(pick).ok_or(StoreError::Closed)
    }
}

/// How a write goes with others.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Grouped,
    /// As [`Kind::Grouped`], and it may wait for others to share its sync, where that is of use.
    Patient,
    Alone,
    FreesSpace,
    /// Little, and without it a reader does not get on.
    ForReader,
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queues.lock().expect("no holder of this lock panics").take();
        self.join();
    }
}

/// Runs reads until the queue is closed and empty. Whoever waits for the next one holds the queue; the others work.
fn read_all(shared: &Shared, jobs: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        let job = {
            let mut jobs = jobs.lock().expect("no holder of this lock panics");
            let job = jobs.blocking_recv();
            shared.metrics.read_queue.set(i64::try_from(jobs.len()).unwrap_or(i64::MAX));
            job
        };
        let Some(job) = job else { return };
        job(shared);
    }
}
