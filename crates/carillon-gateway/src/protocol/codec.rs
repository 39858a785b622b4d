//! The two encodings of the protocol, between messages and the payload of WebSocket frames.
//!
//! JSON: messages separated by newlines. Protobuf: messages prefixed with their length as a varint.

use prost::Message as _;

use super::{Command, Reply};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

/// A frame that is not made of commands, or of too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame does not hold commands")]
pub(crate) struct Malformed;

impl Encoding {
    /// The commands of one frame, at most `max`.
    pub(crate) fn decode(self, mut payload: &[u8], max: usize) -> Result<Vec<Command>, Malformed> {
        let mut commands = Vec::new();
        match self {
            Self::Json => {
                let mut read = serde_json::Deserializer::from_slice(payload).into_iter::<Command>();
                loop {
                    // Serde would take a list for a command, and an empty one for a pong.
                    if payload[read.byte_offset()..].trim_ascii_start().starts_with(b"[") {
                        return Err(Malformed);
                    }
                    let Some(command) = read.next() else { break };
                    commands.push(command.map_err(|_| Malformed)?);
                    check_count(&commands, max)?;
                }
            }
            Self::Protobuf => {
                while !payload.is_empty() {
                    let mut command = Command::decode_length_delimited(&mut payload).map_err(|_| Malformed)?;
                    command.forget_nulls();
                    commands.push(command);
                    check_count(&commands, max)?;
                }
            }
        }
        if commands.is_empty() { Err(Malformed) } else { Ok(commands) }
    }

    /// A frame's payload with one reply.
    pub(crate) fn encode(self, reply: &Reply) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(reply).expect("payloads are JSON, and nothing else can fail"),
            Self::Protobuf => reply.encode_length_delimited_to_vec(),
        }
    }

    /// The payload that asks whether the client is there.
    pub(crate) fn ping(self) -> &'static [u8] {
        match self {
            Self::Json => b"{}",
            Self::Protobuf => b"\0",
        }
    }
}

fn check_count(commands: &[Command], max: usize) -> Result<(), Malformed> {
    if commands.len() > max { Err(Malformed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::command::{ConnectRequest, RpcRequest, SubscribeRequest};
    use super::super::reply::{Failure, Message, Push, RpcResult};
    use super::*;

    #[test]
    fn a_json_frame_holds_commands_separated_by_newlines() {
        let frame = br#"{"connect":{"token":"T","data":{"a":[1]},"name":"js","subs":{"inbox":{"recover":true,"offset":7,"epoch":"e"}}},"id":1}
{"rpc":{"method":"m","data":null},"id":2}
{}
"#;
        let commands = Encoding::Json.decode(frame, 10).unwrap();
        let connect = commands[0].connect.as_ref().unwrap();
        assert_eq!((connect.token.as_str(), connect.data.as_slice()), ("T", br#"{"a":[1]}"#.as_slice()));
        assert_eq!((connect.subs["inbox"].offset, connect.subs["inbox"].recover), (7, true));
        assert_eq!(commands[1].rpc.as_ref().unwrap().method, "m");
        assert!(commands[2].is_pong() && !commands[1].is_pong());
    }

    #[test]
    fn both_encodings_say_the_same() {
        let command = Command { id: 7, refresh: Some(Default::default()), ..Command::default() };
        let bytes = command.encode_length_delimited_to_vec();
        let both = [bytes.clone(), bytes].concat();
        assert_eq!(Encoding::Protobuf.decode(&both, 2).unwrap(), [command.clone(), command.clone()]);
        assert_eq!(Encoding::Json.decode(br#"{"id":7,"refresh":{}}"#, 1).unwrap(), [command]);
    }

    #[test]
    fn null_is_no_data_in_either_encoding() {
        let json = br#"{"connect":{"data":null}} {"subscribe":{"data":null}} {"rpc":{"data":null}}"#;
        let of = |data: &[u8]| {
            let data = data.to_vec();
            let connect = ConnectRequest { data: data.clone(), ..ConnectRequest::default() };
            let subscribe = SubscribeRequest { data: data.clone(), ..SubscribeRequest::default() };
            let rpc = RpcRequest { data, ..RpcRequest::default() };
            [
                Command { connect: Some(connect), ..Command::default() },
                Command { subscribe: Some(subscribe), ..Command::default() },
                Command { rpc: Some(rpc), ..Command::default() },
            ]
        };
        let bytes = of(b" null").map(|it| it.encode_length_delimited_to_vec()).concat();
        assert_eq!(Encoding::Json.decode(json, 3).unwrap(), of(b""));
        assert_eq!(Encoding::Protobuf.decode(&bytes, 3).unwrap(), of(b""));
    }

    #[test]
    fn frames_that_hold_no_commands_are_malformed() {
        for bad in ["", "\n", "x", "[]", "{} [7]", "{\"id\":-1}", "{} {", "7", "{\"connect\":{\"token\":1}}"] {
            assert_eq!(Encoding::Json.decode(bad.as_bytes(), 10), Err(Malformed), "{bad}");
        }
        for bad in [&b""[..], b"\x05", b"\x02\xff\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
            assert_eq!(Encoding::Protobuf.decode(bad, 10), Err(Malformed), "{bad:?}");
        }
        assert_eq!(Encoding::Json.decode(b"{}{}{}", 2), Err(Malformed), "too many");
    }

    #[test]
    fn a_message_to_the_client_itself_has_the_numbers_of_the_schema() {
        let message = Some(Message { data: b"{}".to_vec() });
        let reply = Reply { push: Some(Push { message, ..Push::default() }), ..Reply::default() };
        assert_eq!(Encoding::Json.encode(&reply), br#"{"push":{"message":{"data":{}}}}"#);
        // Its length; in each a length, too: `push` (4), `message` (8), `data` (1).
        assert_eq!(Encoding::Protobuf.encode(&reply), b"\x08\x22\x06\x42\x04\x0a\x02{}");
    }

    #[test]
    fn replies_leave_defaults_out() {
        let error = Failure { code: 102, message: "unknown channel".into(), temporary: false };
        let json = |reply| String::from_utf8(Encoding::Json.encode(&reply)).unwrap();
        assert_eq!(json(Reply::failed(3, error)), r#"{"id":3,"error":{"code":102,"message":"unknown channel"}}"#);
        let rpc = Reply { rpc: Some(RpcResult { data: br#"{"a":1}"#.to_vec() }), ..Reply::to(4) };
        assert_eq!(json(rpc), r#"{"id":4,"rpc":{"data":{"a":1}}}"#);
    }
}
