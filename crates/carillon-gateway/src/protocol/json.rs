//! Payloads in the JSON encoding: raw JSON inside of JSON, never base64, without raw newlines, which delimit messages.

use serde::de::Deserializer;
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Takes a payload's JSON as it stands.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.map_or_else(Vec::new, |raw| raw.get().as_bytes().to_vec()))
}

/// Writes a payload, which must be JSON.
pub(crate) fn write<S: Serializer>(payload: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_slice(payload).map_err(|_| S::Error::custom("a payload is not JSON"))?;
    raw.serialize(serializer)
}
