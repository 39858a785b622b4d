//! The server is killed with SIGKILL while callers send: what it acknowledged is there, exactly once.
//!
//! `CRASH_ROUNDS` sets how often. SIGKILL leaves the page cache alone, so this says nothing about a power cut; that the
//! answer waits for the journal's sync is checked under strace by `.ci/run`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carillon_testkit::{AppFile, Backend, Process, UserBuilder, soon};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_carillon-under-test");
const CALLERS: u64 = 8;
const USERS: [&str; 5] = ["u0", "u1", "u2", "u3", "u4"];

/// Every acknowledged call, by its request id, which is also its text.
type Acknowledged = HashMap<String, Value>;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_is_there_exactly_once() {
    let rounds: u64 = std::env::var("CRASH_ROUNDS").map_or(4, |text| text.parse().expect("it is a number"));
    let directory = TempDir::new().unwrap();
    let app = AppFile::default();
    let config = app.write_config(directory.path(), "");
    let data = directory.path().join("data");
    let server = Process::serve(BINARY, &config, &data).await;
    let backend = Backend::new(&server.url, app.key, app.secret);
    backend.create_accounts(&["ann"]).await;
    backend.create_accounts(&USERS).await;
    server.kill().await;

    let mut acknowledged = Acknowledged::new();
    for round in 0..rounds {
        send_until_killed(&config, &data, &app, round, &mut acknowledged).await;
        let server = Process::serve(BINARY, &config, &data).await;
        check_answers(&Backend::new(&server.url, app.key, app.secret), round, &acknowledged).await;
        for user in USERS {
            check_inbox(&server, &app, user, round, &acknowledged).await;
        }
        server.kill().await;
    }
}

async fn send_until_killed(config: &Path, data: &Path, app: &AppFile, round: u64, acknowledged: &mut Acknowledged) {
    let server = Process::serve(BINARY, config, data).await;
    let backend = Backend::new(&server.url, app.key, app.secret);
    let done = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (backend, done) = (backend.clone(), Arc::clone(&done));
            tokio::task::spawn(async move {
                let mut own = Vec::new();
                for n in 0.. {
                    let request = format!("{round}:{caller}:{n}");
                    let Ok(answer) = backend.try_send("ann", &USERS, &request, &request).await else { break };
                    assert_eq!(answer["code"], 200, "{answer}");
                    own.push((request, answer));
                    done.fetch_add(1, Ordering::SeqCst);
                }
                own
            })
        })
        .collect();
    // A different moment each round, counted in calls and not in time.
    let moment = 20 + 37 * (round % 7);
    soon("enough calls are acknowledged", async {
        while done.load(Ordering::SeqCst) < moment {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.kill().await;
    for caller in callers {
        acknowledged.extend(caller.await.unwrap());
    }
}

/// Repeats the calls of the last round: each gets its first answer.
async fn check_answers(backend: &Backend, round: u64, acknowledged: &Acknowledged) {
    let last = format!("{round}:");
    for (request, answer) in acknowledged.iter().filter(|(request, _)| request.starts_with(&last)) {
        let again = backend.try_send("ann", &USERS, request, request).await.unwrap();
        assert_eq!(again, *answer, "the first answer of {request}");
    }
}

/// Reads the whole inbox: offsets are dense, and every acknowledged text is there once. Texts of calls that died before
/// their answer may be there, once.
async fn check_inbox(server: &Process, app: &AppFile, name: &str, round: u64, acknowledged: &Acknowledged) {
    let backend = Backend::new(&server.url, app.key, app.secret);
    let mut user = UserBuilder::new(&server.url, &app.token(name, None)).connect().await;
    let end = format!("the end of round {round}");
    backend.send_text("ann", &[name], &end).await;
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut offset = 0;
    loop {
        let arrival = user.arrival().await;
        offset += 1;
        assert_eq!(arrival.offset, offset, "offsets are dense");
        *seen.entry(arrival.text().to_owned()).or_default() += 1;
        if arrival.text() == end {
            break;
        }
    }
    for request in acknowledged.keys() {
        assert_eq!(seen.get(request), Some(&1), "{request} in the inbox of {name}");
    }
    let twice: Vec<_> = seen.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
