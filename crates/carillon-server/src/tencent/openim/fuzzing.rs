//! What the fuzz target runs on a `MsgBody`, and `cargo test` on its seeds.

use carillon_core::model::{Content, Element};
use serde_json::Value;

use super::body;

/// The JSON of a `MsgBody`: what is taken is written as it came, is shown to clients as JSON, and is worded by other dialects.
pub fn message_body(input: &[u8]) {
    let Ok(given) = serde_json::from_slice::<Value>(input) else { return };
    let Ok(content) = body::content(Some(&given)) else { return };
    assert_eq!(body::written(&content).get(), content.original);
    assert!(!content.elements.is_empty(), "a message says something");
    for element in &content.elements {
        if let Element::Custom { json } = element {
            serde_json::from_str::<Value>(json).expect("what is custom is JSON");
        }
    }
    // As if another dialect had sent it.
    let foreign = Content { dialect: "other".into(), ..content };
    serde_json::from_str::<Value>(body::written(&foreign).get()).expect("what is rendered is JSON");
}
