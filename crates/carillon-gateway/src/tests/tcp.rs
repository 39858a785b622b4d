//! The same shard over TCP.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::World;
use crate::Handshake;

#[tokio::test]
async fn a_connection_over_tcp_logs_in_and_receives() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let request = Handshake { method: &Method::GET, headers: &headers, query: None, peer: peer.ip() };
    let accepted = world.gateway.handshake(&request).unwrap();
    let connect = br#"{"id":1,"connect":{"token":"token-of-ann","data":{"account":"ann"}}}"#;
    let frame = [&[0x81, 0x80 | u8::try_from(connect.len()).unwrap(), 0, 0, 0, 0][..], connect].concat();
    // The HTTP library had read a part of the first frame already.
    client.write_all(&frame[20..]).await.unwrap();
    world.gateway.serve(accepted, stream, Bytes::copy_from_slice(&frame[..20])).await;
    let mut seen = String::new();
    expect(&mut client, &mut seen, r#""connect":{"client""#).await;
    world.send("shop", &["ann"], "over tcp").await;
    expect(&mut client, &mut seen, "over tcp").await;
    assert_eq!(world.metrics.connections.get(), 1);
    tokio::join!(world.gateway.drain(), async {
        expect(&mut client, &mut seen, "shutdown").await;
        drop(client);
    });
    assert_eq!(world.metrics.connections.get(), 0);
}

/// Reads until `text` has come.
async fn expect(client: &mut TcpStream, seen: &mut String, text: &str) {
    while !seen.contains(text) {
        let mut buffer = [0; 1_000];
        let read = client.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the connection ended after {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}
