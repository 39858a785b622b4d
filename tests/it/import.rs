//! `carillon import` against a running server: what it does, what it says, and what a second run finds.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use carillon_testkit::{AppFile, Backend, Process};
use serde_json::Value;
use tempfile::TempDir;

use super::cli::{BINARY, Ran, command, ended};

/// A server that is a process of its own, and a file to import.
struct Move {
    server: Process,
    backend: Backend,
    directory: TempDir,
}

impl Move {
    async fn to_a_new_server() -> Self {
        let directory = TempDir::new().unwrap();
        let app = AppFile::default();
        let config = app.write_config(directory.path(), "");
        let server = Process::serve(BINARY, &config, &directory.path().join("data")).await;
        let backend = Backend::new(&server.url, app.key, app.secret);
        Self { server, backend, directory }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn import(&self, arguments: &[&str]) -> Ran {
        ended(command(&self.data(), &[&["import", "accounts"][..], arguments].concat())).await
    }

    fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    /// What the backend sees of an account.
    async fn profile(&self, accid: &str) -> Value {
        let accids = format!("[{accid:?}]");
        self.backend.call("user/getUinfos", &[("accids", accids)]).await["uinfos"][0].clone()
    }
}

const TABLE: &str = "\
accid,token,name,ex,gender
Ann,\"kept, as it is\",Ann B,\"{\"\"a\"\": 1}\",2
bob,,Bob,,
ann,other,Another,,
a b,t,,,
carl,t,,,x
dora,t,\"two
lines\",,
eve,t
";

const REFUSED: &str = "\
line 4: line 2 names this account already, in this or another case
line 5: `accid`: must be 1 to 32 letters, digits and _ @ . -
line 6: gender is not one of 0 1 2
line 9: its values are 2, and the names in the file's first line 5
";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_imported_line_by_line_and_a_second_run_finds_it_done() {
    let there = Move::to_a_new_server().await;
    let file = there.write("users.csv", TABLE);
    let first = there.import(&[&file]).await;
    assert_eq!(first.code, Some(1), "some were refused");
    let end = "3 created, 0 updated, 0 unchanged, 0 differing, 4 refused\n";
    assert_eq!(first.err, format!("{REFUSED}{end}"));
    // The one token that was made, in a file that another import would take.
    let (header, made) = first.out.split_once('\n').unwrap();
    assert_eq!((header, &made[..4], made.trim_end().len()), ("accid,token", "bob,", 4 + 32));

    let ann = there.profile("ann").await;
    assert_eq!((&ann["name"], &ann["ex"], &ann["gender"]), (&"Ann B".into(), &"{\"a\": 1}".into(), &2.into()));
    assert_eq!(there.profile("dora").await["name"], "two\nlines");

    let refused = there.directory.path().join("refused.txt");
    let again = there.import(&[&file, "--refused", refused.to_str().unwrap()]).await;
    assert_eq!(again.err, "0 created, 0 updated, 3 unchanged, 0 differing, 4 refused\n");
    assert_eq!(again.out, first.out, "whoever lost the tokens gets them again");
    assert_eq!(std::fs::read_to_string(refused).unwrap(), REFUSED);
    let emptied = there.import(&[&file, "--refused", &file]).await;
    assert!(emptied.code == Some(1) && emptied.err.contains("would empty it"), "{}", emptied.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), TABLE);
    there.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_are_imported_from_a_pipe() {
    let there = Move::to_a_new_server().await;
    let lines = concat!(
        r#"{"accid":"ann","token":"t","name":"Ann","mobile":123}"#,
        "\n\n",
        r#"{"accid":"bob","valid":true}"#,
        "\n",
        r#"{"accid":"bob","token":"t"}"#,
    );
    let file = there.write("users", lines);
    let mut import = command(&there.data(), &["import", "accounts", "-", "--app", "shop"]);
    import.stdin(Stdio::from(File::open(&file).unwrap()));
    let ran = ended(import).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let (refused, end) = ran.err.split_once('\n').unwrap();
    assert!(refused.starts_with("line 3: it has \"valid\", which is no field of an account"), "{refused}");
    assert_eq!(end, "2 created, 0 updated, 0 unchanged, 0 differing, 1 refused\n");
    assert_eq!(there.profile("ann").await["mobile"], "123");

    let again = there.import(&[&there.write("users.jsonl", r#"{"accid":"bob","token":"t"}"#)]).await;
    assert_eq!((again.code, again.out.as_str()), (Some(0), ""));
    assert_eq!(again.err, "0 created, 0 updated, 1 unchanged, 0 differing, 0 refused\n");
    there.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_differs_is_reported_and_changed_only_where_asked_to() {
    let there = Move::to_a_new_server().await;
    there.backend.create_accounts(&["ann"]).await;
    let file = there.write("users.csv", "accid,token,name\nann,new,New\n");
    let left = there.import(&[&file]).await;
    assert_eq!(left.code, Some(1));
    let why = "line 2: ann exists with another token, name; --update changes it\n";
    assert_eq!(left.err, format!("{why}0 created, 0 updated, 0 unchanged, 1 differing, 0 refused\n"));
    assert_eq!(there.profile("ann").await["name"], "ann");
    let changed = there.import(&[&file, "--update"]).await;
    assert_eq!(changed.err, "0 created, 1 updated, 0 unchanged, 0 differing, 0 refused\n");
    assert_eq!(changed.code, Some(0));
    assert_eq!(there.profile("ann").await["name"], "New");
    there.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_goes_through_in_many_batches_and_without_a_server_too() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    assert_eq!(ended(command(&data, &["app", "create", "shop"])).await.code, Some(0));
    let lines: String = (0..3_000).map(|n| format!("u{n},token-{n},User {n}\n")).collect();
    let file = directory.path().join("users.csv");
    std::fs::write(&file, format!("accid,token,name\n{lines}")).unwrap();
    let import = async || ended(command(&data, &["import", "accounts", file.to_str().unwrap()])).await;
    let first = import().await;
    assert_eq!(first.err, "3000 created, 0 updated, 0 unchanged, 0 differing, 0 refused\n");
    assert_eq!((first.code, first.out.as_str()), (Some(0), ""));
    assert_eq!(import().await.err, "0 created, 0 updated, 3000 unchanged, 0 differing, 0 refused\n");
}

#[tokio::test]
async fn an_account_that_differs_from_one_that_is_there_in_case_only_is_told_of() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    assert_eq!(ended(command(&data, &["app", "create", "shop", "--tencent"])).await.code, Some(0));
    let import = async |lines: &str| {
        let file = directory.path().join("users.csv");
        std::fs::write(&file, format!("accid,token\n{lines}")).unwrap();
        ended(command(&data, &["import", "accounts", file.to_str().unwrap()])).await.err
    };
    let end =
        |created, unchanged| format!("{created} created, 0 updated, {unchanged} unchanged, 0 differing, 0 refused\n");
    assert_eq!(import("Ann,t\nbob,t\n").await, end(2, 0));
    let there = "line 2: ann differs from Ann, which is there, in case only\n\
                 line 3: BOB differs from bob, which is there, in case only\n";
    let in_file = "line 4: this account differs from that of line 3 in case only\n";
    let told = import("ann,t\nBOB,t\nBob,t\n").await;
    for line in there.lines().chain(in_file.lines()) {
        assert!(told.lines().any(|it| it == line), "{line} in {told}");
    }
    assert_eq!((told.lines().count(), told.ends_with(&end(3, 0))), (4, true), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_accounts_is_refused_before_anything_is_done() {
    let there = Move::to_a_new_server().await;
    let missing = there.directory.path().join("missing.csv");
    let check = async |file: &Path, hint: &str| {
        let ran = there.import(&[file.to_str().unwrap()]).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        assert!(ran.err.starts_with("error: ") && ran.err.contains(hint), "{}", ran.err);
    };
    check(&missing, "cannot read").await;
    check(there.directory.path(), "is a directory").await;
    check(there.write("a", "[{\"accid\":\"ann\"}]").as_ref(), "jq -c").await;
    check(there.write("b", "accid,nick\nann,Ann\n").as_ref(), "column 2 names no field").await;
    check(there.write("c", "ann,t\n").as_ref(), "column 1 names no field").await;
    let unclosed = format!("accid,name\nann,A\nbob,\"B\n{}", "x,y\n".repeat(100_000));
    let ran = there.import(&[&there.write("d", unclosed)]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("1 created") && ran.err.contains("stopped after line 2"), "{}", ran.err);
    assert!(ran.err.contains("line 3 cannot be read") && ran.err.contains("quotation mark"), "{}", ran.err);
    there.server.kill().await;
}
