//! The end of the journal torn or flipped on real files: nothing before it is lost, and nothing wrong is served.

use std::path::Path;
use std::sync::Arc;

use carillon_core::model::Fate;
use carillon_core::port::{FakeClock, Store as _};
use carillon_core::{AccountNo, AppId, Offset};

use crate::fixture::{ALL, Heard, NOW_MS, new_app, plan};
use crate::{EmbeddedConfig, EmbeddedStore, OpenError};

fn open(path: &Path) -> Result<Arc<EmbeddedStore>, OpenError> {
    let heard: Arc<Heard> = Arc::default();
    let config = EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() };
    EmbeddedStore::open(path, config, Arc::new(FakeClock::new(NOW_MS)), heard)
}

fn journal(path: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(path.join("db")).unwrap().map(|it| it.unwrap().path());
    files.filter(|it| it.extension().is_some_and(|ext| ext == "jnl")).max().unwrap()
}

fn written(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(journal(path)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    bytes.truncate(end);
    bytes
}

#[tokio::test]
async fn a_torn_or_flipped_last_group_loses_nothing_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let app = AppId(1);
    store.create_app(new_app("shop")).await.unwrap();
    let send = async || store.commit_message(plan(app, 1, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    send().await;
    let kept = written(directory.path()).len();
    send().await;
    store.close().await;
    drop(store);
    let whole = written(directory.path());
    let path = journal(directory.path());
    let (mut opened, mut refused) = (0, 0);
    let torn = (kept..whole.len()).step_by(9).map(|at| whole[..at].to_vec());
    let flipped = (kept..whole.len()).step_by(9).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    });
    for bytes in torn.chain(flipped) {
        std::fs::write(&path, &bytes).unwrap();
        match open(directory.path()) {
            Ok(store) => {
                let page = store.read_inbox(AccountNo::new(app, 2), Offset::ZERO, ALL).await.unwrap();
                assert!((1..=2).contains(&page.entries.len()));
                store.close().await;
                opened += 1;
            }
            Err(OpenError::Damaged(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    println!("opened {opened}, refused {refused}");
}
