//! Who is let in.

use insta::assert_snapshot;

use super::*;

const UNBLOCK: &str = "user/unblock.action";

/// The reply to a call with just these headers.
async fn reply(headers: &[(&str, &str)]) -> String {
    let backend = Backend::new().await;
    let mut request = Request::post("/nimserver/user/unblock.action");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    backend.answer(request, "accid=x").await
}

/// `sha1("secret" + "n" + "1700000000")`.
fn sum() -> String {
    check_sum("secret", b"n", "1700000000")
}

const LET_IN: &str = r#"{"code":414,"desc":"x not register"}"#;

#[tokio::test]
async fn header_names_are_taken_in_any_case_and_the_signature_in_either() {
    let sum = sum();
    let upper = sum.to_ascii_uppercase();
    assert_eq!(
        reply(&[("AppKey", "key"), ("Nonce", "n"), ("CurTime", "1700000000"), ("CheckSum", &sum)]).await,
        LET_IN
    );
    assert_eq!(
        reply(&[("appkey", "key"), ("NONCE", "n"), ("curTime", "1700000000"), ("checksum", &upper)]).await,
        LET_IN
    );
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let wrong = sum().replace('a', "b");
    let headers = |sum| [("AppKey", "key"), ("Nonce", "n"), ("CurTime", "1700000000"), ("CheckSum", sum)];
    assert_snapshot!(reply(&headers(&wrong)).await, @r#"{"code":414,"desc":"checksum"}"#);
    assert_snapshot!(reply(&headers("x")).await, @r#"{"code":414,"desc":"checksum"}"#);
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let sum = sum();
    let headers = [("AppKey", "other"), ("Nonce", "n"), ("CurTime", "1700000000"), ("CheckSum", &sum)];
    assert_snapshot!(reply(&headers).await, @r#"{"code":414,"desc":"appkey"}"#);
}

#[tokio::test]
async fn a_missing_or_malformed_header_is_refused() {
    let sum = sum();
    let all = [("AppKey", "key"), ("Nonce", "n"), ("CurTime", "1700000000"), ("CheckSum", sum.as_str())];
    for missing in 0..all.len() {
        let mut headers = all.to_vec();
        headers.remove(missing);
        assert_eq!(reply(&headers).await, r#"{"code":414,"desc":"bad http header"}"#, "without {}", all[missing].0);
    }
    for (at, bad) in [(0, ""), (1, ""), (2, "soon"), (2, "-1"), (2, ""), (3, "")] {
        let mut headers = all.to_vec();
        headers[at].1 = bad;
        assert_eq!(reply(&headers).await, r#"{"code":414,"desc":"bad http header"}"#, "{bad:?}");
    }
}

#[tokio::test]
async fn a_nonce_may_be_longer_than_128_characters() {
    let backend = Backend::new().await;
    let reply =
        async |len| backend.answer(backend.signed_at(UNBLOCK, &"n".repeat(len), NOW_MS / 1_000), "accid=x").await;
    for len in [1, 128, 129, 6_400] {
        assert_eq!(reply(len).await, LET_IN, "{len}");
    }
}

#[tokio::test]
async fn a_time_more_than_five_minutes_off_is_expired_and_so_are_milliseconds() {
    let backend = Backend::new().await;
    let reply = async |time_s| backend.answer(backend.signed_at(UNBLOCK, "n", time_s), "accid=x").await;
    let now_s = NOW_MS / 1_000;
    assert_eq!(reply(now_s - 300).await, LET_IN);
    assert_eq!(reply(now_s + 300).await, LET_IN);
    assert_snapshot!(reply(now_s - 301).await, @r#"{"code":414,"desc":"CurTime is expired"}"#);
    assert_snapshot!(reply(now_s + 301).await, @r#"{"code":414,"desc":"CurTime is expired"}"#);
    assert_snapshot!(reply(NOW_MS).await, @r#"{"code":414,"desc":"CurTime is expired"}"#);
}

#[tokio::test]
async fn a_repeated_nonce_is_taken_unless_the_app_says_otherwise() {
    let backend = Backend::new().await;
    assert_eq!(backend.post(UNBLOCK, &[("accid", "x")]).await, LET_IN);
    assert_eq!(backend.post(UNBLOCK, &[("accid", "x")]).await, LET_IN);
    backend.set(|settings| settings.nonce_once = true).await;
    assert_eq!(backend.post(UNBLOCK, &[("accid", "x")]).await, LET_IN);
    assert_snapshot!(backend.post(UNBLOCK, &[("accid", "x")]).await, @r#"{"code":414,"desc":"Nonce was used before"}"#);
    backend.clock.advance_ms(601_000);
    assert_eq!(backend.post(UNBLOCK, &[("accid", "x")]).await, LET_IN);
    assert_snapshot!(
        backend.metrics("nonce_repeated"),
        @r#"carillon_refused_requests_total{dialect="netease",reason="nonce_repeated"} 1"#
    );
}

#[tokio::test]
async fn a_nonce_is_remembered_for_as_long_as_its_signature_holds() {
    let backend = Backend::new().await;
    backend.set(|settings| settings.nonce_once = true).await;
    let ahead_s = NOW_MS / 1_000 + 300;
    let replay = async || backend.answer(backend.signed_at(UNBLOCK, "n", ahead_s), "accid=x").await;
    assert_eq!(replay().await, LET_IN);
    backend.clock.advance_ms(600_999);
    assert_snapshot!(replay().await, @r#"{"code":414,"desc":"Nonce was used before"}"#);
    backend.clock.advance_ms(1);
    assert_snapshot!(replay().await, @r#"{"code":414,"desc":"CurTime is expired"}"#);
}

#[tokio::test]
async fn a_disabled_app_is_refused() {
    let backend = Backend::new().await;
    backend.set(|settings| settings.disabled = true).await;
    for path in SERVED {
        assert_eq!(backend.post(path, &[]).await, r#"{"code":403,"desc":"app is disabled"}"#, "{path}");
    }
}
