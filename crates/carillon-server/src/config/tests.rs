//! What is read, what is refused and in which words; and that the documents say the same.

use carillon_core::model::{AppSettings, DevicePolicy, Operation, RoomSettings};

use super::*;

const NONE: [(&str, &str); 0] = [];

fn check_refused(text: &str, vars: &[(&str, &str)], expect: &str) {
    let read = Config::parse(text, vars.iter().copied()).and_then(|config| config.validate());
    assert_eq!(read.unwrap_err().to_string(), expect, "{text}");
}

#[test]
fn unknown_keys_are_refused_with_their_path_and_the_nearest_known_name() {
    check_refused("listn = 1", &[], "unknown key `listn`; did you mean `listen`?");
    check_refused("[http]\nbody_max = 1", &[], "unknown key `http.body_max`; did you mean `http.body_bytes_max`?");
    check_refused("[[apps]]\nnme = \"x\"", &[], "unknown key `apps[0].nme`; did you mean `apps[0].name`?");
    check_refused("zzz = 1", &[], "unknown key `zzz`");
    check_refused(
        "",
        &[("CARILLON__LOG__LEVL", "info")],
        "unknown key `log.levl`; did you mean `log.level`?; the environment variable CARILLON__LOG__LEVL sets it",
    );
    check_refused(
        "[[apps]]\nnetease = { app_key = \"k\", app_secrt = \"s\" }",
        &[],
        "unknown key `apps[0].netease.app_secrt`; did you mean `apps[0].netease.app_secret`?",
    );
    check_refused("[[apps]]\n[apps.rooms]\nzzz = 1", &[], "unknown key `apps[0].rooms.zzz`");
    check_refused("[htpt]\nbody_max = 1", &[], "unknown key `htpt`; did you mean `http`?");
}

#[test]
fn wrong_values_are_refused_with_their_key_and_never_quoted() {
    check_refused(
        "[http]\nconnections_max = \"s3cret\"",
        &[],
        "`http.connections_max`: invalid type: string …, expected a whole number, without quotes or unit",
    );
    check_refused(
        "[[apps]]\nnetease = { app_key = \"k\", app_secret = 77777 }",
        &[],
        "`apps[0].netease.app_secret`: invalid type: integer …, expected a string",
    );
    check_refused(
        "[http]\nconnections_max = 'a`b`c'",
        &[],
        "`http.connections_max`: invalid type: string …, expected a whole number, without quotes or unit",
    );
    check_refused(
        "[store]\nreserve_bytes = -1",
        &[],
        "`store.reserve_bytes`: invalid value: integer …, expected a whole number of 0 to 9223372036854775807",
    );
    check_refused(
        "",
        &[("CARILLON__GATEWAY__ORIGINS", "https://a.example")],
        "`gateway.origins`: invalid type: string …, expected a list, such as [\"a\", \"b\"]; the environment variable \
         CARILLON__GATEWAY__ORIGINS sets it",
    );
    check_refused(
        "[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"::/0\"]",
        &[],
        "`http.trusted_proxies`: has all addresses, and whoever calls could choose the address that they are counted as; list \
         the proxies",
    );
    check_refused(
        "listen = \"localhost:8080\"",
        &[],
        "`listen`: is no address and port, such as 0.0.0.0:8080; names are not looked up",
    );
    check_refused(
        "[[apps]]\nlimits = \"none\"",
        &[],
        "`apps[0].limits`: is neither `unlimited` nor a table of operations, each `unlimited` or { calls, window_s, shut_out_s }",
    );
    check_refused(
        "[http]\ntrusted_proxies = [\"x\"]",
        &[],
        "`http.trusted_proxies`: is neither an address nor a network such as 10.0.0.0/8",
    );
    check_refused("[log", &[], "line 1, column 5: unclosed table, expected `]`");
    check_refused(
        "",
        &[("CARILLON__A__B__C", "1")],
        "the environment variable CARILLON__A__B__C names no setting; it is CARILLON__KEY or CARILLON__SECTION__KEY",
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let operations = Operation::ALL.map(Operation::name).join(", ");
    check_refused(
        "data = \"\"\n[log]\nlevel = \"loud=x\"\n[[apps]]\nname = \"a/b\"\ntoken_secret = \"short\"\nlimits = { fly = \"unlimited\" }",
        &[],
        &format!(
            "`data`: names no directory\n\
             `log.level`: is no level; use error, warn, info, debug or trace\n\
             `apps[0].name`: must be 1 to 64 letters, digits, `-`, `_` and `.`, and start with a letter or digit\n\
             `apps[0].token_secret`: must be at least 32 bytes long\n\
             `apps[0].limits`: `fly` is no operation; there are {operations}"
        ),
    );
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "listen = \"127.0.0.1:1\"\n[http]\nheaders_max = 5";
    let vars = [
        ("CARILLON__LISTEN", "127.0.0.1:2"),
        ("CARILLON__HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        // As a scheduler of containers makes them for a service of this name.
        ("CARILLON_PORT", "tcp://10.0.0.1:8080"),
        ("CARILLON_SERVICE_HOST", "10.0.0.1"),
    ];
    let config = Config::parse(text, vars).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.http.headers_max, 5);
    assert_eq!(config.http.trusted_proxies, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn a_variable_that_lacks_an_underscore_is_refused_with_the_name_that_was_meant() {
    for (name, meant) in [
        ("CARILLON_LISTEN", "CARILLON__LISTEN"),
        ("CARILLON_ADMIN_LISTEN", "CARILLON__ADMIN_LISTEN"),
        ("CARILLON_HTTP_CONNECTIONS_MAX", "CARILLON__HTTP__CONNECTIONS_MAX"),
        ("CARILLON_http__connections_max", "CARILLON__HTTP__CONNECTIONS_MAX"),
    ] {
        check_refused("", &[(name, "1")], &format!("the environment variable {name} is not read; write {meant}"));
    }
}

#[test]
fn numbers_that_nothing_can_run_with_are_refused() {
    check_refused("[gateway]\nshard_reads_max = 0", &[], "`gateway.shard_reads_max`: must not be 0");
    check_refused("[store]\njournal_bytes_max = 1", &[], "`store.journal_bytes_max`: must be at least 67108864");
    let long = "[netease]\nclock_window_s = 9223372036854775807";
    let short =
        "[[apps]]\nname = \"a\"\ntoken_secret = \"0123456789abcdef0123456789abcdef\"\nrooms.resend_window_s = 599";
    check_refused(short, &[], "`apps[0].rooms.resend_window_s`: must be at least 600");
    let away = short.replace("resend_window_s = 599", "high_return_s = 601");
    check_refused(&away, &[], "`apps[0].rooms.high_return_s`: must be at most 600");
    for (key, value) in [("normal_per_s", 2_001), ("high_per_s", 65_556)] {
        let flow = short.replace("resend_window_s = 599", &format!("{key} = {value}"));
        let reason = format!("`apps[0].rooms.{key}`: must be at most 2000; 0 means any number");
        check_refused(&flow, &[], &reason);
    }
    check_refused(long, &[], "`netease.clock_window_s`: must be at most 31622400");
    for key in ["gateway]\nshards", "store]\nreader_threads", "store]\nengine_threads"] {
        let reason = format!("`{}`: must be at most 1024", key.replace("]\n", "."));
        check_refused(&format!("[{key} = 100000"), &[], &reason);
    }
    for (key, max) in [
        ("http]\nconnections_max", 10_000_000),
        ("http]\nheaders_max", 10_000),
        ("gateway]\nshard_reads_max", 1_000_000),
        ("store]\nwrite_queue_max", 1_000_000),
        ("store]\nread_queue_max", 1_000_000),
    ] {
        let reason = format!("`{}`: must be at most {max}", key.replace("]\n", "."));
        check_refused(&format!("[{key} = {}", i64::MAX), &[], &reason);
    }
    let endless = short.replace(
        "rooms.resend_window_s = 599",
        "inbox_retention_days = 0\nlimits.mute_room = { calls = 1, window_s = 0, shut_out_s = 1 }",
    );
    let reason = "`apps[0].inbox_retention_days`: must not be 0\n`apps[0].limits`: `mute_room` has a window_s of 0";
    check_refused(&endless, &[], reason);
}

#[test]
fn a_word_that_is_no_level_is_not_taken_for_a_module_of_which_alone_is_logged() {
    let reason = "`log.level`: is no level; use error, warn, info, debug or trace";
    for level in ["inof", "loud", "info,carillon_store", ""] {
        check_refused(&format!("[log]\nlevel = \"{level}\""), &[], reason);
    }
    for level in ["WARN", "info, carillon_store=debug", "carillon_store=trace", "off"] {
        let config = Config::parse(&format!("[log]\nlevel = \"{level}\""), NONE).unwrap();
        assert!(config.validate().is_ok(), "{level}");
    }
}

#[test]
fn addresses_that_nobody_could_connect_to_or_from_are_refused() {
    for url in ["nonsense", "chat.example.com:443", "https://chat.example.com/", "ws:///connection"] {
        let reason = "`gateway.url`: is no address such as wss://chat.example.com/connection/websocket";
        check_refused(&format!("[gateway]\nurl = \"{url}\""), &[], reason);
    }
    for origin in [
        "shop.example.com",
        "https://shop.example.com/",
        "https://*.example.com",
        "https://shop.example.com:443",
        "http://[::1]:80",
        "https://b\u{fc}cher.example",
        "https://me@shop.example.com",
        "",
    ] {
        let reason = "`gateway.origins[1]`: is no origin as browsers send it, such as https://shop.example.com, without a path, a \
                      slash at its end or the scheme's usual port; * stands for all";
        check_refused(&format!("[gateway]\norigins = [\"*\", \"{origin}\"]"), &[], reason);
    }
    let origins = r#"["http://[::1]:3000", "http://a:443", "capacitor://localhost", "file://"]"#;
    let fine = format!("[gateway]\nurl = \"wss://chat.example.com\"\norigins = {origins}");
    assert!(Config::parse(&fine, NONE).unwrap().validate().is_ok());
}

#[test]
fn a_file_without_keys_means_the_defaults() {
    let config = Config::parse("", NONE).unwrap();
    assert_eq!(config, Config::default());
    assert!(config.validate().is_ok());
}

#[test]
fn the_reference_parses_back_to_the_defaults_and_names_every_key() {
    assert_eq!(Config::parse(&reference(), NONE).unwrap(), Config::default());
    let given: toml::Table = reference().parse().unwrap();
    let known = toml::Table::try_from(Config::default()).unwrap();
    for (name, section) in &known {
        let Some(section) = section.as_table() else { continue };
        for key in section.keys() {
            assert!(given[name].as_table().unwrap().contains_key(key), "{name}.{key} is not in reference.toml");
        }
    }
}

#[test]
fn the_app_in_the_reference_has_the_defaults_and_names_every_key() {
    let text: String = reference()
        .lines()
        .skip_while(|line| *line != "# [[apps]]")
        .filter_map(|line| line.strip_prefix("# "))
        .map(|line| line.replace("\"…\"", "\"0123456789abcdef0123456789abcdef\"") + "\n")
        .collect();
    let config = Config::parse(&text, NONE).unwrap();
    assert!(config.validate().is_ok());
    let mut settings = config.apps[0].settings().unwrap();
    for (operation, limit) in std::mem::take(&mut settings.limits.own) {
        assert_eq!(limit, carillon_core::model::Limits::default_of(operation));
    }
    assert_eq!(settings, AppSettings::default());
    let AppConfig {
        name: _,
        token_secret: _,
        netease: Some(_),
        tencent: Some(_),
        limits: Some(_),
        inbox_retention_days: Some(_),
        history_retention_days: Some(_),
        batch_enabled: Some(_),
        broadcast_enabled: Some(_),
        nonce_once: Some(_),
        create_unknown_accounts: Some(_),
        recall_window_s: Some(_),
        blocklist_applies: Some(_),
        devices: Some(_),
        rooms: Some(rooms),
        disabled: Some(_),
    } = &config.apps[0]
    else {
        panic!("a key of [[apps]] is not in reference.toml")
    };
    let all = toml::Table::try_from(rooms).unwrap();
    let known = format!("{:?}", RoomsConfig::default()).matches(": None").count();
    assert_eq!(all.len(), known, "a key of [apps.rooms] is not in reference.toml");
}

#[test]
fn settings_that_are_not_given_stay() {
    let usual = AppSettings { nonce_once: true, devices: DevicePolicy::OnePerPlatform, ..AppSettings::default() };
    assert_eq!(AppConfig::default().settings_over(usual.clone()), Ok(usual.clone()));
    let change = AppConfig { devices: Some(DevicesConfig::One), disabled: Some(true), ..AppConfig::default() };
    let changed = AppSettings { devices: DevicePolicy::One, disabled: true, ..usual.clone() };
    assert_eq!(change.settings_over(usual.clone()), Ok(changed));
    let rooms = RoomsConfig { grace_s: Some(99), ..RoomsConfig::default() };
    let change = AppConfig { rooms: Some(rooms), ..AppConfig::default() };
    let rooms = RoomSettings { grace_s: 99, ..usual.rooms };
    assert_eq!(change.settings_over(usual.clone()), Ok(AppSettings { rooms, ..usual }));
}

#[test]
fn docs_show_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let expect = format!(
        "# Configuration\n\n`carillon serve --config carillon.toml` reads this file. Generated: change \
         `crates/carillon-server/src/config/reference.toml`\nand run `UPDATE_DOCS=1 cargo test -p carillon-server docs`.\n\n\
         ```toml\n{}```\n",
        reference()
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expect).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), expect);
}

#[test]
fn wrong_values_within_tables_are_refused_with_the_innermost_key() {
    check_refused("gateway = 5", &[], "`gateway`: invalid type: integer …, expected a table");
    check_refused("[[apps]]\nrooms = 5", &[], "`apps[0].rooms`: invalid type: integer …, expected a table");
    check_refused(
        "[[apps]]\nrooms = { grace_s = 1, normal_per_s = 5000000000 }",
        &[],
        "`apps[0].rooms.normal_per_s`: invalid value: integer …, expected a whole number of 0 to 4294967295",
    );
    check_refused(
        "[[apps]]\nnetease = { app_secret = 99 }",
        &[],
        "`apps[0].netease.app_secret`: invalid type: integer …, expected a string",
    );
    check_refused("log.format = 5", &[], "`log.format`: invalid type: unit variant, expected a text, in quotes");
    check_refused(
        "[[apps]]\ntoken_secret = 12345678901234567890123456789012",
        &[],
        "line 2, column 16: the number is too large; a text has quotes",
    );
}

#[test]
fn a_variable_is_named_also_where_its_value_is_of_the_right_type() {
    let config = Config::parse("", [("CARILLON__GATEWAY__SHARDS", "100000")]).unwrap();
    let error = env::blame(["CARILLON__GATEWAY__SHARDS"], config.validate().unwrap_err());
    let expect = "`gateway.shards`: must be at most 1024; the environment variable CARILLON__GATEWAY__SHARDS sets it";
    assert_eq!(error.to_string(), expect);
}
