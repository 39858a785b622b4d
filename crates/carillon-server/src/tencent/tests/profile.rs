//! The replies of `profile/…`.

use insta::assert_snapshot;
use serde_json::json;

use super::*;

async fn backend() -> Backend {
    let backend = Backend::new().await;
    backend.call("im_open_login_svc/account_import", json!({ "UserID": "ann", "Nick": "Ann" })).await;
    backend
}

async fn set(backend: &Backend, tag: &str, value: Value) -> String {
    let body = json!({ "From_Account": "ann", "ProfileItem": [{ "Tag": tag, "Value": value }] });
    backend.call("profile/portrait_set", body).await
}

#[tokio::test]
async fn what_is_set_is_read_back_and_what_other_dialects_know_is_theirs_too() {
    let backend = backend().await;
    for (tag, value) in [
        ("Tag_Profile_IM_Image", json!("https://x/a.png")),
        ("Tag_Profile_IM_Gender", json!("Gender_Type_Female")),
        ("Tag_Profile_IM_BirthDay", json!(20_190_419)),
        ("Tag_Profile_IM_AllowType", json!("AllowType_Type_DenyAny")),
        ("Tag_Profile_IM_Level", json!(3)),
        ("Tag_Profile_Custom_Color", json!("red")),
    ] {
        assert_eq!(
            set(&backend, tag, value).await,
            r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"ErrorDisplay":""}"#
        );
    }
    let profile = backend.account("ann").await.unwrap().profile;
    assert_eq!((profile.icon.as_str(), profile.birth.as_str()), ("https://x/a.png", "2019-04-19"));
    let tags = json!([
        "Tag_Profile_IM_Nick",
        "Tag_Profile_IM_Gender",
        "Tag_Profile_IM_BirthDay",
        "Tag_Profile_IM_AllowType",
        "Tag_Profile_IM_Level",
        "Tag_Profile_Custom_Color",
        "Tag_Profile_IM_Location"
    ]);
    assert_snapshot!(
        backend.call("profile/portrait_get", json!({ "To_Account": ["ann"], "TagList": tags })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"UserProfileItem":[{"To_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Ann"},{"Tag":"Tag_Profile_IM_Gender","Value":"Gender_Type_Female"},{"Tag":"Tag_Profile_IM_BirthDay","Value":20190419},{"Tag":"Tag_Profile_IM_AllowType","Value":"AllowType_Type_DenyAny"},{"Tag":"Tag_Profile_IM_Level","Value":3},{"Tag":"Tag_Profile_Custom_Color","Value":"red"}],"ResultCode":0,"ResultInfo":""}],"ErrorDisplay":""}"#
    );
    set(&backend, "Tag_Profile_Custom_Color", json!("")).await;
    assert!(!backend.account("ann").await.unwrap().profile.tags.contains_key("Tag_Profile_Custom_Color"));
}

#[tokio::test]
async fn a_number_may_be_set_as_a_text_of_digits_and_is_read_as_a_number() {
    let backend = backend().await;
    for (tag, value) in [("Tag_Profile_IM_BirthDay", "20190419"), ("Tag_Profile_IM_Level", "3")] {
        let reply = set(&backend, tag, json!(value)).await;
        assert!(reply.contains("OK"), "{reply}");
    }
    let tags = json!(["Tag_Profile_IM_BirthDay", "Tag_Profile_IM_Level"]);
    assert_snapshot!(
        backend.call("profile/portrait_get", json!({ "To_Account": ["ann"], "TagList": tags })).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"UserProfileItem":[{"To_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_BirthDay","Value":20190419},{"Tag":"Tag_Profile_IM_Level","Value":3}],"ResultCode":0,"ResultInfo":""}],"ErrorDisplay":""}"#
    );
}

#[tokio::test]
async fn who_is_no_account_has_no_items_and_is_listed() {
    let backend = backend().await;
    let body = json!({ "To_Account": ["nobody", "ann", "a b"], "TagList": ["Tag_Profile_IM_Nick"] });
    assert_snapshot!(
        backend.call("profile/portrait_get", body).await,
        @r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"UserProfileItem":[{"To_Account":"nobody","ResultCode":40003,"ResultInfo":"there is no such account"},{"To_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Ann"}],"ResultCode":0,"ResultInfo":""},{"To_Account":"a b","ResultCode":40003,"ResultInfo":"there is no such account"}],"Fail_Account":["nobody","a b"],"ErrorDisplay":""}"#
    );
}

#[tokio::test]
async fn a_value_is_refused_with_what_is_wrong_with_it() {
    let backend = backend().await;
    for (tag, value, code) in [
        ("Tag_Profile_IM_Nick", json!("n".repeat(501)), "40601"),
        ("Tag_Profile_IM_Nick", json!(7), "40610"),
        ("Tag_Profile_IM_Level", json!("x"), "40610"),
        ("Tag_Profile_IM_Level", json!("4294967296"), "40610"),
        ("Tag_Profile_IM_BirthDay", json!(""), "40610"),
        ("Tag_Profile_IM_Gender", json!("female"), "40605"),
        ("Tag_Profile_IM_AllowType", json!("x"), "40605"),
        ("Tag_Profile_IM_Location", json!("l".repeat(17)), "40601"),
        (
            "Tag_Profile_IM_Nothing",
            json!("x"),
            "Tag Tag_Profile_IM_Nothing is not one of the tags of docs/dialects.md\",\"ErrorCode\":40009",
        ),
        ("Tag_Profile_Custom_", json!("x"), "40009"),
    ] {
        let reply = set(&backend, tag, value).await;
        assert!(reply.contains(code), "{tag}: {reply}");
    }
    let item = json!([{ "Tag": "Tag_Profile_IM_Nick", "Value": "x" }]);
    for (body, code) in [
        (json!({ "ProfileItem": item }), "40002"),
        (json!({ "From_Account": "nobody", "ProfileItem": item }), "40003"),
        (json!({ "From_Account": "ann" }), "40001"),
        (json!({ "From_Account": "ann", "ProfileItem": ["x"] }), "ProfileItem has an element that is not an object"),
    ] {
        let reply = backend.call("profile/portrait_set", body).await;
        assert!(reply.contains(code), "{reply}");
    }
    assert_eq!(backend.account("ann").await.unwrap().profile.name, "Ann");
}

#[tokio::test]
async fn an_account_has_a_hundred_tags_at_most_and_keeps_those_that_it_has() {
    let backend = backend().await;
    let item = |n| json!({ "Tag": format!("Tag_Profile_Custom_{n}"), "Value": "x" });
    let items: Vec<_> = (0..100).map(item).collect();
    let reply = backend.call("profile/portrait_set", json!({ "From_Account": "ann", "ProfileItem": items })).await;
    assert!(reply.contains("OK"), "{reply}");
    assert_snapshot!(
        set(&backend, "Tag_Profile_Custom_more", json!("x")).await,
        @r#"{"ActionStatus":"FAIL","ErrorInfo":"the account has as many tags as it may have","ErrorCode":40009,"ErrorDisplay":""}"#
    );
    for (name, value) in [("7", "changed"), ("8", ""), ("more", "x")] {
        let reply = set(&backend, &format!("Tag_Profile_Custom_{name}"), json!(value)).await;
        assert!(reply.contains("OK"), "{reply}");
    }
    assert_eq!(backend.account("ann").await.unwrap().profile.tags.len(), 100);
}
