//! Payloads in the JSON encoding: raw JSON inside of JSON, never base64, without raw newlines, which delimit messages.
//! And the objects that clients send.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::code::ErrorCode;

/// Takes a payload's JSON as it stands.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.map_or_else(Vec::new, |raw| raw.get().as_bytes().to_vec()))
}

/// The object that a client's JSON is. Serde would take a list for one whose fields come in their order.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, ErrorCode> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(ErrorCode::BAD_REQUEST);
    }
    serde_json::from_slice(json).map_err(|_| ErrorCode::BAD_REQUEST)
}

/// As [`object`], for a member of one, which may be null.
pub(crate) fn member<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    raw.map(|it| object(it.get().as_bytes())).transpose().map_err(|_| D::Error::custom("not the object that is meant"))
}

/// Writes a payload, which must be JSON.
pub(crate) fn write<S: Serializer>(payload: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_slice(payload).map_err(|_| S::Error::custom("a payload is not JSON"))?;
    raw.serialize(serializer)
}
