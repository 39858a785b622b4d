//! Methods, paths and bodies.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use insta::assert_snapshot;

use super::*;

/// Whether the call waits, after it did what it could.
async fn is_pending(call: &mut std::pin::Pin<&mut impl Future<Output = String>>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_pending())).await
}

type Chunk = Result<Bytes, std::io::Error>;

#[tokio::test]
async fn every_method_but_post_is_refused() {
    let backend = Backend::new().await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for path in [SEND, "nothing", ""] {
            let request = Request::builder().method(method).uri(format!("/nimserver/{path}"));
            assert_eq!(backend.answer(request, "").await, r#"{"code":414,"desc":"use POST"}"#, "{method} {path}");
        }
    }
    assert_snapshot!(backend.answer(Request::get("/nimserver"), "").await, @r#"{"code":414,"desc":"use POST"}"#);
}

#[tokio::test]
async fn the_liveness_probe_needs_no_signature() {
    let backend = Backend::new().await;
    let probe = Request::get("/nimserver/health/liveness.action");
    assert_snapshot!(backend.answer(probe, "").await, @r#"{"code":200}"#);
    let probe = Request::head("/nimserver/health/liveness.action");
    assert_eq!(backend.answer(probe, "").await, "", "the head of an answer has no body");
    assert_snapshot!(
        backend.metrics("carillon_calls_total"),
        @r#"carillon_calls_total{dialect="netease",operation="none",code="200"} 2"#
    );
    let post = Request::post("/nimserver/health/liveness.action");
    assert_snapshot!(backend.answer(post, "").await, @r#"{"code":404,"desc":"/nimserver/health/liveness.action is not served here"}"#);
}

#[tokio::test]
async fn an_unknown_path_is_named_to_everybody_and_counted_for_who_is_authenticated() {
    let backend = Backend::new().await;
    assert_snapshot!(
        backend.answer(Request::post("/nimserver/team/create.action"), "").await,
        @r#"{"code":404,"desc":"/nimserver/team/create.action is not served here"}"#
    );
    assert_eq!(backend.metrics("unknown_paths"), "");
    assert_snapshot!(
        backend.post("team/create.action", &[]).await,
        @r#"{"code":404,"desc":"/nimserver/team/create.action is not served here"}"#
    );
    assert_snapshot!(
        backend.post("msg/sendBatchMsg.action/", &[]).await,
        @r#"{"code":404,"desc":"/nimserver/msg/sendBatchMsg.action/ is not served here"}"#
    );
    assert_snapshot!(backend.post("", &[]).await, @r#"{"code":404,"desc":"/nimserver/ is not served here"}"#);
    let long = backend.post(&"x'".repeat(500), &[]).await;
    assert_eq!(long, format!(r#"{{"code":404,"desc":"/nimserver/{}x is not served here"}}"#, "x?".repeat(94)));
    assert_snapshot!(
        backend.metrics("team"),
        @r#"carillon_unknown_paths_total{dialect="netease",path="/nimserver/team/create.action"} 1"#
    );
    assert_snapshot!(
        backend.metrics("404"),
        @r#"carillon_calls_total{dialect="netease",operation="none",code="404"} 5"#
    );
}

#[tokio::test]
async fn paths_beyond_the_two_hundredth_are_counted_together() {
    let backend = Backend::new().await;
    for i in 0..203 {
        backend.post(&format!("p{i}"), &[]).await;
    }
    assert_eq!(backend.metrics("unknown_paths").lines().count(), 201);
    assert_snapshot!(backend.metrics("other"), @r#"carillon_unknown_paths_total{dialect="netease",path="other"} 3"#);
}

#[tokio::test]
async fn several_slashes_are_one_as_a_base_address_with_a_slash_at_its_end_makes_them() {
    let backend = Backend::new().await;
    for (slashes, accid) in [("/", "ann"), ("//", "bob")] {
        let reply = backend.post(&format!("{slashes}user//create.action"), &[("accid", accid), ("token", "t")]).await;
        assert_eq!(reply, format!(r#"{{"code":200,"info":{{"token":"t","accid":"{accid}","name":""}}}}"#));
    }
    let request = backend.signed("user/create.action").uri("//nimserver/user/create.action");
    assert_snapshot!(backend.answer(request, "accid=ann").await, @r#"{"code":414,"desc":"already register"}"#);
    assert_snapshot!(
        backend.post("/user/nothing.action", &[]).await,
        @r#"{"code":404,"desc":"/nimserver/user/nothing.action is not served here"}"#
    );
}

#[tokio::test]
async fn fields_may_be_in_the_query_string_which_is_read_before_the_body() {
    let backend = Backend::new().await;
    let post = async |path: &str, body: &'static str| backend.answer(backend.signed(path), body).await;
    assert_snapshot!(
        post("user/create.action?accid=zoe&name=Zo%C3%AB+Z&token=t", "").await,
        @r#"{"code":200,"info":{"token":"t","accid":"zoe","name":"Zoë Z"}}"#
    );
    assert_snapshot!(
        post("user/create.action?accid=ann", "accid=bob&name=Ann&token=t").await,
        @r#"{"code":200,"info":{"token":"t","accid":"ann","name":"Ann"}}"#
    );
    assert_snapshot!(post("user/create.action?", "accid=").await, @r#"{"code":414,"desc":"accid is empty"}"#);
    assert_snapshot!(
        post("user/create.action?accid=%ff", "").await,
        @r#"{"code":414,"desc":"request body is not UTF-8"}"#
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let backend = Backend::new().await;
    let reply = async |len| backend.answer(backend.signed(SEND), "x".repeat(len)).await;
    assert_snapshot!(reply(1 << 20).await, @r#"{"code":414,"desc":"fromAccid is empty"}"#);
    assert_snapshot!(reply((1 << 20) + 1).await, @r#"{"code":414,"desc":"request body is larger than 1048576 bytes"}"#);
    let endless = stream::repeat_with(|| Chunk::Ok(Bytes::from_static(&[b'x'; 65_536])));
    assert_snapshot!(
        backend.answer(backend.signed(SEND), Body::from_stream(endless)).await,
        @r#"{"code":414,"desc":"request body is larger than 1048576 bytes"}"#
    );
}

#[tokio::test]
async fn a_body_in_pieces_is_read_whole_and_a_broken_one_is_refused() {
    let backend = Backend::new().await;
    let pieces = stream::iter(["acc", "id=", "x"].map(|it| Chunk::Ok(it.into())));
    assert_snapshot!(
        backend.answer(backend.signed("user/unblock.action"), Body::from_stream(pieces)).await,
        @r#"{"code":414,"desc":"x not register"}"#
    );
    let broken = stream::iter([Chunk::Ok("accid=".into()), Chunk::Err(std::io::ErrorKind::UnexpectedEof.into())]);
    assert_snapshot!(
        backend.answer(backend.signed("user/unblock.action"), Body::from_stream(broken)).await,
        @r#"{"code":414,"desc":"request body is incomplete or malformed"}"#
    );
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused_after_half_a_minute() {
    let backend = Backend::new().await;
    let started = stream::iter([Chunk::Ok("accid=".into())]).chain(stream::pending());
    let call = backend.answer(backend.signed("user/unblock.action"), Body::from_stream(started));
    let mut call = std::pin::pin!(call);
    assert!(is_pending(&mut call).await);
    backend.clock.advance_ms(29_999);
    assert!(is_pending(&mut call).await);
    backend.clock.advance_ms(1);
    assert_snapshot!(call.await, @r#"{"code":414,"desc":"request body did not arrive within 30 s"}"#);
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_or_has_too_many_fields_is_refused() {
    let backend = Backend::new().await;
    let reply = async |body: Vec<u8>| backend.answer(backend.signed(SEND), body).await;
    assert_snapshot!(reply(b"body=%ff".into()).await, @r#"{"code":414,"desc":"request body is not UTF-8"}"#);
    assert_snapshot!(reply(b"body=\xff".into()).await, @r#"{"code":414,"desc":"request body is not UTF-8"}"#);
    assert_snapshot!(reply("a&".repeat(1_001).into()).await, @r#"{"code":414,"desc":"request body has more than 1000 fields"}"#);
}

/// What a server on a socket answers to these bytes, up to the end of the answer's JSON.
async fn raw(backend: &Backend, head: &str, body: &'static [u8]) -> String {
    use std::io::{Read, Write};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = axum::serve(listener, backend.router.clone()).into_future();
    let signed = backend.signed("user/unblock.action").body(()).unwrap();
    let mut bytes =
        format!("POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n", signed.uri()).into_bytes();
    for (name, value) in signed.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", body].concat());
    let call = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    });
    let answer = tokio::select! {
        answer = call => answer.unwrap(),
        _ = serving => unreachable!("a server serves until it is dropped"),
    };
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

#[tokio::test]
async fn chunks_are_read_over_a_socket_and_broken_framing_is_refused() {
    let backend = Backend::new().await;
    let chunked = "transfer-encoding: chunked";
    assert_snapshot!(
        raw(&backend, chunked, b"3\r\nacc\r\n4\r\nid=x\r\n0\r\n\r\n").await,
        @r#"{"code":414,"desc":"x not register"}"#
    );
    assert_snapshot!(
        raw(&backend, chunked, b"3\r\nacc\r\nzz\r\n").await,
        @r#"{"code":414,"desc":"request body is incomplete or malformed"}"#
    );
}

#[tokio::test]
async fn who_sends_a_body_over_the_limit_over_a_socket_sees_the_answer() {
    let backend = Backend::new().await;
    let body: &[u8] = vec![b'x'; 3 << 20].leak();
    assert_snapshot!(
        raw(&backend, &format!("content-length: {}", body.len()), body).await,
        @r#"{"code":414,"desc":"request body is larger than 1048576 bytes"}"#
    );
}
