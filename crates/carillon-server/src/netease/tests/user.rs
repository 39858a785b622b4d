//! The replies of `user/…`.

use carillon_core::AccountId;
use carillon_core::model::{Account, Gender, Limit, Operation, Profile};
use insta::assert_snapshot;

use super::*;

async fn stored(backend: &Backend, accid: &str) -> Account {
    backend.pipeline.store.account(AppId(1), &AccountId::new(accid).unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn create_answers_with_the_token_given_or_made_and_the_lower_cased_account() {
    let backend = Backend::new().await;
    let create = async |fields: &[(&str, &str)]| backend.post("user/create.action", fields).await;
    assert_snapshot!(
        create(&[("accid", "Ann"), ("token", "t1"), ("name", "Ann B")]).await,
        @r#"{"code":200,"info":{"token":"t1","accid":"ann","name":"Ann B"}}"#
    );
    let reply = create(&[("accid", "bob"), ("token", ""), ("gender", "0")]).await;
    let token = stored(&backend, "bob").await.token;
    assert_eq!(token.expose().len(), 32);
    assert_eq!(reply, format!(r#"{{"code":200,"info":{{"token":"{}","accid":"bob","name":""}}}}"#, token.expose()));
}

#[tokio::test]
async fn create_keeps_all_that_others_may_see() {
    let backend = Backend::new().await;
    let fields = [
        ("accid", "ann"),
        ("name", "Ann"),
        ("icon", "https://x/a.png"),
        ("sign", "hi"),
        ("email", "a@x"),
        ("birth", "2000-01-01"),
        ("mobile", "+1"),
        ("gender", "2"),
        ("ex", "{}"),
        ("props", "{}"),
        ("bid", "b"),
    ];
    backend.post("user/create.action", &fields).await;
    let profile = Profile {
        name: "Ann".into(),
        icon: "https://x/a.png".into(),
        sign: "hi".into(),
        email: "a@x".into(),
        birth: "2000-01-01".into(),
        mobile: "+1".into(),
        gender: Gender::Female,
        ex: "{}".into(),
        ..Profile::default()
    };
    assert_eq!(stored(&backend, "ann").await.profile, profile);
}

#[tokio::test]
async fn an_account_is_created_once() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    assert_snapshot!(
        backend.post("user/create.action", &[("accid", "ANN")]).await,
        @r#"{"code":414,"desc":"already register"}"#
    );
}

#[tokio::test]
async fn create_refuses_what_is_too_long_or_malformed_and_names_the_field() {
    let backend = Backend::unlimited().await;
    let create = async |fields: &[(&str, &str)]| backend.post("user/create.action", fields).await;
    assert_snapshot!(create(&[]).await, @r#"{"code":414,"desc":"accid is empty"}"#);
    assert_snapshot!(
        create(&[("accid", "a b")]).await,
        @r#"{"code":414,"desc":"accid is not an accid (1 to 32 letters, digits, _ @ . -)"}"#
    );
    assert_snapshot!(create(&[("accid", "a"), ("gender", "3")]).await, @r#"{"code":414,"desc":"gender is not one of 0 1 2"}"#);
    let limits = [
        ("token", 128),
        ("name", 64),
        ("icon", 1_024),
        ("sign", 256),
        ("email", 64),
        ("birth", 16),
        ("mobile", 32),
        ("ex", 1_024),
        ("props", 1_024),
    ];
    for (field, max) in limits {
        let long = "你".repeat(max + 1);
        let expected = format!(r#"{{"code":414,"desc":"{field} is longer than {max} characters"}}"#);
        assert_eq!(create(&[("accid", "a"), (field, &long)]).await, expected);
        let reply = create(&[("accid", &format!("with_{field}")), (field, &"你".repeat(max))]).await;
        assert!(reply.contains(r#""code":200"#), "{reply}");
    }
}

#[tokio::test]
async fn refresh_token_answers_with_a_new_token_and_ends_the_sessions_of_the_old_one() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let before = stored(&backend, "ann").await;
    let reply = backend.post("user/refreshToken.action", &[("accid", "Ann")]).await;
    let token = stored(&backend, "ann").await.token;
    assert_ne!(token, before.token);
    assert_eq!(reply, format!(r#"{{"code":200,"info":{{"token":"{}","accid":"ann"}}}}"#, token.expose()));
    assert_eq!(*backend.seen.ended.lock().unwrap(), [(before.no, EndReason::TokenReplaced)]);
}

#[tokio::test]
async fn update_sets_the_token_and_ends_the_sessions_of_the_old_one() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let update = async |fields: &[(&str, &str)]| backend.post("user/update.action", fields).await;
    let fields = [("accid", "Ann"), ("token", "chosen"), ("props", "{}")];
    assert_snapshot!(update(&fields).await, @r#"{"code":200}"#);
    let ann = stored(&backend, "ann").await;
    assert_eq!(ann.token.expose(), "chosen");
    assert_eq!(*backend.seen.ended.lock().unwrap(), [(ann.no, EndReason::TokenReplaced)]);
}

#[tokio::test]
async fn update_without_a_token_changes_nothing_and_ends_no_session() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let before = stored(&backend, "ann").await;
    let update = async |fields: &[(&str, &str)]| backend.post("user/update.action", fields).await;
    assert_snapshot!(update(&[("accid", "ann"), ("token", ""), ("props", "{}")]).await, @r#"{"code":200}"#);
    assert_snapshot!(update(&[("accid", "ann"), ("name", "Ann")]).await, @r#"{"code":200}"#);
    assert_eq!(stored(&backend, "ann").await, before);
    assert!(backend.seen.ended.lock().unwrap().is_empty());
    assert_snapshot!(update(&[("accid", "Nobody")]).await, @r#"{"code":414,"desc":"nobody not register"}"#);
}

#[tokio::test]
async fn update_refuses_what_is_too_long_or_missing() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let update = async |fields: &[(&str, &str)]| backend.post("user/update.action", fields).await;
    assert_snapshot!(update(&[("token", "t")]).await, @r#"{"code":414,"desc":"accid is empty"}"#);
    assert_snapshot!(update(&[("accid", "nobody"), ("token", "t")]).await, @r#"{"code":414,"desc":"nobody not register"}"#);
    for (field, max) in [("token", 128), ("props", 1_024)] {
        let expected = format!(r#"{{"code":414,"desc":"{field} is longer than {max} characters"}}"#);
        assert_eq!(update(&[("accid", "ann"), (field, &"你".repeat(max + 1))]).await, expected);
    }
    let longest = "你".repeat(128);
    assert_snapshot!(update(&[("accid", "ann"), ("token", &longest)]).await, @r#"{"code":200}"#);
    assert_eq!(stored(&backend, "ann").await.token.expose(), longest);
}

#[tokio::test]
async fn block_ends_sessions_only_where_asked_to() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let no = stored(&backend, "ann").await.no;
    assert_snapshot!(backend.post("user/block.action", &[("accid", "ann")]).await, @r#"{"code":200}"#);
    assert!(stored(&backend, "ann").await.blocked);
    assert!(backend.seen.ended.lock().unwrap().is_empty());
    let fields = [("accid", "ann"), ("needkick", "true"), ("needUnbindPushToken", "true")];
    assert_snapshot!(backend.post("user/block.action", &fields).await, @r#"{"code":200}"#);
    assert_eq!(*backend.seen.ended.lock().unwrap(), [(no, EndReason::Blocked { ext: None })]);
    assert_snapshot!(
        backend.post("user/block.action", &[("accid", "ann"), ("needkick", "yes")]).await,
        @r#"{"code":414,"desc":"needkick is not true or false"}"#
    );
    assert_snapshot!(backend.post("user/unblock.action", &[("accid", "ann")]).await, @r#"{"code":200}"#);
    assert!(!stored(&backend, "ann").await.blocked);
}

#[tokio::test]
async fn mute_says_which_way() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let mute = async |fields: &[(&str, &str)]| backend.post("user/mute.action", fields).await;
    assert_snapshot!(mute(&[("accid", "ann"), ("mute", "true")]).await, @r#"{"code":200}"#);
    assert!(stored(&backend, "ann").await.muted);
    assert_snapshot!(mute(&[("accid", "ann"), ("mute", "false")]).await, @r#"{"code":200}"#);
    assert!(!stored(&backend, "ann").await.muted);
    assert_snapshot!(mute(&[("accid", "ann")]).await, @r#"{"code":414,"desc":"mute is empty"}"#);
    assert_snapshot!(mute(&[("accid", "ann"), ("mute", "2")]).await, @r#"{"code":414,"desc":"mute is not true or false"}"#);
}

#[tokio::test]
async fn mute_module_answers_with_all_that_holds_and_leaves_what_is_not_given() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let mute = async |fields: &[(&str, &str)]| backend.post("user/muteModule.action", fields).await;
    assert_snapshot!(
        mute(&[("accid", "Ann"), ("muteP2P", "true"), ("muteRoom", "")]).await,
        @r#"{"code":200,"data":{"muteP2P":true,"muteTeam":false,"muteRoom":false,"muteQChat":false}}"#
    );
    assert_snapshot!(
        mute(&[("accid", "ann"), ("muteTeam", "1"), ("muteRoom", "true"), ("muteQChat", "true")]).await,
        @r#"{"code":200,"data":{"muteP2P":true,"muteTeam":true,"muteRoom":true,"muteQChat":true}}"#
    );
    assert_snapshot!(
        mute(&[("accid", "ann"), ("muteP2P", "false"), ("muteQChat", "0")]).await,
        @r#"{"code":200,"data":{"muteP2P":false,"muteTeam":true,"muteRoom":true,"muteQChat":false}}"#
    );
    assert_snapshot!(
        mute(&[("accid", "ann")]).await,
        @r#"{"code":200,"data":{"muteP2P":false,"muteTeam":true,"muteRoom":true,"muteQChat":false}}"#
    );
    assert!(!stored(&backend, "ann").await.muted);
    for field in ["muteP2P", "muteTeam", "muteRoom", "muteQChat"] {
        let expected = format!(r#"{{"code":414,"desc":"{field} is not true or false"}}"#);
        assert_eq!(mute(&[("accid", "ann"), (field, "2")]).await, expected);
    }
}

#[tokio::test]
async fn a_repeat_of_mute_module_gets_the_first_answer() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let path = "user/muteModule.action";
    let first = backend.post_as("r1", path, &[("accid", "ann"), ("muteP2P", "true")]).await;
    backend.post(path, &[("accid", "ann"), ("muteP2P", "false")]).await;
    assert_eq!(backend.post_as("r1", path, &[("accid", "ann"), ("muteP2P", "true")]).await, first);
    assert!(!stored(&backend, "ann").await.muted_in.direct.holds_at(NOW_MS));
}

#[tokio::test]
async fn each_call_is_charged_to_an_operation_of_its_own() {
    let calls = [
        ("create", Operation::CreateAccount),
        ("refreshToken", Operation::RefreshToken),
        ("update", Operation::SetToken),
        ("block", Operation::BlockAccount),
        ("unblock", Operation::UnblockAccount),
        ("mute", Operation::MuteAccount),
        ("muteModule", Operation::MuteAccountPartly),
        ("updateUinfo", Operation::UpdateProfile),
        ("getUinfos", Operation::ReadProfiles),
        ("setDonnop", Operation::SetDoNotDisturb),
        ("setSpecialRelation", Operation::SetRelation),
        ("listBlackAndMuteList", Operation::ReadRelations),
    ];
    for (limited, operation) in calls {
        let once = Limit::Sliding { calls: 1, window_ms: 1_000, shut_out_ms: 10_000 };
        let limits = Limits { unlimited: false, own: [(operation, once)].into() };
        let backend = Backend::with(NeteaseConfig::default(), AppSettings { limits, ..AppSettings::default() }).await;
        for (path, _) in calls {
            let path = format!("user/{path}.action");
            let refused = r#"{"code":416,"desc":"query too fast"}"#;
            assert_ne!(backend.post(&path, &[]).await, refused);
            assert_eq!(backend.post(&path, &[]).await == refused, path == format!("user/{limited}.action"), "{path}");
        }
    }
}

#[tokio::test]
async fn set_donnop_is_for_accounts_that_have_logged_in() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let set = async |fields: &[(&str, &str)]| backend.post("user/setDonnop.action", fields).await;
    assert_snapshot!(
        set(&[("accid", "Ann"), ("donnopOpen", "true")]).await,
        @r#"{"code":414,"desc":"ann has never logged in"}"#
    );
    assert!(!stored(&backend, "ann").await.do_not_disturb);
    backend.pipeline.note_login(&stored(&backend, "ann").await).await.unwrap();
    assert_snapshot!(set(&[("accid", "Ann"), ("donnopOpen", "true")]).await, @r#"{"code":200}"#);
    assert!(stored(&backend, "ann").await.do_not_disturb);
    assert_snapshot!(set(&[("accid", "ann"), ("donnopOpen", "0")]).await, @r#"{"code":200}"#);
    assert!(!stored(&backend, "ann").await.do_not_disturb);
}

#[tokio::test]
async fn set_donnop_names_what_is_wrong_or_missing() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let set = async |fields: &[(&str, &str)]| backend.post("user/setDonnop.action", fields).await;
    assert_snapshot!(set(&[("donnopOpen", "true")]).await, @r#"{"code":414,"desc":"accid is empty"}"#);
    assert_snapshot!(set(&[("accid", "ann")]).await, @r#"{"code":414,"desc":"donnopOpen is empty"}"#);
    assert_snapshot!(
        set(&[("accid", "ann"), ("donnopOpen", "on")]).await,
        @r#"{"code":414,"desc":"donnopOpen is not true or false"}"#
    );
    assert_snapshot!(
        set(&[("accid", "Nobody"), ("donnopOpen", "true")]).await,
        @r#"{"code":414,"desc":"nobody not register"}"#
    );
}

#[tokio::test]
async fn an_unknown_account_is_a_parameter_error_that_names_it() {
    let backend = Backend::new().await;
    for path in ["refreshToken", "block", "unblock", "mute", "muteModule"] {
        let reply = backend.post(&format!("user/{path}.action"), &[("accid", "Nobody"), ("mute", "true")]).await;
        assert_eq!(reply, r#"{"code":414,"desc":"nobody not register"}"#, "{path}");
        let reply = backend.post(&format!("user/{path}.action"), &[("mute", "true")]).await;
        assert_eq!(reply, r#"{"code":414,"desc":"accid is empty"}"#, "{path}");
    }
}

#[tokio::test]
async fn who_is_kicked_is_told_the_extension_and_nobody_is_without_a_kick() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let longest = "你".repeat(1_024);
    let block = async |kick: &str, ext: &str| {
        let fields = [("accid", "ann"), ("needkick", kick), ("kickNotifyExt", ext)];
        assert_eq!(backend.post("user/block.action", &fields).await, r#"{"code":200}"#);
        std::mem::take(&mut *backend.seen.ended.lock().unwrap()).into_iter().map(|(_, it)| it).collect::<Vec<_>>()
    };
    assert_eq!(block("false", "bye").await, []);
    assert_eq!(block("true", "").await, [EndReason::Blocked { ext: None }]);
    for ext in ["bye", " ", &longest] {
        assert_eq!(block("true", ext).await, [EndReason::Blocked { ext: Some(ext.into()) }]);
    }
}

#[tokio::test]
async fn what_is_checked_without_effect_is_refused_by_name() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    let block = async |field, value: &str| backend.post("user/block.action", &[("accid", "ann"), (field, value)]).await;
    assert_snapshot!(
        block("kickNotifyExt", &"x".repeat(1_025)).await,
        @r#"{"code":414,"desc":"kickNotifyExt is longer than 1024 characters"}"#
    );
    assert_snapshot!(
        block("needUnbindPushToken", "x").await,
        @r#"{"code":414,"desc":"needUnbindPushToken is not true or false"}"#
    );
    assert!(!stored(&backend, "ann").await.blocked);
}

#[tokio::test]
async fn the_101st_call_of_a_second_shuts_the_app_out_of_that_endpoint_for_ten_seconds() {
    let backend = Backend::new().await;
    for path in SERVED.into_iter().filter(|path| *path != SEND) {
        for _ in 0..100 {
            assert_eq!(backend.post(path, &[]).await, r#"{"code":414,"desc":"accid is empty"}"#);
        }
        assert_eq!(backend.post(path, &[]).await, r#"{"code":416,"desc":"query too fast"}"#, "{path}");
    }
    backend.clock.advance_ms(9_999);
    assert_snapshot!(backend.post("user/mute.action", &[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(1);
    assert_snapshot!(backend.post("user/mute.action", &[]).await, @r#"{"code":414,"desc":"accid is empty"}"#);
}
