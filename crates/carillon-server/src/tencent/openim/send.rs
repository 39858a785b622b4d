//! Sending what the calls describe.

use carillon_core::AccountId;
use carillon_core::command::Recipients;
use carillon_core::decide::Refusal;
use carillon_core::model::App;

use super::fields::Outgoing;
use super::msg_key::MsgKey;
use crate::tencent::Tencent;

/// What became of a message.
pub(super) struct Sent {
    /// That of the first try.
    pub(super) key: MsgKey,
    /// The recipients that are no accounts.
    pub(super) unregistered: Vec<AccountId>,
}

pub(super) async fn run(tencent: &Tencent, app: &App, outgoing: Outgoing) -> Result<Sent, Refusal> {
    let Outgoing { command, key, once } = outgoing;
    // Of names that no account can have there is nothing to remember; they count as dropped all the same.
    let names_none = matches!(&command.to, Recipients::Many { named, .. } if named.is_empty());
    match once.filter(|_| !names_none) {
        Some(once) => {
            let sent = tencent.pipeline.send_once(app, command, once).await?;
            Ok(Sent { key: MsgKey::parse(&sent.client_id).unwrap_or(key), unregistered: sent.unregistered })
        }
        None => {
            let sent = tencent.pipeline.send(app, command, None).await?;
            Ok(Sent { key, unregistered: sent.unregistered })
        }
    }
}
