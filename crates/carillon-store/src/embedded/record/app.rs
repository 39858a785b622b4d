//! An app on disk. A setting that the record lacks has its default.

use std::collections::BTreeMap;

use carillon_core::model::{ApiKey, App, AppSettings, DevicePolicy, Limit, Limits, Operation, RoomSettings, Secret};
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AppId};

use super::wrong;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AppRecord {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    token_secret: String,
    #[prost(message, repeated, tag = "4")]
    keys: Vec<KeyRecord>,
    #[prost(bool, optional, tag = "5")]
    disabled: Option<bool>,
    #[prost(uint64, optional, tag = "6")]
    inbox_retention_s: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    history_retention_s: Option<u64>,
    #[prost(bool, optional, tag = "8")]
    batch_enabled: Option<bool>,
    #[prost(bool, optional, tag = "9")]
    nonce_once: Option<bool>,
    #[prost(bool, optional, tag = "10")]
    create_unknown_accounts: Option<bool>,
    #[prost(bool, optional, tag = "11")]
    blocklist_applies: Option<bool>,
    #[prost(bool, tag = "12")]
    unlimited: bool,
    #[prost(message, repeated, tag = "13")]
    limits: Vec<LimitRecord>,
    #[prost(uint64, optional, tag = "15")]
    recall_window_s: Option<u64>,
    #[prost(bool, optional, tag = "16")]
    broadcast_enabled: Option<bool>,
    #[prost(string, optional, tag = "14")]
    devices: Option<String>,
    #[prost(message, optional, tag = "17")]
    rooms: Option<RoomSettingsRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RoomSettingsRecord {
    #[prost(uint64, optional, tag = "1")]
    rooms_max: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    history_retention_s: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    resend_window_s: Option<u64>,
    #[prost(bool, optional, tag = "4")]
    resend_must_be_known: Option<bool>,
    #[prost(uint32, optional, tag = "5")]
    normal_per_s: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    high_per_s: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    high_per_room_s: Option<u32>,
    #[prost(bool, optional, tag = "9")]
    delayed_closing: Option<bool>,
    #[prost(bool, optional, tag = "12")]
    unplaced_get_placed: Option<bool>,
    #[prost(bool, optional, tag = "13")]
    zero_is_no_point: Option<bool>,
    #[prost(uint64, optional, tag = "14")]
    grace_s: Option<u64>,
    #[prost(bool, optional, tag = "15")]
    broadcast_enabled: Option<bool>,
    #[prost(uint64, optional, tag = "16")]
    high_return_s: Option<u64>,
    #[prost(uint32, optional, tag = "17")]
    moves_told_max: Option<u32>,
    #[prost(uint32, optional, tag = "19")]
    moves_told_per_s: Option<u32>,
    #[prost(bool, optional, tag = "18")]
    anonymous_enabled: Option<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyRecord {
    #[prost(string, tag = "1")]
    dialect: String,
    #[prost(string, tag = "2")]
    key: String,
    #[prost(string, tag = "3")]
    secret: String,
    #[prost(string, repeated, tag = "4")]
    operators: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LimitRecord {
    #[prost(string, tag = "1")]
    operation: String,
    /// Absent: unlimited.
    #[prost(message, optional, tag = "2")]
    sliding: Option<SlidingRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SlidingRecord {
    #[prost(uint32, tag = "1")]
    calls: u32,
    #[prost(uint64, tag = "2")]
    window_ms: u64,
    #[prost(uint64, tag = "3")]
    shut_out_ms: u64,
}

impl From<&App> for AppRecord {
    fn from(app: &App) -> Self {
        let App { id, name, token_secret, keys, settings } = app;
        let key = |it: &ApiKey| KeyRecord {
            dialect: it.dialect.clone(),
            key: it.key.clone(),
            secret: it.secret.expose().into(),
            operators: it.operators.iter().map(ToString::to_string).collect(),
        };
        Self {
            id: id.0,
            name: name.clone(),
            token_secret: token_secret.expose().into(),
            keys: keys.iter().map(key).collect(),
            disabled: Some(settings.disabled),
            inbox_retention_s: Some(settings.inbox_retention_s),
            history_retention_s: Some(settings.history_retention_s),
            batch_enabled: Some(settings.batch_enabled),
            broadcast_enabled: Some(settings.broadcast_enabled),
            nonce_once: Some(settings.nonce_once),
            create_unknown_accounts: Some(settings.create_unknown_accounts),
            blocklist_applies: Some(settings.blocklist_applies),
            recall_window_s: Some(settings.recall_window_s),
            unlimited: settings.limits.unlimited,
            limits: settings.limits.own.iter().map(|(operation, limit)| limit_record(*operation, *limit)).collect(),
            devices: Some(settings.devices.name().into()),
            rooms: Some(settings.rooms.into()),
        }
    }
}

impl From<RoomSettings> for RoomSettingsRecord {
    fn from(it: RoomSettings) -> Self {
        Self {
            rooms_max: Some(it.rooms_max),
            history_retention_s: Some(it.history_retention_s),
            resend_window_s: Some(it.resend_window_s),
            resend_must_be_known: Some(it.resend_must_be_known),
            normal_per_s: Some(it.normal_per_s),
            high_per_s: Some(it.high_per_s),
            high_per_room_s: Some(it.high_per_room_s),
            delayed_closing: Some(it.delayed_closing),
            unplaced_get_placed: Some(it.unplaced_get_placed),
            zero_is_no_point: Some(it.zero_is_no_point),
            grace_s: Some(it.grace_s),
            broadcast_enabled: Some(it.broadcast_enabled),
            high_return_s: Some(it.high_return_s),
            moves_told_max: Some(it.moves_told_max),
            moves_told_per_s: Some(it.moves_told_per_s),
            anonymous_enabled: Some(it.anonymous_enabled),
        }
    }
}

impl From<RoomSettingsRecord> for RoomSettings {
    fn from(it: RoomSettingsRecord) -> Self {
        let default = Self::default();
        Self {
            rooms_max: it.rooms_max.unwrap_or(default.rooms_max),
            history_retention_s: it.history_retention_s.unwrap_or(default.history_retention_s),
            resend_window_s: it.resend_window_s.unwrap_or(default.resend_window_s),
            resend_must_be_known: it.resend_must_be_known.unwrap_or(default.resend_must_be_known),
            normal_per_s: it.normal_per_s.unwrap_or(default.normal_per_s),
            high_per_s: it.high_per_s.unwrap_or(default.high_per_s),
            high_per_room_s: it.high_per_room_s.unwrap_or(default.high_per_room_s),
            delayed_closing: it.delayed_closing.unwrap_or(default.delayed_closing),
            unplaced_get_placed: it.unplaced_get_placed.unwrap_or(default.unplaced_get_placed),
            zero_is_no_point: it.zero_is_no_point.unwrap_or(default.zero_is_no_point),
            grace_s: it.grace_s.unwrap_or(default.grace_s),
            broadcast_enabled: it.broadcast_enabled.unwrap_or(default.broadcast_enabled),
            high_return_s: it.high_return_s.unwrap_or(default.high_return_s),
            moves_told_max: it.moves_told_max.unwrap_or(default.moves_told_max),
            moves_told_per_s: it.moves_told_per_s.unwrap_or(default.moves_told_per_s),
            anonymous_enabled: it.anonymous_enabled.unwrap_or(default.anonymous_enabled),
        }
    }
}

fn key(record: KeyRecord) -> Result<ApiKey, StoreError> {
    let KeyRecord { dialect, key, secret, operators } = record;
    let operators = operators.iter().map(|id| AccountId::new(id)).collect::<Result<_, _>>();
    let operators = operators.map_err(|_| wrong("an operator's id"))?;
    Ok(ApiKey { dialect, key, secret: Secret::new(secret), operators })
}

fn limit_record(operation: Operation, limit: Limit) -> LimitRecord {
    let sliding = match limit {
        Limit::Unlimited => None,
        Limit::Sliding { calls, window_ms, shut_out_ms } => Some(SlidingRecord { calls, window_ms, shut_out_ms }),
    };
    LimitRecord { operation: operation.name().into(), sliding }
}

fn policy(name: &str) -> Result<DevicePolicy, StoreError> {
    DevicePolicy::from_name(name).ok_or_else(|| wrong("a device policy"))
}

fn limit(record: LimitRecord) -> Result<(Operation, Limit), StoreError> {
    let operation = Operation::from_name(&record.operation).ok_or_else(|| wrong("an operation"))?;
    let limit = record.sliding.map_or(Limit::Unlimited, |it| Limit::Sliding {
        calls: it.calls,
        window_ms: it.window_ms,
        shut_out_ms: it.shut_out_ms,
    });
    Ok((operation, limit))
}

impl TryFrom<AppRecord> for App {
    type Error = StoreError;

    fn try_from(record: AppRecord) -> Result<Self, StoreError> {
        let default = AppSettings::default();
        let own: BTreeMap<_, _> = record.limits.into_iter().map(limit).collect::<Result<_, _>>()?;
        let settings = AppSettings {
            disabled: record.disabled.unwrap_or(default.disabled),
            limits: Limits { unlimited: record.unlimited, own },
            inbox_retention_s: record.inbox_retention_s.unwrap_or(default.inbox_retention_s),
            history_retention_s: record.history_retention_s.unwrap_or(default.history_retention_s),
            batch_enabled: record.batch_enabled.unwrap_or(default.batch_enabled),
            broadcast_enabled: record.broadcast_enabled.unwrap_or(default.broadcast_enabled),
            nonce_once: record.nonce_once.unwrap_or(default.nonce_once),
            create_unknown_accounts: record.create_unknown_accounts.unwrap_or(default.create_unknown_accounts),
            blocklist_applies: record.blocklist_applies.unwrap_or(default.blocklist_applies),
            recall_window_s: record.recall_window_s.unwrap_or(default.recall_window_s),
            devices: record.devices.map_or(Ok(default.devices), |it| policy(&it))?,
            rooms: record.rooms.unwrap_or_default().into(),
        };
        Ok(Self {
            id: AppId(record.id),
            name: record.name,
            token_secret: Secret::new(record.token_secret),
            keys: record.keys.into_iter().map(key).collect::<Result<_, _>>()?,
            settings,
        })
    }
}
