//! The replies of `openconfigsvr/…`.

use carillon_core::model::Mute;
use insta::assert_snapshot;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_mute_lasts_for_its_seconds_and_what_is_left_is_read_back() {
    let backend = Backend::new().await;
    backend.call("im_open_login_svc/account_import", json!({ "UserID": "ann" })).await;
    let set = async |body| backend.call("openconfigsvr/setnospeaking", body).await;
    let get = async || backend.call("openconfigsvr/getnospeaking", json!({ "Get_Account": "ann" })).await;
    assert_snapshot!(
        get().await,
        @r#"{"ErrorInfo":"","ErrorCode":0,"C2CmsgNospeakingTime":0,"GroupmsgNospeakingTime":0}"#
    );
    assert_snapshot!(
        set(json!({ "Set_Account": "ann", "C2CmsgNospeakingTime": 7_200_u32, "GroupmsgNospeakingTime": u32::MAX })).await,
        @r#"{"ErrorInfo":"","ErrorCode":0}"#
    );
    backend.clock.advance_ms(3_500);
    assert_snapshot!(
        get().await,
        @r#"{"ErrorInfo":"","ErrorCode":0,"C2CmsgNospeakingTime":7197,"GroupmsgNospeakingTime":4294967295}"#
    );
    let muted = backend.account("ann").await.unwrap().muted_in;
    assert_eq!((muted.teams, muted.rooms, muted.communities), (Mute::FOR_EVER, Mute::FOR_EVER, Mute::FOR_EVER));
    assert!(muted.direct.holds_at(NOW_S * 1_000 + 7_199_999) && !muted.direct.holds_at(NOW_S * 1_000 + 7_200_000));
    set(json!({ "Set_Account": "ann", "C2CmsgNospeakingTime": 0 })).await;
    assert_snapshot!(
        get().await,
        @r#"{"ErrorInfo":"","ErrorCode":0,"C2CmsgNospeakingTime":0,"GroupmsgNospeakingTime":4294967295}"#
    );
}

#[tokio::test]
async fn a_mute_by_another_dialect_is_seen_and_the_other_way_round() {
    let backend = Backend::new().await;
    backend.call("im_open_login_svc/account_import", json!({ "UserID": "ann" })).await;
    let app = backend.pipeline.apps.get(AppId(1)).unwrap();
    let mute = carillon_core::command::AccountChange::SetMuted(true);
    backend.pipeline.change_account(&app, &id("ann"), mute, None).await.unwrap();
    assert_snapshot!(
        backend.call("openconfigsvr/getnospeaking", json!({ "Get_Account": "ann" })).await,
        @r#"{"ErrorInfo":"","ErrorCode":0,"C2CmsgNospeakingTime":4294967295,"GroupmsgNospeakingTime":4294967295}"#
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_call_has_codes_of_its_own_and_no_status() {
    let backend = Backend::new().await;
    let set = async |body| backend.call("openconfigsvr/setnospeaking", body).await;
    assert_snapshot!(
        set(json!({ "C2CmsgNospeakingTime": 1 })).await,
        @r#"{"ErrorInfo":"Set_Account is missing","ErrorCode":130004}"#
    );
    assert_snapshot!(
        set(json!({ "Set_Account": 7, "C2CmsgNospeakingTime": 1 })).await,
        @r#"{"ErrorInfo":"Set_Account is not a string","ErrorCode":130005}"#
    );
    assert_snapshot!(
        set(json!({ "Set_Account": ADMIN })).await,
        @r#"{"ErrorInfo":"neither C2CmsgNospeakingTime nor GroupmsgNospeakingTime is given","ErrorCode":130008}"#
    );
    assert_snapshot!(
        set(json!({ "Set_Account": "nobody", "C2CmsgNospeakingTime": 1 })).await,
        @r#"{"ErrorInfo":"Err_TLS_PT_Open_Login_Account_Not_Exist","ErrorCode":70107}"#
    );
    for (body, code) in [(json!({}), "130002"), (json!({ "Get_Account": "a b" }), "130003")] {
        let reply = backend.call("openconfigsvr/getnospeaking", body).await;
        assert!(reply.contains(code), "{reply}");
    }
    let reply = backend.answer(backend.signed("openconfigsvr/getnospeaking"), "{").await;
    assert!(reply.contains("130001"), "{reply}");
}
