//! The replies of `openim/query_online_status` and `openim/querystate`.

use carillon_core::model::Platform;
use carillon_core::port::Session;
use insta::assert_snapshot;
use serde_json::json;

use super::*;

async fn backend() -> Backend {
    let backend = Backend::new().await;
    backend.call("im_open_login_svc/multiaccount_import", json!({ "Accounts": ["ann", "bob"] })).await;
    let on = |platform| Session { device: None, platform, since_ms: 0 };
    let sessions = [Some(Platform::Web), Some(Platform::Ios), Some(Platform::Ios), None].map(on).to_vec();
    backend.seen.online.lock().unwrap().insert((AppId(1), id("ann")), sessions);
    backend
}

#[tokio::test]
async fn who_is_online_is_told_in_both_words_and_who_is_no_account_is_an_error() {
    let backend = backend().await;
    let accounts = json!(["bob", "ann", "nobody", "a b", "ann"]);
    let expected = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"QueryResult":[{"To_Account":"bob","State":"Offline","Status":"Offline"},{"To_Account":"ann","State":"Online","Status":"Online"}],"ErrorList":[{"To_Account":"nobody","ErrorCode":70107},{"To_Account":"a b","ErrorCode":70107}]}"#;
    for path in ["openim/query_online_status", "im_open_login_svc/query_online_status"] {
        assert_eq!(backend.call(path, json!({ "To_Account": accounts })).await, expected);
    }
    assert_snapshot!(
        backend.call("openim/querystate", json!({ "To_Account": ["bob", "nobody"] })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"QueryResult":[{"To_Account":"bob","State":"Offline","Status":"Offline"}]}"#
    );
}

#[tokio::test]
async fn details_are_told_where_they_are_asked_for() {
    let backend = backend().await;
    assert_snapshot!(
        backend.call("openim/query_online_status", json!({ "To_Account": ["ann", "bob"], "IsNeedDetail": 1 })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"QueryResult":[{"To_Account":"ann","State":"Online","Status":"Online","Detail":[{"Platform":"Web","Status":"Online"},{"Platform":"iPhone","Status":"Online"}]},{"To_Account":"bob","State":"Offline","Status":"Offline"}],"ErrorList":[]}"#
    );
}

#[tokio::test]
async fn five_hundred_are_the_most_and_none_is_no_question() {
    let backend = backend().await;
    let ask = async |body| backend.call("openim/query_online_status", body).await;
    let names: Vec<String> = (0..501).map(|n| format!("u{n}")).collect();
    assert!(ask(json!({ "To_Account": names[..500] })).await.contains(r#""ErrorCode":0"#));
    assert_snapshot!(
        ask(json!({ "To_Account": names })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"To_Account has more than 500 elements","ErrorCode":90011}"#
    );
    for none in [json!({}), json!({ "To_Account": [] })] {
        assert!(ask(none).await.contains("90001"));
    }
    assert_snapshot!(
        ask(json!({ "To_Account": "ann" })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"To_Account is not an array","ErrorCode":90003}"#
    );
    assert_snapshot!(
        ask(json!({ "To_Account": ["ann"], "IsNeedDetail": 2 })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"IsNeedDetail is not one of 0 1","ErrorCode":90001}"#
    );
}
