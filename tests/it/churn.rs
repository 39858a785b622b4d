//! Catching up under load: connections are cut at random while callers send, and no client misses or repeats an offset.
//!
//! `CHURN_CUTS` sets how many cuts there are in all, `CHURN_SEED` repeats a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_testkit::{Proxy, TestServer, User, UserBuilder};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

const CALLERS: usize = 8;
const USERS: [&str; 10] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"];

pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_cut_at_random_under_load_see_every_offset_once_and_rising() {
    let cuts = setting("CHURN_CUTS", 300);
    let seed = setting("CHURN_SEED", rand::random());
    eprintln!("CHURN_SEED={seed}");
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann"]).await;
    server.backend.create_accounts(&USERS).await;

    let cutting = Arc::new(AtomicUsize::new(USERS.len()));
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::task::spawn(call(&server, Arc::clone(&cutting)))).collect();
    let mut users = Vec::new();
    for (n, name) in USERS.into_iter().enumerate() {
        let proxy = Proxy::start(&server.url).await;
        let builder = UserBuilder::new(&proxy.url, &server.app.token(name, None)).device(name);
        let user = if n % 2 == 0 { builder } else { builder.json() }.start();
        let rng = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
        let cuts = cuts / USERS.len() as u64;
        users.push(tokio::task::spawn(be_cut(user, proxy, rng, cuts, Arc::clone(&cutting))));
    }
    let mut sent = 0;
    for caller in callers {
        sent += caller.await.unwrap();
    }
    for user in users {
        let (mut user, _proxy, mut seen) = user.await.unwrap();
        while seen < sent {
            seen = next(&mut user, seen).await;
        }
        assert_eq!(seen, sent);
    }
}

/// Sends to all users until nobody is cut any more; returns how many messages that were.
fn call(server: &TestServer, cutting: Arc<AtomicUsize>) -> impl Future<Output = u64> + use<> {
    let backend = server.backend.clone();
    async move {
        let mut sent = 0;
        while cutting.load(Ordering::SeqCst) > 0 {
            backend.send_text("ann", &USERS, "x").await;
            sent += 1;
        }
        sent
    }
}

/// Receives, and is cut after a random number of messages each time.
async fn be_cut(
    mut user: User,
    proxy: Proxy,
    mut rng: StdRng,
    cuts: u64,
    cutting: Arc<AtomicUsize>,
) -> (User, Proxy, u64) {
    let mut seen = 0;
    for _ in 0..cuts {
        for _ in 0..rng.random_range(0..30) {
            seen = next(&mut user, seen).await;
        }
        proxy.cut();
    }
    cutting.fetch_sub(1, Ordering::SeqCst);
    (user, proxy, seen)
}

async fn next(user: &mut User, seen: u64) -> u64 {
    let offset = user.arrival().await.offset;
    assert_eq!(offset, seen + 1, "offsets rise by one");
    offset
}
