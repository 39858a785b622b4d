//! What the types cannot say about a configuration. All problems are reported at once, each with its key.

use std::collections::HashSet;

use carillon_core::AccountId;
use carillon_core::model::Operation;
use http::Uri;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{AppConfig, Config, ConfigError, LimitsConfig, Network, TencentKeyConfig, rooms_problem};

/// Longer times are mistakes, and would overflow sums.
const YEAR_S: u64 = 366 * 86_400;

/// More threads are mistakes: no machine has as many cores, and where the system gives no more the process would die half
/// started.
const THREADS_MAX: u64 = 1_024;
/// More is a mistake, and would take the memory for as many places, or more than the system's counters hold.
const PLACES_MAX: u64 = 1_000_000;
const CONNECTIONS_MAX: u64 = 10_000_000;
/// The table of a request's headers holds no more.
const HEADERS_MAX: u64 = 10_000;
/// Callers wait for as long.
const GROUP_EVERY_US_MAX: u64 = 100_000;

/// A JWT's key must be at least as long as its hash (RFC 7518, section 3.2).
pub(crate) const TOKEN_SECRET_BYTES_MIN: usize = 32;

impl Config {
    /// # Errors
    /// [`ConfigError::Invalid`] with every problem.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        if self.data.as_os_str().is_empty() {
            problems.push("`data`: names no directory".to_owned());
        }
        if self.admin_listen == Some(self.listen) && self.listen.port() != 0 {
            problems.push("`admin_listen`: is the same address as `listen`".to_owned());
        }
        if !is_log_level(&self.log.level) {
            problems.push("`log.level`: is no level; use error, warn, info, debug or trace".to_owned());
        }
        if self.http.trusted_proxies.iter().any(Network::is_everywhere) {
            let why = "has all addresses, and whoever calls could choose the address that they are counted as; list the proxies";
            problems.push(format!("`http.trusted_proxies`: {why}"));
        }
        self.check_not_zero(&mut problems);
        self.check_minima(&mut problems);
        self.check_maxima(&mut problems);
        self.check_gateway_addresses(&mut problems);
        self.check_apps(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::Invalid(problems)) }
    }

    fn check_not_zero(&self, problems: &mut Vec<String>) {
        for (key, is_zero) in [
            ("http.headers_max", self.http.headers_max == 0),
            ("http.head_timeout_s", self.http.head_timeout_s == 0),
            ("http.write_timeout_s", self.http.write_timeout_s == 0),
            ("http.body_bytes_max", self.http.body_bytes_max == 0),
            ("http.body_timeout_s", self.http.body_timeout_s == 0),
            ("http.connections_per_address_max", self.http.connections_per_address_max == 0),
            ("http.connections_max", self.http.connections_max == 0),
            ("netease.body_bytes_max", self.netease.body_bytes_max == 0),
            ("netease.body_timeout_s", self.netease.body_timeout_s == 0),
            ("netease.clock_window_s", self.netease.clock_window_s == 0),
            ("netease.form_fields_max", self.netease.form_fields_max == 0),
            ("netease.requests_running_max", self.netease.requests_running_max == 0),
            ("tencent.body_bytes_max", self.tencent.body_bytes_max == 0),
            ("tencent.body_timeout_s", self.tencent.body_timeout_s == 0),
            ("tencent.calls_per_s", self.tencent.calls_per_s == 0),
            ("tencent.account_calls_per_s", self.tencent.account_calls_per_s == 0),
            ("tencent.failed_signatures_per_minute_max", self.tencent.failed_signatures_per_minute_max == 0),
            ("tencent.failed_signatures_max", self.tencent.failed_signatures_max == 0),
            ("store.write_queue_max", self.store.write_queue_max == 0),
            ("store.group_writes_max", self.store.group_writes_max == 0),
            ("store.group_bytes_max", self.store.group_bytes_max == 0),
            ("store.reader_threads", self.store.reader_threads == 0),
            ("store.read_queue_max", self.store.read_queue_max == 0),
            ("store.facts_cache_accounts", self.store.facts_cache_accounts == 0),
            ("store.heads_cache_accounts", self.store.heads_cache_accounts == 0),
            ("store.conversations_cache", self.store.conversations_cache == 0),
            ("store.engine_threads", self.store.engine_threads == 0),
            ("store.rooms_cache", self.store.rooms_cache == 0),
            ("store.senders_cache", self.store.senders_cache == 0),
            ("store.broadcasts_kept_max", self.store.broadcasts_kept_max == 0),
            ("store.trim_interval_s", self.store.trim_interval_s == 0),
            ("store.trim_records_max", self.store.trim_records_max == 0),
            ("gateway.ping_interval_ms", self.gateway.ping_interval_ms == 0),
            ("gateway.login_timeout_ms", self.gateway.login_timeout_ms == 0),
            ("gateway.frame_bytes_max", self.gateway.frame_bytes_max == 0),
            ("gateway.commands_per_frame_max", self.gateway.commands_per_frame_max == 0),
            ("gateway.commands_running_max", self.gateway.commands_running_max == 0),
            ("gateway.asked_accounts_max", self.gateway.asked_accounts_max == 0),
            ("gateway.message_chars_max", self.gateway.message_chars_max == 0),
            ("gateway.send_queue_bytes_max", self.gateway.send_queue_bytes_max == 0),
            ("gateway.shard_queue_len_max", self.gateway.shard_queue_len_max == 0),
            ("gateway.record_queue_len_max", self.gateway.record_queue_len_max == 0),
            ("gateway.shard_reads_max", self.gateway.shard_reads_max == 0),
            ("gateway.page_entries", self.gateway.page_entries == 0),
            ("gateway.failed_logins_max", self.gateway.failed_logins_max == 0),
            ("gateway.connections_max", self.gateway.connections_max == 0),
            ("shutdown.deadline_s", self.shutdown.deadline_s == 0),
        ] {
            if is_zero {
                problems.push(format!("`{key}`: must not be 0"));
            }
        }
    }

    fn check_minima(&self, problems: &mut Vec<String>) {
        for (key, value, min) in [
            ("http.head_bytes_max", self.http.head_bytes_max as u64, 8_192),
            ("store.memtable_bytes", self.store.memtable_bytes, 1 << 20),
            ("store.journal_bytes_max", self.store.journal_bytes_max, 64 << 20),
            ("store.open_files_max", self.store.open_files_max as u64, 10),
        ] {
            if value < min {
                problems.push(format!("`{key}`: must be at least {min}"));
            }
        }
    }

    fn check_maxima(&self, problems: &mut Vec<String>) {
        let (http, gateway, netease) = (&self.http, &self.gateway, &self.netease);
        for (key, value, max) in [
            ("gateway.shards", gateway.shards as u64, THREADS_MAX),
            ("store.reader_threads", self.store.reader_threads as u64, THREADS_MAX),
            ("store.engine_threads", self.store.engine_threads as u64, THREADS_MAX),
            ("store.group_every_us", self.store.group_every_us, GROUP_EVERY_US_MAX),
            ("http.connections_max", http.connections_max as u64, CONNECTIONS_MAX),
            ("http.headers_max", http.headers_max as u64, HEADERS_MAX),
            ("gateway.shard_reads_max", gateway.shard_reads_max as u64, PLACES_MAX),
            ("store.write_queue_max", self.store.write_queue_max as u64, PLACES_MAX),
            ("store.read_queue_max", self.store.read_queue_max as u64, PLACES_MAX),
            ("http.head_timeout_s", http.head_timeout_s, YEAR_S),
            ("http.write_timeout_s", http.write_timeout_s, YEAR_S),
            ("http.body_timeout_s", http.body_timeout_s, YEAR_S),
            ("gateway.ping_interval_ms", gateway.ping_interval_ms, YEAR_S * 1_000),
            ("gateway.pong_timeout_ms", gateway.pong_timeout_ms, YEAR_S * 1_000),
            ("gateway.login_timeout_ms", gateway.login_timeout_ms, YEAR_S * 1_000),
            ("gateway.expiry_grace_ms", gateway.expiry_grace_ms, YEAR_S * 1_000),
            ("gateway.close_timeout_ms", gateway.close_timeout_ms, YEAR_S * 1_000),
            ("netease.body_timeout_s", netease.body_timeout_s, YEAR_S),
            ("netease.clock_window_s", netease.clock_window_s, YEAR_S),
            ("netease.request_memory_s", netease.request_memory_s, YEAR_S),
            ("netease.request_wait_s", netease.request_wait_s, YEAR_S),
            ("tencent.body_timeout_s", self.tencent.body_timeout_s, YEAR_S),
            ("store.trim_interval_s", self.store.trim_interval_s, YEAR_S),
            ("shutdown.deadline_s", self.shutdown.deadline_s, YEAR_S),
            ("shutdown.notice_s", self.shutdown.notice_s, YEAR_S),
        ] {
            if value > max {
                problems.push(format!("`{key}`: must be at most {max}"));
            }
        }
    }

    fn check_gateway_addresses(&self, problems: &mut Vec<String>) {
        if !self.gateway.url.is_empty() && !is_websocket(&self.gateway.url) {
            problems
                .push("`gateway.url`: is no address such as wss://chat.example.com/connection/websocket".to_owned());
        }
        for (n, origin) in self.gateway.origins.iter().enumerate() {
            if !is_origin(origin) {
                problems.push(format!(
                    "`gateway.origins[{n}]`: is no origin as browsers send it, such as https://shop.example.com, without a path, \
                     a slash at its end or the scheme's usual port; * stands for all"
                ));
            }
        }
    }

    fn check_apps(&self, problems: &mut Vec<String>) {
        let mut names = HashSet::new();
        let (mut keys, mut sdk_app_ids) = (HashSet::new(), HashSet::new());
        for (n, app) in self.apps.iter().enumerate() {
            problems.extend(app_problems(app).into_iter().map(|(key, reason)| format!("`apps[{n}].{key}`: {reason}")));
            if !names.insert(&app.name) {
                problems.push(format!("`apps[{n}].name`: is another app's, too"));
            }
            if let Some(netease) = &app.netease
                && !keys.insert(&netease.app_key)
            {
                problems.push(format!("`apps[{n}].netease.app_key`: is another app's, too"));
            }
            if let Some(tencent) = &app.tencent
                && !sdk_app_ids.insert(tencent.sdk_app_id)
            {
                problems.push(format!("`apps[{n}].tencent.sdk_app_id`: is another app's, too"));
            }
        }
    }
}

/// Key and reason of everything that is wrong with an app.
pub(crate) fn app_problems(app: &AppConfig) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    if let Err(reason) = check_app_name(&app.name) {
        problems.push(("name", reason.to_owned()));
    }
    if app.token_secret.len() < TOKEN_SECRET_BYTES_MIN {
        problems.push(("token_secret", format!("must be at least {TOKEN_SECRET_BYTES_MIN} bytes long")));
    }
    if let Some(netease) = &app.netease {
        if !is_word(&netease.app_key, 128) {
            problems.push(("netease.app_key", "must be 1 to 128 bytes of printable ASCII, without spaces".to_owned()));
        }
        if netease.app_secret.is_empty() {
            problems.push(("netease.app_secret", "must not be empty".to_owned()));
        }
    }
    if let Some(tencent) = &app.tencent {
        problems.extend(tencent_problems(tencent));
    }
    problems.extend(settings_problems(app));
    problems
}

/// Key and reason of each problem of what can be changed of an app.
pub(crate) fn settings_problems(app: &AppConfig) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    let rooms_days = app.rooms.as_ref().and_then(|it| it.history_retention_days);
    for (key, days) in [
        ("inbox_retention_days", app.inbox_retention_days),
        ("history_retention_days", app.history_retention_days),
        ("rooms.history_retention_days", rooms_days),
    ] {
        // It would mean to keep nothing, and looks as if it meant to keep all.
        if days == Some(0) {
            problems.push((key, "must not be 0".to_owned()));
        }
    }
    problems.extend(rooms_problem(app.rooms.as_ref()));
    if let Err(name) = app.settings() {
        let known: Vec<&str> = Operation::ALL.into_iter().map(Operation::name).collect();
        problems.push(("limits", format!("`{name}` is no operation; there are {}", known.join(", "))));
    }
    let endless = app.limits.as_ref().and_then(LimitsConfig::without_window);
    problems.extend(endless.map(|name| ("limits", format!("`{name}` has a window_s of 0"))));
    problems
}

fn tencent_problems(tencent: &TencentKeyConfig) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    if !(1..1 << 53).contains(&tencent.sdk_app_id) {
        problems.push(("tencent.sdk_app_id", "must be 1 to 9007199254740991".to_owned()));
    }
    if tencent.secret_key.is_empty() {
        problems.push(("tencent.secret_key", "must not be empty".to_owned()));
    }
    if tencent.admins.is_empty() {
        problems.push(("tencent.admins", "must name at least one account".to_owned()));
    }
    for admin in &tencent.admins {
        if let Err(error) = AccountId::new(admin) {
            problems.push(("tencent.admins", format!("`{admin}` cannot be an account: it {error}")));
        }
    }
    problems
}

/// An app's name is part of paths, file names and tokens.
fn check_app_name(name: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !starts_well || name.len() > 64 || !name.bytes().all(is_plain) {
        return Err("must be 1 to 64 letters, digits, `-`, `_` and `.`, and start with a letter or digit");
    }
    Ok(())
}

/// Whether it is what the log can be set to. A lone word is a level: the library takes any other one for a module, and would then
/// log nothing of all the rest.
fn is_log_level(text: &str) -> bool {
    // Nothing at all is a level to the library.
    let is_level = |part: &str| part.contains('=') || (!part.is_empty() && part.trim().parse::<LevelFilter>().is_ok());
    text.parse::<Targets>().is_ok() && text.split(',').all(is_level)
}

fn is_websocket(url: &str) -> bool {
    let url: Option<Uri> = url.parse().ok();
    url.is_some_and(|it| matches!(it.scheme_str(), Some("ws" | "wss")) && it.host().is_some())
}

/// Apps that show pages of their own have schemes of their own, too, and some send no host. Browsers leave a scheme's usual port
/// out, and send hosts in ASCII (RFC 6454, section 6.2).
fn is_origin(text: &str) -> bool {
    let is_host = |host: &str| host.is_ascii() && !host.contains(|it: char| it.is_whitespace() || "/?#*@".contains(it));
    let has_usual_port = |scheme: &str, host: &str| {
        let port = host.rsplit_once(':').map(|(_, port)| port);
        scheme.eq_ignore_ascii_case("https") && port == Some("443")
            || scheme.eq_ignore_ascii_case("http") && port == Some("80")
    };
    text == "*"
        || text == "null"
        || text
            .split_once("://")
            .is_some_and(|(scheme, host)| !scheme.is_empty() && is_host(host) && !has_usual_port(scheme, host))
}

fn is_word(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic())
}
