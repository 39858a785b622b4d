//! From a TOML table to the structs, section by section, so that every mistake is reported with its key's path.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Config, ConfigError};

/// A name is suggested when it is at least this much like the unknown one (Jaro-Winkler, 0 to 1).
const LIKENESS_MIN: f64 = 0.75;

pub(super) fn config(mut table: Table) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    section(&mut table, "log", &mut config.log)?;
    section(&mut table, "http", &mut config.http)?;
    section(&mut table, "gateway", &mut config.gateway)?;
    section(&mut table, "store", &mut config.store)?;
    section(&mut table, "netease", &mut config.netease)?;
    section(&mut table, "tencent", &mut config.tencent)?;
    section(&mut table, "shutdown", &mut config.shutdown)?;
    match table.remove("apps") {
        Some(Value::Array(apps)) => {
            for (n, app) in apps.into_iter().enumerate() {
                config.apps.push(value(app, &format!("apps[{n}]"))?);
            }
        }
        Some(_) => {
            let reason = "is a list of tables, each below a line `[[apps]]`".to_owned();
            return Err(ConfigError::BadValue { key: "apps".to_owned(), reason });
        }
        None => {}
    }
    let top: Config = value(Value::Table(table), "")?;
    Ok(Config { data: top.data, listen: top.listen, admin_listen: top.admin_listen, ..config })
}

fn section<T: DeserializeOwned>(table: &mut Table, name: &str, into: &mut T) -> Result<(), ConfigError> {
    if let Some(given) = table.remove(name) {
        *into = value(given, name)?;
    }
    Ok(())
}

fn value<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, ConfigError> {
    // A wrong value's message does not name the key; the first key that fails alone is the one.
    value.clone().try_into::<T>().map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        unknown(&message, path, &value).unwrap_or_else(|| ConfigError::BadValue {
            key: at_fault::<T>(&value, &value, &mut Vec::new(), &message)
                .map_or_else(|| path.to_owned(), |key| join(path, &key)),
            reason: in_words(&without_value(&message)),
        })
    })
}

/// The path, from `whole`, of the innermost key of `table` (which is at `path`) without which there is not the same fault.
fn at_fault<T: DeserializeOwned>(
    whole: &Value,
    table: &Value,
    path: &mut Vec<String>,
    message: &str,
) -> Option<String> {
    for (key, inner) in table.as_table()? {
        path.push(key.clone());
        let rest = without(whole, path).try_into::<T>();
        if rest.map_or_else(|error: toml::de::Error| error.message() != message, |_| true) {
            return at_fault::<T>(whole, inner, path, message).or_else(|| Some(path.join(".")));
        }
        path.pop();
    }
    None
}

fn without(value: &Value, path: &[String]) -> Value {
    let mut value = value.clone();
    let (last, tables) = path.split_last().expect("a key has a name");
    let table = tables.iter().try_fold(&mut value, |table, name| table.get_mut(name.as_str()));
    table.and_then(Value::as_table_mut).map(|table| table.remove(last));
    value
}

/// Reads serde's own words for an unknown field: "unknown field `a`, expected one of `b`, `c`".
fn unknown(message: &str, path: &str, value: &Value) -> Option<ConfigError> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let name = quoted.next()?;
    let path = &holder(value, name, path).unwrap_or_else(|| path.to_owned());
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let nearest = quoted
        .filter(|known| likeness(known) >= LIKENESS_MIN)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .map(|known| join(path, known));
    Some(ConfigError::UnknownKey { key: join(path, name), nearest })
}

/// The path of the table that has this key. Serde names the key alone.
fn holder(value: &Value, key: &str, path: &str) -> Option<String> {
    let table = value.as_table()?;
    if table.contains_key(key) {
        return Some(path.to_owned());
    }
    table.iter().find_map(|(name, inner)| holder(inner, key, &join(path, name)))
}

/// Serde quotes what has the wrong type, numbers between backticks; it may be a secret, also one that is all digits.
fn without_value(message: &str) -> String {
    let is_quoted = |kind: &&str| message.starts_with(*kind);
    if ["invalid type: ", "invalid value: "].iter().any(is_quoted)
        && let Some((from, rest)) = message.split_once('`')
        && !from.contains('"')
        && let Some((_, to)) = rest.split_once('`')
    {
        return format!("{from}…{to}");
    }
    match (message.find('"'), message.rfind('"')) {
        (Some(from), Some(to)) if from < to => format!("{}…{}", &message[..from], &message[to + 1..]),
        _ => message.to_owned(),
    }
}

/// What the libraries say in words of the language that this is written in, in those of whoever sets it.
fn in_words(message: &str) -> String {
    if message == "invalid socket address syntax" {
        return "is no address and port, such as 0.0.0.0:8080; names are not looked up".to_owned();
    }
    let Some((given, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let expected = match expected {
        "a sequence" => "a list, such as [\"a\", \"b\"]",
        "string only" | "path string" => "a text, in quotes",
        "an object" => "a table",
        struct_name if struct_name.starts_with("struct ") => "a table",
        number => match number_max(number) {
            // It is one, and does not fit.
            Some(max) if given.starts_with("invalid value: integer") => {
                return format!("{given}expected a whole number of 0 to {max}");
            }
            Some(_) => "a whole number, without quotes or unit",
            None => return message.to_owned(),
        },
    };
    format!("{given}expected {expected}")
}

/// The largest number of such a type that the file can hold.
fn number_max(name: &str) -> Option<u64> {
    Some(match name {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX.into(),
        "u64" | "usize" => i64::MAX.cast_unsigned(),
        _ => return None,
    })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
