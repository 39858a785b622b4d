//! What is around a call: paths, methods, bodies, limits.

use insta::assert_snapshot;
use serde_json::json;

use super::*;

const IMPORT: &str = "im_open_login_svc/account_import";

#[tokio::test]
async fn an_unknown_path_is_answered_and_counted_where_the_caller_is_known() {
    let backend = Backend::new().await;
    for path in
        ["openim/nothing", "group_open_http_svc/create_group", "im_open_login_svc/account_import/", "OpenIM/sendmsg"]
    {
        assert_eq!(
            backend.call(path, json!({})).await,
            r#"{"ActionStatus":"FAIL","ErrorInfo":"there is nothing at this URL","ErrorCode":60009}"#
        );
    }
    for path in ["/v4", "/v4/", "/v4/strange"] {
        let reply = backend.answer(Request::post(path), "{}").await;
        assert!(reply.contains("60009"), "{reply}");
    }
    assert_eq!(backend.metrics("carillon_unknown_paths").lines().count(), 4);
    assert!(!backend.metrics("carillon_unknown_paths").contains("strange"));
}

#[tokio::test]
async fn several_slashes_are_one_as_a_base_address_with_a_slash_at_its_end_makes_them() {
    let backend = Backend::new().await;
    for (double, name) in [("//v4/", "ann"), ("/v4//", "bob"), ("//v4///", "eve")] {
        let url = url(IMPORT, &signature(ADMIN)).replace("/v4/", double);
        let reply = backend.answer(Request::post(url), json!({ "UserID": name }).to_string()).await;
        assert_eq!(reply, r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#, "{double}");
        assert!(backend.account(name).await.is_some());
    }
}

#[tokio::test]
async fn only_post_is_understood() {
    let backend = Backend::new().await;
    for request in
        [Request::get("/v4/openim/sendmsg"), Request::get("/v4"), Request::put(url(IMPORT, &signature(ADMIN)))]
    {
        assert_eq!(
            backend.answer(request, "{}").await,
            r#"{"ActionStatus":"FAIL","ErrorInfo":"HTTP parse Error","ErrorCode":60002}"#
        );
    }
}

#[tokio::test]
async fn a_body_is_a_json_object_whatever_its_content_type_says() {
    let backend = Backend::new().await;
    for body in ["", "{", "[]", "7", "null", "{}x", "{'a':1}", "\u{feff}{}"] {
        assert_eq!(
            backend.answer(backend.signed(IMPORT), body).await,
            r#"{"ActionStatus":"FAIL","ErrorInfo":"the body is not a JSON object","ErrorCode":60003}"#
        );
    }
    for kind in ["application/x-www-form-urlencoded", "text/plain"] {
        let request = backend.signed(IMPORT).header("content-type", kind);
        assert_eq!(
            backend.answer(request, r#" {"UserID":"ann"} "#).await,
            r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let backend = Backend::with(TencentConfig { body_bytes_max: 20, ..TencentConfig::default() }).await;
    assert_snapshot!(
        backend.call(IMPORT, json!({ "UserID": "a".repeat(20) })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"the request's body takes more than 20 bytes (body_bytes_max)","ErrorCode":60002}"#
    );
    assert_snapshot!(
        backend.call("openim/sendmsg", json!({ "To_Account": "a".repeat(20) })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"the request's body takes more than 20 bytes (body_bytes_max)","ErrorCode":93000}"#
    );
}

#[tokio::test]
async fn a_call_over_the_limit_of_a_second_is_refused_and_the_next_second_is_open() {
    let backend = Backend::with(TencentConfig { calls_per_s: 2, ..TencentConfig::default() }).await;
    let call = async || backend.call(IMPORT, json!({ "UserID": "ann" })).await;
    assert!(call().await.contains("OK") && call().await.contains("OK"));
    assert_snapshot!(
        call().await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"too many calls of this API, try again later","ErrorCode":60007}"#
    );
    backend.clock.advance_ms(1_000);
    assert!(call().await.contains("OK"));
    assert_snapshot!(
        backend.metrics("carillon_limited_calls"),
        @r#"carillon_limited_calls_total{dialect="tencent",operation="create_account"} 1"#
    );
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_code() {
    let backend = Backend::new().await;
    backend.call(IMPORT, json!({ "UserID": "ann" })).await;
    backend.call(IMPORT, json!({})).await;
    for code in [0, 70_402] {
        let line = format!(r#"carillon_calls_total{{dialect="tencent",operation="create_account",code="{code}"}} 1"#);
        assert_eq!(backend.metrics(&format!(r#"code="{code}""#)), line);
    }
}
