//! The replies of `im_open_login_svc/…`.

use insta::assert_snapshot;
use serde_json::json;

use super::*;

const IMPORT: &str = "im_open_login_svc/account_import";

#[tokio::test]
async fn import_creates_an_account_whose_name_keeps_its_case() {
    let backend = Backend::new().await;
    let body = json!({ "UserID": "Ann", "Nick": "Ann B", "FaceUrl": "https://x/a.png" });
    assert_snapshot!(backend.call(IMPORT, body).await, @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#);
    let profile = backend.account("Ann").await.unwrap().profile;
    assert_eq!((profile.name.as_str(), profile.icon.as_str()), ("Ann B", "https://x/a.png"));
    assert!(backend.account("ann").await.is_none());
    backend.call(IMPORT, json!({ "Identifier": "bob" })).await;
    assert!(backend.account("bob").await.is_some(), "the older name of the member");
}

#[tokio::test]
async fn import_done_again_is_done_and_changes_what_it_gives() {
    let backend = Backend::new().await;
    backend.call(IMPORT, json!({ "UserID": "ann", "Nick": "Ann", "FaceUrl": "u" })).await;
    let first = backend.account("ann").await.unwrap();
    let empty = json!({ "UserID": "ann", "Nick": "", "FaceUrl": "" });
    for body in [json!({ "UserID": "ann" }), empty, json!({ "UserID": "ann", "Nick": "Anna" })] {
        assert_eq!(backend.call(IMPORT, body).await, r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#);
    }
    let account = backend.account("ann").await.unwrap();
    assert_eq!((account.no, account.token), (first.no, first.token));
    assert_eq!((account.profile.name.as_str(), account.profile.icon.as_str()), ("Anna", "u"));
}

#[tokio::test]
async fn import_refuses_what_cannot_be_an_account_or_is_too_long() {
    let backend = Backend::new().await;
    assert_snapshot!(
        backend.call(IMPORT, json!({})).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"UserID is missing","ErrorCode":70402}"#
    );
    assert_snapshot!(
        backend.call(IMPORT, json!({ "UserID": 7 })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"UserID is not a string","ErrorCode":60015}"#
    );
    for bad in ["", "a b", "ä", &"a".repeat(33)] {
        assert_eq!(
            backend.call(IMPORT, json!({ "UserID": bad })).await,
            r#"{"ActionStatus":"FAIL","ErrorInfo":"UserID is not 1 to 32 bytes of printable ASCII without spaces","ErrorCode":70402}"#
        );
    }
    assert_snapshot!(
        backend.call(IMPORT, json!({ "UserID": "ann", "Nick": "n".repeat(501) })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"Nick is longer than 500 bytes","ErrorCode":40601}"#
    );
    assert!(backend.account("ann").await.is_none());
}

#[tokio::test]
async fn many_are_imported_by_name_or_with_what_is_to_be_seen_of_them_and_failures_are_named() {
    let backend = Backend::new().await;
    let import = async |body| backend.call("im_open_login_svc/multiaccount_import", body).await;
    assert_snapshot!(
        import(json!({ "Accounts": ["ann", "Bob", "a b", 7] })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"FailAccounts":["a b","7"]}"#
    );
    let list = json!([{ "UserID": "ann", "Nick": "Ann" }, { "UserID": "eve", "FaceUrl": "u" }, { "Nick": "nobody" }]);
    assert_snapshot!(
        import(json!({ "AccountList": list, "Accounts": [] })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"FailAccounts":[""]}"#
    );
    assert!(backend.account("Bob").await.is_some());
    assert_eq!(backend.account("ann").await.unwrap().profile.name, "Ann");
    assert_eq!(backend.account("eve").await.unwrap().profile.icon, "u");
    assert_snapshot!(
        import(json!({})).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"AccountList is missing","ErrorCode":70402}"#
    );
    assert_snapshot!(
        import(json!({ "Accounts": vec!["a"; 101] })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"Accounts has more than 100 elements","ErrorCode":70206}"#
    );
}

#[tokio::test]
async fn check_says_which_names_are_accounts() {
    let backend = Backend::new().await;
    backend.call(IMPORT, json!({ "UserID": "ann" })).await;
    let items = json!([{ "UserID": "a b" }, { "UserID": "ann" }, { "UserID": "Ann" }, { "UserID": ADMIN }]);
    assert_snapshot!(
        backend.call("im_open_login_svc/account_check", json!({ "CheckItem": items })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"ResultItem":[{"UserID":"a b","ResultCode":0,"ResultInfo":"","AccountStatus":"NotImported"},{"UserID":"ann","ResultCode":0,"ResultInfo":"","AccountStatus":"Imported"},{"UserID":"Ann","ResultCode":0,"ResultInfo":"","AccountStatus":"NotImported"},{"UserID":"administrator","ResultCode":0,"ResultInfo":"","AccountStatus":"Imported"}]}"#
    );
    for bad in [json!({}), json!({ "CheckItem": [] }), json!({ "CheckItem": ["ann"] }), json!({ "CheckItem": [{}] })] {
        let reply = backend.call("im_open_login_svc/account_check", bad).await;
        assert!(reply.contains("70402"), "{reply}");
    }
}

#[tokio::test]
async fn a_kick_ends_sessions_and_voids_what_was_signed_until_then() {
    let backend = Backend::new().await;
    backend.call(IMPORT, json!({ "UserID": "ann" })).await;
    let kick = async |body| backend.call("im_open_login_svc/kick", body).await;
    assert_snapshot!(kick(json!({ "UserID": "ann" })).await, @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#);
    let ann = backend.account("ann").await.unwrap();
    assert_eq!(*backend.seen.ended.lock().unwrap(), [(ann.no, carillon_core::port::EndReason::Kicked)]);
    assert_eq!(ann.signed_since_ms, (NOW_S + 1) * 1_000);
    assert_snapshot!(
        kick(json!({ "UserID": "nobody" })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"Err_TLS_PT_Open_Login_Account_Not_Exist","ErrorCode":70107}"#
    );
    assert!(kick(json!({ "UserID": ADMIN })).await.contains("OK"));
    assert_snapshot!(
        kick(json!({ "UserID": "ann" })).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"The UserSig in use is expired","ErrorCode":70001}"#
    );
    let new = sign(KEY, SDK_APP_ID, ADMIN, NOW_S + 1, DAY_S);
    let reply = backend.answer(Request::post(url("im_open_login_svc/kick", &new)), r#"{"UserID":"ann"}"#).await;
    assert!(reply.contains("OK"), "{reply}");
}

#[tokio::test]
async fn deleted_accounts_are_gone_and_their_sessions_end() {
    let backend = Backend::new().await;
    backend.call("im_open_login_svc/multiaccount_import", json!({ "Accounts": ["ann", "bob"] })).await;
    let ann = backend.account("ann").await.unwrap();
    let items = json!([{ "UserID": "ann" }, { "UserID": "ann" }, { "UserID": "a b" }, { "UserID": ADMIN }]);
    assert_snapshot!(
        backend.call("im_open_login_svc/account_delete", json!({ "DeleteItem": items })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"ResultItem":[{"UserID":"ann","ResultCode":0,"ResultInfo":""},{"UserID":"ann","ResultCode":70107,"ResultInfo":"Err_TLS_PT_Open_Login_Account_Not_Exist"},{"UserID":"a b","ResultCode":70107,"ResultInfo":"Err_TLS_PT_Open_Login_Account_Not_Exist"},{"UserID":"administrator","ResultCode":70402,"ResultInfo":"an administrator is not removed"}]}"#
    );
    assert!(backend.account("ann").await.is_none() && backend.account("bob").await.is_some());
    assert_eq!(*backend.seen.ended.lock().unwrap(), [(ann.no, carillon_core::port::EndReason::Removed)]);
    backend.call(IMPORT, json!({ "UserID": "ann" })).await;
    assert!(backend.account("ann").await.unwrap().no > ann.no, "imported again it is another one");
}
