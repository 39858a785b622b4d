//! The environment over the file: `CARILLON__LISTEN`, `CARILLON__HTTP__CONNECTIONS_MAX` and so on. Apps come from the file only.

use std::ffi::OsStr;

use toml::{Table, Value};

use super::{Config, ConfigError};

const PREFIX: &str = "CARILLON__";

pub(super) fn apply<K, V>(table: &mut Table, vars: impl IntoIterator<Item = (K, V)>) -> Result<(), ConfigError>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    for (name, given) in vars {
        let Some(name) = name.as_ref().to_str() else { continue };
        let bad = |reason: &str| ConfigError::BadVariable { name: name.to_owned(), reason: reason.to_owned() };
        if let Some(meant) = meant(name) {
            return Err(bad(&format!("is not read; write {meant}")));
        }
        if !name.starts_with(PREFIX) {
            continue;
        }
        let given = given.as_ref().to_str().ok_or_else(|| bad("is not UTF-8"))?;
        let path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
        match path.as_slice() {
            [key] if key != "apps" => {
                table.insert(key.clone(), value(given));
            }
            [section, key] if section != "apps" => {
                let inner = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
                let inner = inner.as_table_mut().ok_or_else(|| bad("names a section that the file sets to a value"))?;
                inner.insert(key.clone(), value(given));
            }
            _ => return Err(bad("names no setting; it is CARILLON__KEY or CARILLON__SECTION__KEY")),
        }
    }
    Ok(())
}

/// The variable of a setting that is written like this, but for underscores of which one is missing. Others that begin like it are
/// let pass: schedulers of containers make some of the name of a service.
fn meant(name: &str) -> Option<String> {
    let given = name.strip_prefix("CARILLON_").filter(|_| !name.starts_with(PREFIX))?;
    // A key without a value is in no table.
    let all = Config { admin_listen: Some(Config::default().listen), ..Config::default() };
    let table = Table::try_from(all).ok()?;
    let mut variables =
        table.iter().filter(|(key, _)| *key != "apps").flat_map(|(key, value)| match value.as_table() {
            Some(section) => section.keys().map(|inner| format!("{key}__{inner}")).collect(),
            None => vec![key.clone()],
        });
    let meant = variables.find(|it| it.replace("__", "_").eq_ignore_ascii_case(&given.replace("__", "_")))?;
    Some(format!("{PREFIX}{}", meant.to_ascii_uppercase()))
}

/// Says so of the mistakes that the variables made.
pub(super) fn blame(names: impl IntoIterator<Item = impl AsRef<OsStr>>, error: ConfigError) -> ConfigError {
    let names: Vec<String> = names.into_iter().filter_map(|name| Some(name.as_ref().to_str()?.to_owned())).collect();
    let variable = |key: &str| {
        let variable = format!("{PREFIX}{}", key.replace('.', "__"));
        names.iter().find(|name| variable.eq_ignore_ascii_case(name))
    };
    if let ConfigError::Invalid(problems) = error {
        // Each begins with its key.
        let named = |problem: String| match problem.split('`').nth(1).and_then(variable) {
            Some(name) => format!("{problem}; the environment variable {name} sets it"),
            None => problem,
        };
        return ConfigError::Invalid(problems.into_iter().map(named).collect());
    }
    match error.key().and_then(variable) {
        Some(name) => ConfigError::FromVariable { name: name.clone(), error: Box::new(error) },
        None => error,
    }
}

/// Numbers, booleans and lists are written as in the file; everything else is a string, with or without quotes.
fn value(given: &str) -> Value {
    let as_toml = format!("it = {given}").parse::<Table>().ok().and_then(|mut table| table.remove("it"));
    match as_toml {
        Some(value @ (Value::Integer(_) | Value::Boolean(_) | Value::Array(_) | Value::String(_))) => value,
        Some(Value::Float(_) | Value::Datetime(_) | Value::Table(_)) | None => Value::String(given.to_owned()),
    }
}
