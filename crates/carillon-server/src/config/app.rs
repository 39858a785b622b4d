//! `[[apps]]`: an app as the file, and the native API, word it. What is not given keeps its default.

use std::collections::BTreeMap;

use carillon_core::model::{AppSettings, DevicePolicy, Limit, Limits, Operation};
use serde::{Deserialize, Serialize};

use super::RoomsConfig;
use crate::object;

pub(super) const DAY_S: u64 = 86_400;

#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// Unique on the server; a JWT of the app's users names it in `iss`.
    pub name: String,
    /// Signs the JWTs of the app's users (HS256). At least 32 bytes.
    pub token_secret: String,
    /// Credentials of backends that speak the NetEase dialect.
    #[serde(deserialize_with = "object::optional")]
    pub netease: Option<NeteaseKeyConfig>,
    /// Credentials of backends that speak the Tencent Chat dialect, and of its users.
    #[serde(deserialize_with = "object::optional")]
    pub tencent: Option<TencentKeyConfig>,
    /// `"unlimited"`, or a table of operations.
    pub limits: Option<LimitsConfig>,
    /// How long an inbox keeps an entry, in days.
    pub inbox_retention_days: Option<u64>,
    /// How long a conversation's history keeps a message, in days.
    pub history_retention_days: Option<u64>,
    /// Whether one call may send one message to many accounts.
    pub batch_enabled: Option<bool>,
    /// Whether one call may speak to everyone in the app.
    pub broadcast_enabled: Option<bool>,
    /// Whether a signed call is refused whose nonce was seen within the signature's life.
    pub nonce_once: Option<bool>,
    /// Whether a valid token of an unknown account creates the account.
    pub create_unknown_accounts: Option<bool>,
    /// How long after it was sent a message can be withdrawn, in seconds.
    pub recall_window_s: Option<u64>,
    /// Whether an account's blocklist keeps messages of backends away, too.
    pub blocklist_applies: Option<bool>,
    /// With how many devices an account may be online at a time.
    pub devices: Option<DevicesConfig>,
    /// What can be set for its chat rooms.
    #[serde(deserialize_with = "object::optional")]
    pub rooms: Option<RoomsConfig>,
    /// Refuses the app's calls and logins.
    pub disabled: Option<bool>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeteaseKeyConfig {
    pub app_key: String,
    pub app_secret: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TencentKeyConfig {
    pub sdk_app_id: u64,
    pub secret_key: String,
    /// The accounts in whose name backends call. They are created with the app.
    #[serde(default = "TencentKeyConfig::usual_admins")]
    pub admins: Vec<String>,
}

impl TencentKeyConfig {
    /// As the vendor names the first one.
    pub fn usual_admins() -> Vec<String> {
        vec!["administrator".to_owned()]
    }
}

/// The words for a [`DevicePolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevicesConfig {
    Any,
    OnePerPlatform,
    One,
}

/// Limits of an app's operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "is neither `unlimited` nor a table of operations, each `unlimited` or { calls, window_s, shut_out_s }"
)]
pub enum LimitsConfig {
    All(Unlimited),
    Each(BTreeMap<String, LimitConfig>),
}

/// The word `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    Unlimited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LimitConfig {
    None(Unlimited),
    Sliding(#[serde(deserialize_with = "object::one")] SlidingConfig),
}

/// `calls` in any `window_s` seconds; the call over it shuts the app out of the operation for `shut_out_s` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlidingConfig {
    calls: u32,
    window_s: u64,
    shut_out_s: u64,
}

impl AppConfig {
    /// The settings, where the names of operations are known.
    ///
    /// # Errors
    /// The name that is no operation's.
    pub fn settings(&self) -> Result<AppSettings, String> {
        self.settings_over(AppSettings::default())
    }

    /// The settings `usual` with those that are given in their place.
    ///
    /// # Errors
    /// As [`AppConfig::settings`].
    pub fn settings_over(&self, usual: AppSettings) -> Result<AppSettings, String> {
        Ok(AppSettings {
            disabled: self.disabled.unwrap_or(usual.disabled),
            limits: self.limits.as_ref().map_or(Ok(usual.limits), LimitsConfig::limits)?,
            inbox_retention_s: self.inbox_retention_days.map_or(usual.inbox_retention_s, |it| it.saturating_mul(DAY_S)),
            history_retention_s: self
                .history_retention_days
                .map_or(usual.history_retention_s, |it| it.saturating_mul(DAY_S)),
            batch_enabled: self.batch_enabled.unwrap_or(usual.batch_enabled),
            broadcast_enabled: self.broadcast_enabled.unwrap_or(usual.broadcast_enabled),
            nonce_once: self.nonce_once.unwrap_or(usual.nonce_once),
            create_unknown_accounts: self.create_unknown_accounts.unwrap_or(usual.create_unknown_accounts),
            recall_window_s: self.recall_window_s.unwrap_or(usual.recall_window_s),
            blocklist_applies: self.blocklist_applies.unwrap_or(usual.blocklist_applies),
            devices: self.devices.map_or(usual.devices, DevicePolicy::from),
            rooms: self.rooms.as_ref().map_or(usual.rooms, |it| it.settings_over(usual.rooms)),
        })
    }
}

impl LimitsConfig {
    /// The name of an operation whose window has no length: its calls could not be counted.
    pub(super) fn without_window(&self) -> Option<&str> {
        let Self::Each(each) = self else { return None };
        let is_it = |limit: &LimitConfig| matches!(limit, LimitConfig::Sliding(SlidingConfig { window_s: 0, .. }));
        each.iter().find(|(_, limit)| is_it(limit)).map(|(name, _)| name.as_str())
    }

    fn limits(&self) -> Result<Limits, String> {
        match self {
            Self::All(Unlimited::Unlimited) => Ok(Limits { unlimited: true, own: BTreeMap::new() }),
            Self::Each(each) => {
                let own = each.iter().map(|(name, limit)| {
                    let operation = Operation::from_name(name).ok_or_else(|| name.clone())?;
                    Ok((operation, Limit::from(*limit)))
                });
                Ok(Limits { unlimited: false, own: own.collect::<Result<_, String>>()? })
            }
        }
    }
}

impl From<DevicesConfig> for DevicePolicy {
    fn from(devices: DevicesConfig) -> Self {
        match devices {
            DevicesConfig::Any => Self::Any,
            DevicesConfig::OnePerPlatform => Self::OnePerPlatform,
            DevicesConfig::One => Self::One,
        }
    }
}

impl From<DevicePolicy> for DevicesConfig {
    fn from(policy: DevicePolicy) -> Self {
        match policy {
            DevicePolicy::Any => Self::Any,
            DevicePolicy::OnePerPlatform => Self::OnePerPlatform,
            DevicePolicy::One => Self::One,
        }
    }
}

impl From<LimitConfig> for Limit {
    fn from(limit: LimitConfig) -> Self {
        match limit {
            LimitConfig::None(Unlimited::Unlimited) => Self::Unlimited,
            LimitConfig::Sliding(SlidingConfig { calls, window_s, shut_out_s }) => Self::Sliding {
                calls,
                window_ms: window_s.saturating_mul(1_000),
                shut_out_ms: shut_out_s.saturating_mul(1_000),
            },
        }
    }
}

// By hand, so that a secret cannot reach a log.
impl std::fmt::Debug for AppConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppConfig").field("name", &self.name).finish_non_exhaustive()
    }
}
