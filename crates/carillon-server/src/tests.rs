//! Whole servers in one process, over loopback: starting, the pages of operators, seeding, stopping.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use carillon_core::port::{FakeClock, SeededRandom};
use serde_json::{Value, json};

use crate::config::{AppConfig, Config, NeteaseKeyConfig, TencentKeyConfig};
use crate::native;
use crate::server::{Ports, Server, StartError};

fn ports() -> Ports {
    Ports { clock: Arc::new(FakeClock::new(1_700_000_000_000)), random: Arc::new(SeededRandom::new(7)) }
}

fn config(data: &Path) -> Config {
    Config { data: data.to_owned(), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() }
}

async fn get(url: String) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// A call of the native API.
async fn call(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let addr = server.admin_addr().unwrap_or(server.addr());
    let request = reqwest::Client::new()
        .request(method.parse().unwrap(), format!("http://{addr}/carillon/v1{path}"))
        .bearer_auth(server.admin_token())
        .body(body.to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn two_servers_run_in_one_process_and_share_nothing() {
    let (one_dir, two_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = Server::start(config(one_dir.path()), ports()).await.unwrap();
    let two = Server::start(config(two_dir.path()), ports()).await.unwrap();
    assert_ne!(one.addr(), two.addr());
    assert_eq!(call(&one, "POST", "/apps", json!({"name": "shop"})).await.0, 201);
    assert_eq!(call(&one, "GET", "/apps/shop/credentials", json!({})).await.0, 200);
    assert_eq!(call(&two, "GET", "/apps/shop/credentials", json!({})).await.0, 404);
    one.stop().await;
    assert_eq!(get(format!("http://{}/healthz", two.addr())).await, (200, "ok\n".to_owned()));
    two.stop().await;
}

#[tokio::test]
async fn operators_find_health_readiness_and_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    let base = format!("http://{}", server.addr());
    assert_eq!(get(format!("{base}/healthz")).await, (200, "ok\n".to_owned()));
    assert_eq!(get(format!("{base}/readyz")).await, (200, "ready\n".to_owned()));
    let (status, metrics) = get(format!("{base}/metrics")).await;
    assert_eq!(status, 200);
    assert!(metrics.contains("carillon_http_connections 1"), "{metrics}");
    assert!(metrics.contains("process_cpu_seconds_total "), "{metrics}");
    assert_eq!(get(format!("{base}/nimserver/health/liveness.action")).await.0, 200);
    let (status, problem) = get(format!("{base}/nothing")).await;
    assert_eq!(status, 404);
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!(problem["title"], "Not Found");
    server.stop().await;
}

#[tokio::test]
async fn a_listener_of_its_own_takes_metrics_and_the_native_api() {
    let dir = tempfile::tempdir().unwrap();
    let admin_listen = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(Config { admin_listen, ..config(dir.path()) }, ports()).await.unwrap();
    let admin = server.admin_addr().unwrap();
    assert_eq!(get(format!("http://{}/metrics", server.addr())).await.0, 404);
    assert_eq!(get(format!("http://{}/carillon/v1/server", server.addr())).await.0, 404);
    assert_eq!(get(format!("http://{admin}/metrics")).await.0, 200);
    assert_eq!(call(&server, "GET", "/server", json!({})).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_first_start_makes_an_app_whose_credentials_only_the_owner_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    for name in ["credentials-default.toml", "admin-token", "server.json"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let text = std::fs::read_to_string(dir.path().join("credentials-default.toml")).unwrap();
    let written = Config::parse(&text, [("", ""); 0]).unwrap();
    assert!(written.validate().is_ok());
    let (_, credentials) = call(&server, "GET", "/apps/default/credentials", json!({})).await;
    assert_eq!(credentials["token_secret"], written.apps[0].token_secret);
    let noted: Value = serde_json::from_slice(&std::fs::read(dir.path().join("server.json")).unwrap()).unwrap();
    assert_eq!(noted["url"], format!("http://{}", server.addr()));
    server.stop().await;
    assert!(!dir.path().join("server.json").exists());
}

#[tokio::test]
async fn apps_of_the_file_are_created_and_none_is_made_besides() {
    let dir = tempfile::tempdir().unwrap();
    let key = NeteaseKeyConfig { app_key: "key".to_owned(), app_secret: "secret".to_owned() };
    let app =
        AppConfig { name: "shop".to_owned(), token_secret: "s".repeat(32), netease: Some(key), ..AppConfig::default() };
    let server = Server::start(Config { apps: vec![app], ..config(dir.path()) }, ports()).await.unwrap();
    let (_, list) = call(&server, "GET", "/apps", json!({})).await;
    assert_eq!(
        list,
        json!({"apps": [{"name": "shop", "dialects": ["netease"], "folds_case": true, "devices": "any", "disabled": false}]})
    );
    server.stop().await;
}

#[tokio::test]
async fn a_start_that_an_app_of_the_file_keeps_from_happening_creates_none() {
    let dir = tempfile::tempdir().unwrap();
    let app = |name: &str, app_key: &str| AppConfig {
        name: name.to_owned(),
        token_secret: "s".repeat(32),
        netease: Some(NeteaseKeyConfig { app_key: app_key.to_owned(), app_secret: "the-secret".to_owned() }),
        ..AppConfig::default()
    };
    let with = |apps| Config { apps, ..config(dir.path()) };
    Server::start(with(vec![app("shop", "one")]), ports()).await.unwrap().stop().await;
    let Err(refused) = Server::start(with(vec![app("new", "two"), app("other", "one")]), ports()).await else {
        panic!("it started")
    };
    let refused = refused.to_string();
    assert!(refused.starts_with("`apps[1].netease.app_key`: app `shop`"), "{refused}");
    assert!(!refused.contains("the-secret"), "{refused}");
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    let (_, list) = call(&server, "GET", "/apps", json!({})).await;
    let names: Vec<&Value> = list["apps"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["shop"]);
    server.stop().await;
}

#[tokio::test]
async fn settings_of_an_app_change_and_what_is_not_given_stays() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    let app = json!({"name": "shop", "devices": "one"});
    assert_eq!(call(&server, "POST", "/apps", app).await.0, 201);
    let (_, credentials) = call(&server, "GET", "/apps/shop/credentials", json!({})).await;
    let (status, changed) = call(&server, "PATCH", "/apps/shop", json!({"devices": "one_per_platform"})).await;
    let dialects = json!(["netease"]);
    assert_eq!(status, 200);
    let expect = json!({"name": "shop", "dialects": dialects, "folds_case": true, "devices": "one_per_platform", "disabled": false});
    assert_eq!(changed, expect);
    let (_, list) = call(&server, "GET", "/apps", json!({})).await;
    assert_eq!(list["apps"][1], expect);
    assert_eq!(call(&server, "GET", "/apps/shop/credentials", json!({})).await.1, credentials);
    for (wrong, status) in [
        (json!({"devices": "two"}), 400),
        (json!({"name": "other"}), 400),
        (json!({"token_secret": "s".repeat(32)}), 400),
        (json!({"limits": {"fly": "unlimited"}}), 400),
        (json!({"colour": "red"}), 400),
    ] {
        assert_eq!(call(&server, "PATCH", "/apps/shop", wrong.clone()).await.0, status, "{wrong}");
    }
    assert_eq!(call(&server, "PATCH", "/apps/nothing", json!({})).await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn whoever_takes_the_directory_removes_the_note_of_a_server_that_was_killed_and_of_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("server.json");
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    let killed = std::fs::read(&note).unwrap();
    assert!(native::offline(&config(dir.path()), ports()).await.is_err());
    assert!(Server::start(config(dir.path()), ports()).await.is_err());
    assert_eq!(std::fs::read(&note).unwrap(), killed);
    server.stop().await;
    std::fs::write(&note, killed).unwrap();
    let offline = native::offline(&config(dir.path()), ports()).await.unwrap();
    // Its port may be another program's now, which is not to be sent the admin token.
    assert!(!note.exists());
    offline.close().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_with_the_setting_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let refused = async |config| Server::start(config, ports()).await.err().unwrap().to_string();
    let public = refused(Config { listen: addr, ..config(dir.path()) }).await;
    assert!(public.ends_with("; `listen` in the configuration, or --listen, names another address"), "{public}");
    let admin = refused(Config { admin_listen: Some(addr), ..config(dir.path()) }).await;
    assert!(admin.ends_with("; `admin_listen` in the configuration names another address"), "{admin}");
}

#[tokio::test]
async fn an_admin_token_that_no_caller_could_send_is_refused_by_its_files_name() {
    let dir = tempfile::tempdir().unwrap();
    for token in [&b"one\ntwo\n"[..], b"\xff\xfe", b"one two"] {
        std::fs::write(dir.path().join("admin-token"), token).unwrap();
        let refused = Server::start(config(dir.path()), ports()).await.err().unwrap().to_string();
        assert!(refused.contains("the file admin-token is not one word"), "{refused}");
    }
    std::fs::write(dir.path().join("admin-token"), " mine\n").unwrap();
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    assert_eq!(server.admin_token(), "mine");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_configuration_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let app = AppConfig { name: "shop".to_owned(), token_secret: "short".to_owned(), ..AppConfig::default() };
    let started = Server::start(Config { apps: vec![app], ..config(&dir.path().join("data")) }, ports()).await;
    assert!(matches!(started, Err(StartError::Config(_))));
    assert!(!dir.path().join("data").exists());
}

#[tokio::test]
async fn the_accounts_of_a_batch_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    let syncs = async || {
        let (_, text) = get(format!("http://{}/metrics", server.addr())).await;
        let line = text.lines().find(|line| line.starts_with("carillon_store_commits_total ")).unwrap().to_owned();
        line.split_once(' ').unwrap().1.parse::<u64>().unwrap()
    };
    let accounts: Vec<Value> = (0..500).map(|n| json!({ "account": format!("u{n}") })).collect();
    let before = syncs().await;
    let (status, _) = call(&server, "POST", "/apps/default/accounts/batch", json!({ "accounts": accounts })).await;
    let taken = syncs().await - before;
    assert_eq!(status, 200);
    // A few; how many depends on how quickly they come. One by one they would take 500.
    assert!((1..100).contains(&taken), "{taken}");
    server.stop().await;
}

#[tokio::test]
async fn a_batch_that_the_disk_has_no_room_for_is_refused_as_a_whole_and_may_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    Server::start(config(dir.path()), ports()).await.unwrap().stop().await;
    let mut full = config(dir.path());
    full.store.reserve_bytes = u64::MAX;
    let server = Server::start(full, ports()).await.unwrap();
    let batch = json!({ "accounts": [{ "account": "ann" }] });
    let (status, problem) = call(&server, "POST", "/apps/default/accounts/batch", batch.clone()).await;
    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().contains("repeat the call"), "{problem}");
    server.stop().await;
    let server = Server::start(config(dir.path()), ports()).await.unwrap();
    let (_, answer) = call(&server, "POST", "/apps/default/accounts/batch", batch).await;
    assert_eq!(answer["accounts"][0]["outcome"], "created");
    server.stop().await;
}

#[tokio::test]
async fn a_server_starts_while_the_disk_is_full_and_says_that_it_takes_no_writes() {
    let dir = tempfile::tempdir().unwrap();
    let admins = vec!["administrator".to_owned()];
    let tencent = TencentKeyConfig { sdk_app_id: 1_400_000_001, secret_key: "secret".to_owned(), admins };
    let app = AppConfig {
        name: "shop".to_owned(),
        token_secret: "0123456789abcdef0123456789abcdef".to_owned(),
        tencent: Some(tencent),
        ..AppConfig::default()
    };
    let mut config = Config { apps: vec![app], ..config(dir.path()) };
    Server::start(config.clone(), ports()).await.unwrap().stop().await;
    config.store.reserve_bytes = u64::MAX;
    let server = Server::start(config, ports()).await.unwrap();
    let (status, why) = get(format!("http://{}/readyz", server.addr())).await;
    assert_eq!((status, why.contains("below the reserve")), (503, true), "{why}");
    assert_eq!(call(&server, "GET", "/apps", json!({})).await.0, 200);
    server.stop().await;
}
