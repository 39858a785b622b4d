//! A call that is repeated under its request id is one call.

use carillon_testkit::TestServer;
use serde_json::Value;

const FORM: [(&str, &str); 5] = [
    ("fromAccid", "ann"),
    ("toAccids", r#"["bob","carl"]"#),
    ("type", "0"),
    ("body", r#"{"msg":"once"}"#),
    ("returnMsgid", "true"),
];

async fn start() -> TestServer {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    server
}

async fn send(server: &TestServer, request: &str) -> Value {
    server.backend.call_once("msg/sendBatchMsg", &FORM, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_and_sends_nothing_also_after_a_restart() {
    let mut server = start().await;
    let first = send(&server, "r1").await;
    assert_eq!(first["code"], 200);
    assert_eq!(send(&server, "r1").await, first);
    server.restart().await;
    assert_eq!(send(&server, "r1").await, first);

    server.backend.send_text("ann", &["bob"], "next").await;
    let mut bob = server.connect("bob").await;
    assert_eq!(bob.texts(2).await, ["once", "next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_at_the_same_time_wait_for_the_first() {
    let server = start().await;
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let backend = server.backend.clone();
            tokio::task::spawn(async move { backend.call_once("msg/sendBatchMsg", &FORM, "r1").await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers[0]["code"], 200);
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");

    server.backend.send_text("ann", &["bob"], "next").await;
    let mut bob = server.connect("bob").await;
    assert_eq!(bob.texts(2).await, ["once", "next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_another_call_is_refused() {
    let server = start().await;
    send(&server, "r1").await;
    let mut other = FORM;
    other[3].1 = r#"{"msg":"another"}"#;
    assert_eq!(server.backend.call_once("msg/sendBatchMsg", &other, "r1").await["code"], 431);
    assert_eq!(server.backend.call_once("user/refreshToken", &[("accid", "bob")], "r1").await["code"], 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_did_nothing_is_not_remembered() {
    let server = start().await;
    let create = [("accid", "dora")];
    let unknown = server.backend.call_once("user/refreshToken", &create, "r2").await;
    assert_eq!(unknown["code"], 414);
    server.backend.create_accounts(&["dora"]).await;
    assert_eq!(server.backend.call_once("user/refreshToken", &create, "r2").await["code"], 200);
}
