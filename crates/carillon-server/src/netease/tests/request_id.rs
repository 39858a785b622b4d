//! Repeated calls.

use carillon_core::model::{Limit, Operation};
use insta::assert_snapshot;

use super::*;

/// The reply, and how many messages were sent by then.
async fn send(backend: &Backend, id: &str, fields: &[(&str, &str)]) -> (String, usize) {
    (backend.post_as(id, SEND, &batch(fields)).await, backend.sent().len())
}

async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob"]).await;
    backend
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_sends_nothing() {
    let backend = backend().await;
    let fields = [("toAccids", r#"["bob","x"]"#), ("returnMsgid", "true")];
    let (first, _) = send(&backend, "r", &fields).await;
    assert!(first.starts_with(r#"{"code":200,"timetag":1700000000000,"unregister":["x"],"msgids":{"bob":"#), "{first}");
    backend.clock.advance_ms(299_999);
    assert_eq!(send(&backend, "r", &fields).await, (first.clone(), 1));
    assert_eq!(send(&backend.restarted(NeteaseConfig::default()), "r", &fields).await, (first.clone(), 1));
    let (other, sent) = send(&backend, "s", &fields).await;
    assert!(other != first && sent == 2);
}

#[tokio::test]
async fn a_request_is_forgotten_after_five_minutes() {
    let backend = backend().await;
    send(&backend, "r", &[]).await;
    backend.clock.advance_ms(300_000);
    assert_eq!(send(&backend, "r", &[]).await, (r#"{"code":200,"timetag":1700000300000}"#.into(), 2));
}

#[tokio::test]
async fn an_id_with_another_body_or_path_is_refused() {
    let backend = backend().await;
    send(&backend, "r", &[]).await;
    let (reply, sent) = send(&backend, "r", &[("body", r#"{"msg":"other"}"#)]).await;
    assert_snapshot!(reply, @r#"{"code":431,"desc":"RequestId was used for another request"}"#);
    assert_eq!(sent, 1);
    for path in ["user/block.action", &format!("{SEND}?bid=x")] {
        assert_eq!(
            backend.post_as("r", path, &batch(&[])).await,
            r#"{"code":431,"desc":"RequestId was used for another request"}"#
        );
    }
}

#[tokio::test]
async fn an_id_that_is_too_long_is_refused() {
    let backend = backend().await;
    assert_snapshot!(
        send(&backend, &"r".repeat(129), &[]).await.0,
        @r#"{"code":414,"desc":"RequestId is longer than 128 characters"}"#
    );
}

#[tokio::test]
async fn what_did_nothing_is_not_remembered() {
    let backend = backend().await;
    assert_eq!(send(&backend, "r", &[("type", "5")]).await.1, 0);
    assert_eq!(send(&backend, "r", &[("toAccids", r#"["x"]"#)]).await.1, 0);
    assert_eq!(send(&backend, "r", &[]).await, (r#"{"code":200,"timetag":1700000000000}"#.into(), 1));
}

#[tokio::test]
async fn a_repeat_is_not_charged() {
    let backend = backend().await;
    let own = Limit::Sliding { calls: 1, window_ms: 1_000, shut_out_ms: 2_000 };
    backend
        .set(|settings| {
            settings.limits.unlimited = false;
            settings.limits.own = [(Operation::SendBatch, own)].into();
        })
        .await;
    for _ in 0..3 {
        assert_eq!(send(&backend, "r", &[]).await, (r#"{"code":200,"timetag":1700000000000}"#.into(), 1));
    }
    assert_snapshot!(send(&backend, "s", &[]).await.0, @r#"{"code":416,"desc":"query too fast"}"#);
}

#[tokio::test]
async fn every_endpoint_repeats_its_first_answer() {
    let backend = backend().await;
    let calls: [(&str, &[(&str, &str)]); 5] = [
        ("user/create.action", &[("accid", "zoe")]),
        ("user/refreshToken.action", &[("accid", "ann")]),
        ("user/block.action", &[("accid", "bob"), ("needkick", "true")]),
        ("user/unblock.action", &[("accid", "bob")]),
        ("user/mute.action", &[("accid", "bob"), ("mute", "true")]),
    ];
    for (path, fields) in calls {
        let first = backend.post_as(path, path, fields).await;
        assert!(first.starts_with(r#"{"code":200"#), "{first}");
        assert_eq!(backend.post_as(path, path, fields).await, first);
    }
    let ended: Vec<EndReason> = backend.seen.ended.lock().unwrap().iter().map(|(_, reason)| reason.clone()).collect();
    assert_eq!(ended, [EndReason::TokenReplaced, EndReason::Blocked { ext: None }]);
    assert_snapshot!(
        backend.metrics("request_repeats"),
        @r#"carillon_request_repeats_total{dialect="netease",outcome="answered"} 5"#
    );
}

/// Runs until `part` is among the metrics.
async fn seen(backend: &Backend, part: &str) {
    while backend.metrics(part).is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_first_runs_a_repeat_waits_even_when_the_first_caller_has_gone() {
    let backend = backend().await;
    let (open, gate) = mpsc::channel();
    *backend.seen.gate.lock().unwrap() = Some(gate);
    let call = |backend: Backend| async move { send(&backend, "r", &[]).await };
    let first = tokio::task::JoinSet::from_iter([call(backend.clone())]);
    while backend.sent().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut second = tokio::task::JoinSet::from_iter([call(backend.clone())]);
    seen(&backend, "waited").await;
    drop(first);
    open.send(()).unwrap();
    let reply = second.join_next().await.unwrap().unwrap();
    assert_eq!(reply, (r#"{"code":200,"timetag":1700000000000}"#.into(), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repeat_waits_no_longer_than_is_set() {
    let backend = backend().await;
    let (open, gate) = mpsc::channel();
    *backend.seen.gate.lock().unwrap() = Some(gate);
    let call = |backend: Backend| async move { send(&backend, "r", &[]).await.0 };
    let mut first = tokio::task::JoinSet::from_iter([call(backend.clone())]);
    while backend.sent().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut second = tokio::task::JoinSet::from_iter([call(backend.clone())]);
    seen(&backend, "waited").await;
    backend.clock.advance_ms(30_000);
    assert_snapshot!(second.join_next().await.unwrap().unwrap(), @r#"{"code":503,"desc":"server busy"}"#);
    open.send(()).unwrap();
    assert_snapshot!(first.join_next().await.unwrap().unwrap(), @r#"{"code":200,"timetag":1700000000000}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repeat_that_waits_for_one_call_after_another_is_counted_once() {
    let config = NeteaseConfig { request_wait_s: 1_000, ..NeteaseConfig::default() };
    let backend = backend().await.restarted(config);
    let call = |backend: Backend| async move { send(&backend, "r", &[]).await.0 };
    let gated = |sent: usize| {
        let (open, gate) = mpsc::channel();
        let backend = backend.clone();
        *backend.seen.gate.lock().unwrap() = Some(gate);
        (open, async move {
            while backend.sent().len() < sent {
                tokio::task::yield_now().await;
            }
        })
    };
    let (open_first, first_runs) = gated(1);
    let mut calls = tokio::task::JoinSet::from_iter([call(backend.clone())]);
    first_runs.await;
    calls.spawn(call(backend.clone()));
    calls.spawn(call(backend.clone()));
    seen(&backend, r#"outcome="waited"} 2"#).await;
    // The first is forgotten at once, so that one of the two runs anew and the other one waits for it.
    backend.clock.advance_ms(300_000);
    let (open_second, second_runs) = gated(2);
    open_first.send(()).unwrap();
    second_runs.await;
    open_second.send(()).unwrap();
    calls.join_all().await;
    assert_eq!(backend.sent().len(), 2);
    assert_snapshot!(
        backend.metrics("waited"),
        @r#"carillon_request_repeats_total{dialect="netease",outcome="waited"} 2"#
    );
}

#[tokio::test]
async fn settings_beyond_the_end_of_time_mean_for_ever() {
    let config = NeteaseConfig {
        body_timeout_s: u64::MAX,
        clock_window_s: u64::MAX,
        request_memory_s: u64::MAX,
        request_wait_s: u64::MAX,
        ..NeteaseConfig::default()
    };
    let backend = Backend::with(config, AppSettings { nonce_once: true, ..AppSettings::default() }).await;
    let create = async |nonce, accid: &str| {
        let request = backend.signed_at("user/create.action", nonce, 1).header("RequestId", "r");
        backend.answer(request, form(&[("accid", accid), ("token", "t")])).await
    };
    let first = create("1", "ann").await;
    assert_eq!(first, r#"{"code":200,"info":{"token":"t","accid":"ann","name":""}}"#);
    backend.clock.advance_ms(1 << 40);
    assert_eq!(create("2", "ann").await, first);
    assert_snapshot!(create("1", "ann").await, @r#"{"code":414,"desc":"Nonce was used before"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_with_an_id_is_refused_when_too_many_run() {
    let config = NeteaseConfig { requests_running_max: 1, ..NeteaseConfig::default() };
    let backend = backend().await.restarted(config);
    let (open, gate) = mpsc::channel();
    *backend.seen.gate.lock().unwrap() = Some(gate);
    let call = |backend: Backend| async move { send(&backend, "r", &[]).await.0 };
    let first = tokio::task::JoinSet::from_iter([call(backend.clone())]);
    while backend.sent().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_snapshot!(send(&backend, "s", &[]).await.0, @r#"{"code":503,"desc":"server busy"}"#);
    open.send(()).unwrap();
    assert_eq!(first.join_all().await, [r#"{"code":200,"timetag":1700000000000}"#]);
    assert_snapshot!(send(&backend, "s", &[]).await.0, @r#"{"code":200,"timetag":1700000000000}"#);
}
