//! The command line as a user types it: the binary, its output and its exit code.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use carillon_testkit::{AppFile, Process, UserBuilder, soon};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_carillon-under-test");

/// What a command printed, and whether it succeeded.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(data).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub(super) async fn run(data: &Path, arguments: &[&str]) -> Ran {
    ended(command(data, arguments)).await
}

/// What the command came to.
pub(super) async fn ended(mut command: Command) -> Ran {
    let output = soon("the command ends", command.output()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) async fn done(data: &Path, arguments: &[&str]) -> String {
    let ran = run(data, arguments).await;
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
    ran.out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_delivers_everything_and_ends_with_success() {
    let directory = TempDir::new().unwrap();
    let elsewhere = run(directory.path(), &["demo", "--once"]).await;
    assert!(elsewhere.code == Some(1) && elsewhere.err.contains("`demo` takes no --config"), "{}", elsewhere.err);
    let mut demo = Command::new(BINARY);
    demo.args(["demo", "--once"]).kill_on_drop(true);
    let ran = ended(demo).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    for account in ["ann", "bob", "carl", "dora"] {
        let arrived = |line: &str| line.trim_start().starts_with(account) && line.contains("offset 1");
        assert!(ran.out.lines().any(arrived), "{account} in {}", ran.out);
    }
    assert!(ran.out.contains(r#"{"code":200"#), "{}", ran.out);
}

#[tokio::test]
async fn without_a_server_commands_change_the_data_directory_themselves() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let made = done(&data, &["app", "create", "shop"]).await;
    assert!(made.contains("token_secret"), "{made}");
    assert_eq!(done(&data, &["app", "list"]).await, "shop\tnetease\n");
    let token = done(&data, &["account", "create", "ann"]).await;
    assert_eq!(token.trim().len(), 32);
    let rotated = done(&data, &["app", "rotate-secret", "shop", "token"]).await;
    assert_ne!(made, rotated);
    assert_eq!(done(&data, &["app", "credentials", "shop"]).await, rotated);
    assert_eq!(done(&data, &["app", "set", "shop", "--devices", "one"]).await, "");
    assert_eq!(run(&data, &["app", "set", "shop", "--devices", "two"]).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_directory_is_another_store_to_clients_once_its_server_is_stopped() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let refused = async |expected: &str| {
        let ran = run(&data, &["restored"]).await;
        assert_eq!((ran.code, ran.err.contains(expected)), (Some(1), true), "{}", ran.err);
    };
    refused("holds no Carillon store").await;
    assert!(!data.exists());
    let config = AppFile::default().write_config(directory.path(), "");
    let epoch = async || {
        let server = Process::serve(BINARY, &config, &data).await;
        refused("is in use by another process").await;
        let token = done(&data, &["account", "token", "ann"]).await;
        let epoch = UserBuilder::new(&server.url, token.trim()).connect().await.subscribed().await.epoch;
        server.kill().await;
        epoch
    };
    done(&data, &["app", "create", "shop"]).await;
    done(&data, &["account", "create", "ann"]).await;
    let before = epoch().await;
    assert_eq!(epoch().await, before);
    let ran = run(&data, &["restored"]).await;
    assert_eq!((ran.code, ran.err.contains("start the server")), (Some(0), true), "{}", ran.err);
    assert_ne!(epoch().await, before);
}

#[tokio::test]
async fn an_app_is_removed_with_everything_and_only_when_it_is_meant() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    done(&data, &["app", "create", "shop"]).await;
    done(&data, &["account", "create", "ann"]).await;
    let asked = run(&data, &["app", "remove", "shop"]).await;
    assert_eq!((asked.code, asked.err.contains("--yes")), (Some(1), true), "{}", asked.err);
    assert_eq!(done(&data, &["app", "list"]).await, "shop\tnetease\n");
    done(&data, &["app", "remove", "shop", "--yes"]).await;
    assert_eq!(done(&data, &["app", "list"]).await, "");
    assert_eq!(run(&data, &["app", "remove", "shop", "--yes"]).await.code, Some(1), "it is not there any more");
    done(&data, &["app", "create", "shop"]).await;
    assert!(run(&data, &["account", "token", "ann"]).await.err.contains("no account `ann`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_made_with_tencent_credentials_is_called_and_logged_in_to_at_once() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let server = Process::serve(BINARY, &AppFile::default().write_config(directory.path(), ""), &data).await;
    let made = run(&data, &["app", "create", "chat", "--tencent"]).await;
    assert!(made.out.contains("tencent = { sdk_app_id = 1"), "{}", made.out);
    assert!(made.err.contains("carillon usersig ACCOUNT --app chat"), "{}", made.err);
    assert_eq!(done(&data, &["app", "credentials", "chat"]).await, made.out);
    let import = ["call", "tencent", "im_open_login_svc/account_import", r#"{"UserID":"Ann"}"#, "--app", "chat"];
    assert!(done(&data, &import).await.contains(r#""ErrorCode":0"#));
    let usersig = done(&data, &["usersig", "Ann", "--app", "chat"]).await;
    UserBuilder::new(&server.url, usersig.trim()).connect().await;
    let other = done(&data, &["app", "create", "other", "--tencent"]).await;
    let number = |text: &str| text.split("sdk_app_id = ").nth(1).unwrap()[..10].to_owned();
    assert_ne!(number(&other), number(&made.out));
    server.kill().await;
}

#[tokio::test]
async fn errors_say_what_to_do_next() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let check = async |arguments: &[&str], hint: &str| {
        let ran = run(&data, arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(hint), "{arguments:?}: {}", ran.err);
    };
    check(&["app", "list"], "carillon serve").await;
    assert!(!data.exists(), "a mistyped directory is not made");
    check(&["call", "netease", "user/create"], "carillon serve").await;
    done(&data, &["app", "create", "shop"]).await;
    check(&["app", "create", "shop"], "is another app's").await;
    done(&data, &["app", "create", "other"]).await;
    check(&["account", "create", "ann"], "--app").await;
    check(&["account", "token", "ann", "--app", "shop"], "no account `ann`").await;
    check(&["usersig", "a b", "--app", "shop"], "`a b` cannot be an account").await;
    check(&["--url", "ftp://x", "app", "list"], "CARILLON_ADMIN_TOKEN").await;
    assert_eq!(run(&data, &["nonsense"]).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_signed_sent_and_judged_and_a_listener_prints_what_it_sent() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let config = AppFile::default().write_config(directory.path(), "");
    let server = Process::serve(BINARY, &config, &data).await;
    for account in ["ann", "bob"] {
        done(&data, &["account", "create", account]).await;
    }
    let mut listener = command(&data, &["listen", "bob", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines();

    let send = ["call", "netease", "msg/sendBatchMsg.action", "fromAccid=ann", r#"toAccids=["bob"]"#, "type=0"];
    let sent = done(&data, &[&send[..], &[r#"body={"msg":"hello"}"#]].concat()).await;
    assert!(sent.starts_with(r#"{"code":200,"timetag":"#), "{sent}");
    let line = soon("the listener prints", lines.next_line()).await.unwrap().unwrap();
    let heard: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&heard["offset"], &heard["data"]["elements"][0]["text"]), (&1.into(), &"hello".into()));

    let refused = run(&data, &[&send[..], &["body=nonsense"]].concat()).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.out.contains(r#""code":414"#), "{}", refused.out);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_kicked_prints_what_it_was_told_and_why_it_ended() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let config = AppFile::default().write_config(directory.path(), "");
    let server = Process::serve(BINARY, &config, &data).await;
    done(&data, &["account", "create", "bob"]).await;
    let mut listener = command(&data, &["listen", "bob"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(listener.stderr.take().unwrap()).lines();
    assert_eq!(notes.next_line().await.unwrap().unwrap(), "listening as bob, after offset 0");

    let block = ["call", "netease", "user/block.action", "accid=bob", "needkick=true", "kickNotifyExt=bye\u{7}"];
    done(&data, &block).await;
    let said = soon("the listener says so", notes.next_line()).await.unwrap().unwrap();
    assert_eq!(said, r#"the server says: {"ext":"bye\u0007","type":"blocked"}"#);
    let ended = soon("the listener ends", notes.next_line()).await.unwrap().unwrap();
    assert_eq!(ended, "the server ended the connection: account is blocked (4500)");
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_gets_no_connection_says_where_to_and_why() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    // Nobody listens there any more.
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/connection/websocket", proxy.local_addr().unwrap());
    drop(proxy);
    let config = AppFile::default().write_config(directory.path(), &format!("[gateway]\nurl = \"{url}\""));
    let server = Process::serve(BINARY, &config, &data).await;
    done(&data, &["account", "create", "bob"]).await;
    let mut listener = command(&data, &["listen", "bob"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(listener.stderr.take().unwrap()).lines();
    let note = soon("the listener says so", notes.next_line()).await.unwrap().unwrap();
    assert!(note.starts_with(&format!("no connection to {url} (")) && note.ends_with("; trying again"), "{note}");
    server.kill().await;
}

/// What runs short first differs: the engine's files, or those that shards take.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gets_too_few_files_does_not_start_and_says_what_to_change() {
    for files in (16..=36).step_by(4) {
        let directory = TempDir::new().unwrap();
        let mut limited = Command::new("sh");
        let serve = format!("ulimit -n {files}; exec \"$0\" --data \"$1\" serve --listen 127.0.0.1:0");
        limited.args(["-c", &serve, BINARY]).arg(directory.path().join("data"));
        limited.env("CARILLON__GATEWAY__SHARDS", "8").kill_on_drop(true);
        let ran = ended(limited).await;
        assert_eq!(ran.code, Some(1), "{files}: {}", ran.err);
        let last = ran.err.lines().last().unwrap();
        assert!(last.contains("Too many open files") && last.contains("raise the limits"), "{files}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{files}: {}", ran.err);
    }
}

#[tokio::test]
async fn nothing_is_created_where_nothing_would_be_kept() {
    let directory = TempDir::new().unwrap();
    let mut create = command(&directory.path().join("data"), &["app", "create", "shop"]);
    create.env("CARILLON__STORE__ENGINE", "memory");
    let ran = ended(create).await;
    assert!(ran.code == Some(1) && ran.err.contains("the engine `memory` keeps nothing"), "{}", ran.err);
}

#[tokio::test]
async fn a_start_that_fails_says_why_in_the_format_of_the_log() {
    let directory = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for (variable, value, why) in
        [("CARILLON__LISTEN", &*addr, "cannot listen on"), ("CARILLON__GATEWAY__SHARDS", "100000", "must be at most")]
    {
        let mut serve = command(&directory.path().join("data"), &["serve"]);
        serve.env("CARILLON__LOG__FORMAT", "json").env(variable, value);
        let ran = ended(serve).await;
        assert_eq!(ran.code, Some(1));
        let last: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
        assert!(last["level"] == "ERROR" && last["message"].as_str().unwrap().contains(why), "{last}");
        assert!(ran.err.lines().all(|line| line.starts_with('{')), "{}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_in_use_is_refused_with_what_to_do() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let config = AppFile::default().write_config(directory.path(), "");
    let server = Process::serve(BINARY, &config, &data).await;
    let second = run(&data, &["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("in use by another process"), "{}", second.err);
    // The second server left the first one's address alone.
    assert_eq!(done(&data, &["app", "list"]).await, "shop\tnetease\n");
    // A server that is starting has no address yet.
    std::fs::rename(data.join("server.json"), data.join("later")).unwrap();
    let early = run(&data, &["app", "list"]).await;
    assert!(early.err.contains("one that is starting answers in a moment: try again"), "{}", early.err);
    std::fs::rename(data.join("later"), data.join("server.json")).unwrap();
    server.kill().await;
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let note = serde_json::json!({ "url": format!("http://{}", stranger.local_addr().unwrap()) });
    std::fs::write(data.join("server.json"), note.to_string()).unwrap();
    assert_eq!(done(&data, &["app", "list"]).await, "shop\tnetease\n", "a note of a killed server misleads nobody");
    assert!(stranger.accept().is_err(), "whoever has its port now is not asked, and not told the token");
}

#[tokio::test]
async fn a_server_takes_as_many_files_as_the_system_lets_it() {
    let directory = TempDir::new().unwrap();
    let config = AppFile::default().write_config(directory.path(), "");
    // What the shell calls soft is the limit that a process may raise.
    let script = directory.path().join("serve");
    std::fs::write(&script, format!("#!/bin/sh\nulimit -S -n 99\nexec {BINARY} \"$@\"\n")).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let server = Process::serve(script.to_str().unwrap(), &config, &directory.path().join("data")).await;
    let Ok(limits) = std::fs::read_to_string(format!("/proc/{}/limits", server.pid)) else { return };
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = line.split_whitespace().skip(3).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
    server.kill().await;
}

#[tokio::test]
async fn a_directory_of_another_user_is_told_from_one_without_data_or_server() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    done(&data, &["app", "create", "shop"]).await;
    let close = |mode| std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    close(0);
    // Root may read everything.
    let may_read = std::fs::read_dir(&data).is_ok();
    for arguments in [&["app", "list"][..], &["listen", "bob"]] {
        let ran = run(&data, arguments).await;
        let is_told = ran.code == Some(1) && ran.err.contains("may not be read by this user");
        assert!(is_told || may_read, "{}", ran.err);
    }
    close(0o700);
}
