//! `carillon bench` against a real server, as small as it can be: what it finds is whole, and its app is gone afterwards.

use std::process::Stdio;

use carillon_testkit::{AppFile, Process, soon};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::cli::{BINARY, command, done, run};

/// A server, and its directory.
struct Bench {
    server: Process,
    directory: TempDir,
}

impl Bench {
    async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let config = AppFile::default().write_config(directory.path(), "");
        let server = Process::serve(BINARY, &config, &directory.path().join("data")).await;
        Self { server, directory }
    }

    async fn done(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        done(&self.directory.path().join("data"), &arguments).await
    }

    async fn found(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.done(arguments).await).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_of_batches_finds_every_call_and_delivery_and_leaves_no_app_behind() {
    let bench = Bench::start().await;
    let options = "--accounts 20 --recipients 10 --preload 40 --online 12 --callers 1,3 --calls 6 --half-load --json --dialect netease,tencent";
    let found = bench.found(&format!("bench batch {options}")).await;
    let lines = found["lines"].as_array().unwrap();
    let of = |line: &Value| {
        (line["callers"].as_u64().unwrap(), line["dialect"].as_str().unwrap().to_owned(), line["rate"].is_null())
    };
    let measured: Vec<_> = lines.iter().map(of).collect();
    let both = |callers| ["netease", "tencent"].map(|it| [true, false].map(|free| (callers, it.to_owned(), free)));
    assert_eq!(measured, [both(1), both(3)].concat().concat());
    for line in lines {
        assert_eq!((&line["calls"], &line["received"]), (&6.into(), &60.into()), "{line}");
        let number = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("no {key} in {line}"));
        assert!(number("calls_per_s") > 0.0 && number("server_cpu_us_per_recipient") > 0.0, "{line}");
        assert!(number("p50_ms") <= number("p99_ms") && number("p99_ms") <= number("max_ms"), "{line}");
    }
    assert_eq!(bench.done("app list").await, "shop\tnetease\n");
    bench.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_of_idle_connections_brings_each_its_inbox_and_leaves_no_app_behind() {
    let bench = Bench::start().await;
    let found = bench.found("bench idle --connections 15 --entries 3 --at-once 4 --rest 0 --json").await;
    assert_eq!((&found["connections"], &found["entries_per_login"]), (&15.into(), &3.0.into()), "{found}");
    assert!(found["logins_per_s"].as_f64().unwrap() > 0.0, "{found}");
    assert_eq!(bench.done("app list").await, "shop\tnetease\n");
    bench.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_of_a_room_finds_every_delivery_and_drop_and_leaves_no_app_behind() {
    let bench = Bench::start().await;
    let all = bench.found("bench room --members 15 --messages 6 --at-once 4 --json").await;
    assert_eq!((&all["messages"], &all["deliveries"], &all["dropped"]), (&6.into(), &90.into(), &json!({})), "{all}");
    let number = |key: &str| all[key].as_f64().unwrap_or_else(|| panic!("no {key} in {all}"));
    assert!(number("deliveries_per_s") > 0.0 && number("server_cpu_us_per_delivery") > 0.0, "{all}");
    assert!(number("p50_ms") <= number("p99_ms") && number("p99_ms") <= number("max_ms"), "{all}");
    let tagged = "bench room --members 15 --tags 3 --to-tag 100 --messages 4 --rate 1000 --json";
    let tagged = bench.found(tagged).await;
    assert_eq!((&tagged["deliveries"], &tagged["dropped"]), (&20.into(), &json!({"tag_mismatch": 40})), "{tagged}");
    let limited = bench.found("bench room --members 3 --messages 40 --callers 1 --rate 90 --limited --json").await;
    let count = |it: &Value| it.as_u64().unwrap_or(0);
    let dropped = &limited["dropped"];
    assert_eq!(count(&limited["deliveries"]) + count(&dropped["flow_limit"]), 120, "{limited}");
    let one = bench.found("bench room --members 15 --to-one 100 --high 50 --messages 4 --json").await;
    assert_eq!((&one["deliveries"], &one["dropped"]), (&4.into(), &json!({})), "{one}");
    assert_eq!(bench.done("app list").await, "shop\tnetease\n");
    bench.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_app_is_used_again_and_stays_until_it_is_removed() {
    let bench = Bench::start().await;
    let data = bench.directory.path().join("data");
    let options = ["--recipients", "5", "--callers", "1", "--calls", "1"];
    let first = run(&data, &[&["bench", "batch", "--accounts", "10", "--keep"], &options[..]].concat()).await;
    let app = first.err.split("kept app ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
    assert!(first.out.starts_with(&format!("app {app}: 10 accounts")), "{}", first.out);
    let again = ["bench", "batch", "--app", app, "--accounts"];
    done(&data, &[&again[..], &["10"], &options].concat()).await;
    let more = run(&data, &[&again[..], &["11"], &options].concat()).await;
    assert!(more.code == Some(1) && more.err.contains("fewer accounts"), "{}", more.err);
    assert!(done(&data, &["app", "list"]).await.contains(app));
    done(&data, &["app", "remove", app, "--yes"]).await;
    assert_eq!(done(&data, &["app", "list"]).await, "shop\tnetease\n");
    bench.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_that_is_interrupted_removes_its_app_as_well() {
    let bench = Bench::start().await;
    let data = bench.directory.path().join("data");
    let options = ["bench", "batch", "--accounts", "10", "--recipients", "5", "--callers", "2", "--seconds", "100000"];
    let mut running = command(&data, &options).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let first = soon("the bench begins", lines.next_line()).await.unwrap().unwrap();
    assert!(first.starts_with("app bench-"), "{first}");
    let interrupt = Command::new("kill").args(["-INT", &running.id().unwrap().to_string()]).status().await.unwrap();
    assert!(interrupt.success());
    assert_eq!(soon("the bench ends", running.wait()).await.unwrap().code(), Some(1));
    assert_eq!(bench.done("app list").await, "shop\tnetease\n");
    bench.server.kill().await;
}

#[tokio::test]
async fn what_a_bench_cannot_do_is_refused_with_what_to_do_instead() {
    let bench = Bench::start().await;
    let data = bench.directory.path().join("data");
    for (arguments, hint) in [
        ("--recipients 501", "a call takes 1 to 500"),
        ("--accounts 100", "500 recipients need as many"),
        ("--online 10001", "there are only --accounts 10000"),
        ("--online 499", "it takes 500 at least"),
        ("--callers 0", "from 1 on"),
        ("--app nothing", "there is no app `nothing`"),
    ] {
        let arguments: Vec<&str> = ["bench", "batch"].into_iter().chain(arguments.split(' ')).collect();
        let refused = run(&data, &arguments).await;
        assert_eq!(refused.code, Some(1), "{arguments:?}");
        assert!(refused.err.contains(hint), "{arguments:?}: {}", refused.err);
    }
    assert_eq!(bench.done("app list").await, "shop\tnetease\n");
    bench.server.kill().await;
}
