//! Broadcasts as clients get them: like messages, as far as they have the same.

use carillon_core::model::{Broadcast, CopyOptions};
use serde::Serialize;

use super::{Options, Part, Sender, object, options, sender};

/// All of a broadcast but its id: the members of a JSON object, without the braces.
pub(crate) fn broadcast(it: &Broadcast) -> String {
    object(&Shared {
        r#type: "broadcast",
        sender: it.from.as_ref().map(sender),
        time: it.created_ms,
        expires: it.expires_ms,
        elements: [Part::Notice { text: &it.body }],
        options: options(CopyOptions { persistent: it.offline, ..CopyOptions::default() }),
    })
}

#[derive(Serialize)]
struct Shared<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Sender<'a>>,
    time: u64,
    expires: u64,
    elements: [Part<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Options>,
}
