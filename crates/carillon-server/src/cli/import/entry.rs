//! What a line says of an account: the backend's names of fields in, an entry of the native API's batch out.
//!
//! Only what the server could not tell is judged here: which field is meant, and whether its value is a text.

use serde_json::{Map, Value};

/// Longest entry, in bytes of JSON. Whatever is longer breaks a limit.
const BYTES_MAX: usize = 32_768;

/// A field of an account. Its name is the one of the vendor's call, because that is what backends have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Accid,
    Text(&'static str),
    Gender,
    /// The vendor's call takes it, and nothing keeps it.
    Ignored,
}

/// An account as a line wants it.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) account: String,
    /// As the native API takes it.
    pub(super) body: Value,
    /// The length of the body.
    pub(super) bytes: usize,
}

/// The names that [`Field::named`] knows.
pub(super) const FIELDS: &str = "accid, token, name, icon, sign, email, birth, mobile, gender, ex, props and bid";

impl Field {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "accid" => Self::Accid,
            "token" => Self::Text("token"),
            "name" => Self::Text("name"),
            "icon" => Self::Text("icon"),
            "sign" => Self::Text("sign"),
            "email" => Self::Text("email"),
            "birth" => Self::Text("birth"),
            "mobile" => Self::Text("mobile"),
            "gender" => Self::Gender,
            "ex" => Self::Text("ex"),
            "props" | "bid" => Self::Ignored,
            _ => return None,
        })
    }
}

impl Entry {
    /// The entry that these fields make. An empty text is as good as none.
    pub(super) fn of(fields: impl IntoIterator<Item = (Field, String)>) -> Result<Self, String> {
        let mut body = Map::new();
        for (field, text) in fields {
            if text.is_empty() {
                continue;
            }
            let (key, value) = match field {
                Field::Accid => ("account", text.into()),
                Field::Text(key) => (key, text.into()),
                Field::Gender => ("gender", gender(&text)?.into()),
                Field::Ignored => continue,
            };
            body.insert(key.to_owned(), value);
        }
        let Some(account) = body.get("account").and_then(Value::as_str).map(str::to_owned) else {
            return Err("accid is empty".to_owned());
        };
        let body = Value::Object(body);
        let bytes = body.to_string().len();
        if bytes > BYTES_MAX {
            return Err("it holds more than an account can".to_owned());
        }
        Ok(Self { account, body, bytes })
    }
}

fn gender(text: &str) -> Result<u8, String> {
    match text {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err("gender is not one of 0 1 2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(fields: &[(&str, &str)]) -> Result<Value, String> {
        Entry::of(fields.iter().map(|(name, value)| (Field::named(name).unwrap(), (*value).to_owned())))
            .map(|it| it.body)
    }

    #[test]
    fn every_field_of_the_vendors_call_is_known_and_what_nothing_keeps_is_dropped() {
        let names = FIELDS.replace(" and", ",");
        let fields: Vec<(&str, &str)> =
            names.split(", ").map(|name| (name, if name == "gender" { "2" } else { name })).collect();
        let body = json!({
            "account": "accid", "token": "token", "name": "name", "icon": "icon", "sign": "sign", "email": "email",
            "birth": "birth", "mobile": "mobile", "gender": 2, "ex": "ex",
        });
        assert_eq!(entry(&fields), Ok(body));
        assert_eq!(Field::named("nick"), None);
    }

    #[test]
    fn an_empty_field_is_an_absent_one() {
        assert_eq!(entry(&[("accid", "ann"), ("name", ""), ("gender", "")]), Ok(json!({ "account": "ann" })));
        assert_eq!(entry(&[("accid", ""), ("name", "Ann")]), Err("accid is empty".to_owned()));
    }

    #[test]
    fn what_no_account_can_hold_is_refused_before_it_is_sent() {
        assert_eq!(entry(&[("accid", "a"), ("gender", "f")]), Err("gender is not one of 0 1 2".to_owned()));
        let long = "x".repeat(BYTES_MAX);
        assert_eq!(entry(&[("accid", "a"), ("ex", &long)]), Err("it holds more than an account can".to_owned()));
        // All texts at their limits, of characters that are longest in JSON.
        let limits =
            [("token", 128), ("name", 64), ("icon", 1_024), ("sign", 256), ("email", 64), ("birth", 16), ("ex", 1_024)];
        let texts = limits.map(|(name, chars)| (name, "\u{1}".repeat(chars)));
        let mut fields: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        fields.push(("accid", "a"));
        assert!(entry(&fields).is_ok());
    }
}
