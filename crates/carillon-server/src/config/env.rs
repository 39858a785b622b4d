//! The environment over the file: `CARILLON__LISTEN`, `CARILLON__HTTP__CONNECTIONS_MAX` and so on. Apps come from the file only.

use std::ffi::OsStr;

use toml::{Table, Value};

use super::ConfigError;

const PREFIX: &str = "CARILLON__";

pub(super) fn apply<K, V>(table: &mut Table, vars: impl IntoIterator<Item = (K, V)>) -> Result<(), ConfigError>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    for (name, given) in vars {
        let Some(name) = name.as_ref().to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let bad = |reason: &str| ConfigError::BadVariable { name: name.to_owned(), reason: reason.to_owned() };
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

/// Says so of a mistake that one of the variables made.
pub(super) fn blame<'a>(mut names: impl Iterator<Item = &'a OsStr>, error: ConfigError) -> ConfigError {
    let variable = error.key().map(|key| format!("{PREFIX}{}", key.replace('.', "__")));
    let is_it = |name: &&str| variable.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(name));
    match names.find_map(|name| name.to_str().filter(is_it)) {
        Some(name) => ConfigError::FromVariable { name: name.to_owned(), error: Box::new(error) },
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
