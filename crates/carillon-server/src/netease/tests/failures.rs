//! What a caller is told when it is the server that fails, and that the server goes on.

use std::path::Path;

use carillon_core::port::Clock;
use carillon_store::{EmbeddedConfig, EmbeddedStore};
use insta::assert_snapshot;

use super::*;

const BYTES_NEVER_FREE: u64 = u64::MAX;

/// Of this engine each read and write waits for a thread, so that other calls go on meanwhile.
pub(super) async fn embedded(path: &Path, reserve_bytes: u64) -> Backend {
    let seen = Arc::new(Recorder::default());
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::new(NOW_MS));
    let config = EmbeddedConfig { reserve_bytes, ..EmbeddedConfig::default() };
    let store = EmbeddedStore::open(path, config, clock, seen.clone()).unwrap();
    let random = Arc::new(SeededRandom::new(1));
    Backend::over(store, random, seen, NeteaseConfig::default(), AppSettings::default()).await
}

/// The replies of a call that creates, one that changes, and one that sends.
async fn writes(backend: &Backend) -> String {
    let replies = [
        backend.post("user/create.action", &[("accid", "zoe")]).await,
        backend.post("user/block.action", &[("accid", "bob")]).await,
        backend.send(&[]).await,
    ];
    replies.join("\n")
}

#[tokio::test]
async fn calls_are_refused_while_there_is_no_room_and_repeats_are_answered() {
    let data = tempfile::tempdir().unwrap();
    let backend = embedded(data.path(), 0).await;
    backend.create(&["ann", "bob"]).await;
    let first = backend.post_as("r", SEND, &batch(&[("returnMsgid", "true")])).await;
    backend.pipeline.store.close().await;

    let backend = embedded(data.path(), BYTES_NEVER_FREE).await;
    assert_eq!(backend.post_as("r", SEND, &batch(&[("returnMsgid", "true")])).await, first);
    assert_snapshot!(writes(&backend).await, @r#"
    {"code":500,"desc":"no room to store: nothing was done"}
    {"code":500,"desc":"no room to store: nothing was done"}
    {"code":500,"desc":"no room to store: nothing was done"}
    "#);
    assert!(backend.sent().is_empty());
    backend.pipeline.store.close().await;

    // What was refused was not done, nor remembered.
    let backend = embedded(data.path(), 0).await;
    assert!(backend.post("user/create.action", &[("accid", "zoe")]).await.contains(r#""code":200"#));
    assert_snapshot!(backend.send(&[("fromAccid", "bob")]).await, @r#"{"code":200,"timetag":1700000000000}"#);
}

#[tokio::test]
async fn calls_are_refused_once_the_store_is_closed() {
    let data = tempfile::tempdir().unwrap();
    let backend = embedded(data.path(), 0).await;
    backend.create(&["ann", "bob"]).await;
    backend.pipeline.store.close().await;
    assert_snapshot!(writes(&backend).await, @r#"
    {"code":500,"desc":"server is shutting down: nothing was done"}
    {"code":500,"desc":"server is shutting down: nothing was done"}
    {"code":500,"desc":"server is shutting down: nothing was done"}
    "#);
    assert_snapshot!(backend.post_as("r", SEND, &batch(&[])).await, @r#"{"code":500,"desc":"server is shutting down: nothing was done"}"#);
}

/// Fails the first time it is asked.
struct Fails(Mutex<bool>, SeededRandom);

impl Random for Fails {
    fn fill(&self, bytes: &mut [u8]) {
        let fails = std::mem::take(&mut *self.0.lock().unwrap());
        assert!(!fails, "a test wants this");
        self.1.fill(bytes);
    }
}

#[tokio::test]
async fn a_call_whose_code_fails_is_answered_and_its_request_id_is_free_again() {
    let seen = Arc::new(Recorder::default());
    let random = Arc::new(Fails(Mutex::new(true), SeededRandom::new(1)));
    let store = MemoryStore::new(seen.clone());
    let backend = Backend::over(store, random, seen, NeteaseConfig::default(), AppSettings::default()).await;
    let create = async || backend.post_as("r", "user/create.action", &[("accid", "ann")]).await;
    assert_snapshot!(create().await, @r#"{"code":500,"desc":"server error"}"#);
    assert!(create().await.contains(r#""code":200"#));
}

/// What is logged on a thread, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn calls_that_the_store_fails_do_not_fill_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _logged_here = tracing::subscriber::set_default(subscriber);
    let lines = || {
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("a call of")).count()
    };
    let data = tempfile::tempdir().unwrap();
    let backend = embedded(data.path(), 0).await;
    backend.create(&["ann", "bob"]).await;
    backend.pipeline.store.close().await;
    let backend = embedded(data.path(), BYTES_NEVER_FREE).await;
    for _ in 0..9 {
        writes(&backend).await;
    }
    assert_eq!(lines(), 0, "the store tells of a full disk, once");
    backend.pipeline.store.close().await;
    for _ in 0..9 {
        writes(&backend).await;
    }
    assert_eq!(lines(), 1, "other failures are told of now and then");
}
