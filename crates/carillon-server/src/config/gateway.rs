//! `[gateway]`: what connections may cost, and how patient the gateway is.

use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySection {
    /// Where clients reach the gateway, as the command line is told. Empty means `ws://` and the address of the listener.
    pub url: String,
}
