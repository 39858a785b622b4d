//! The field `option`: how the copies of a message are to be treated, as a JSON object of booleans.

use carillon_core::model::CopyOptions;
use serde_json::Value;

use super::error::{FieldError, Problem};
use super::{form, json};

const FIELD: &str = "option";

/// The options that `text` asks for. What is absent or `null` has its default, which is true; unknown keys are ignored.
pub(super) fn parse(text: Option<&str>) -> Result<CopyOptions, FieldError> {
    let mut options = CopyOptions::default();
    read(text, keys(&mut options))?;
    Ok(options)
}

/// As [`parse`], of a notice: it is no part of a conversation, takes only three of the keys, and its push notification does
/// not name its sender unless asked to.
pub(super) fn parse_notice(text: Option<&str>) -> Result<CopyOptions, FieldError> {
    let mut options = CopyOptions {
        history: false,
        sender_sync: false,
        session_update: false,
        push_nick: false,
        ..CopyOptions::default()
    };
    let CopyOptions { badge, push_nick, route, .. } = &mut options;
    read(text, [("badge", badge), ("needPushNick", push_nick), ("route", route)])?;
    Ok(options)
}

/// Sets those of the options that `text` names.
fn read<const N: usize>(text: Option<&str>, keys: [(&'static str, &mut bool); N]) -> Result<(), FieldError> {
    let Some(text) = text else { return Ok(()) };
    let problem = |problem| FieldError { field: FIELD, problem };
    let given: Value =
        serde_json::from_str(&json::strict(text)).map_err(|it| problem(json::problem(&it, Problem::NotJson)))?;
    // As typed callers write an object that they do not have.
    if given.is_null() {
        return Ok(());
    }
    let given = given.as_object().ok_or(problem(Problem::NotObject))?;
    for (name, value) in keys {
        match given.get(name) {
            None | Some(Value::Null) => {}
            Some(it) => *value = boolean(it).ok_or(problem(Problem::MemberNotBoolean(name)))?,
        }
    }
    Ok(())
}

/// The vendor's name of each option.
fn keys(options: &mut CopyOptions) -> [(&'static str, &mut bool); 9] {
    let CopyOptions { persistent, roam, history, sender_sync, push, push_nick, route, badge, session_update } = options;
    [
        ("persistent", persistent),
        ("roam", roam),
        ("history", history),
        ("sendersync", sender_sync),
        ("push", push),
        ("needPushNick", push_nick),
        ("route", route),
        ("badge", badge),
        ("sessionUpdate", session_update),
    ]
}

/// Backends that build JSON from texts write `"true"` or `1`; both are taken.
fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(it) => Some(*it),
        Value::String(text) => form::boolean(text),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(_) | None => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> CopyOptions {
        parse(Some(text)).unwrap()
    }

    #[test]
    fn all_are_true_unless_said_otherwise() {
        assert_eq!(parse(None), Ok(CopyOptions::default()));
        assert_eq!(ok("{}"), CopyOptions::default());
        assert_eq!(ok(r#"{"optionKey":"optionValue","push":null}"#), CopyOptions::default());
    }

    #[test]
    fn each_key_switches_its_own_option() {
        let default = CopyOptions::default;
        let check = |key: &str, expected: CopyOptions| {
            for no in ["false", r#""false""#, r#""0""#, "0"] {
                assert_eq!(ok(&format!(r#"{{"{key}":{no}}}"#)), expected, "{key}");
            }
            assert_eq!(ok(&format!(r#"{{"{key}":true}}"#)), default(), "{key}");
        };
        check("persistent", CopyOptions { persistent: false, ..default() });
        check("roam", CopyOptions { roam: false, ..default() });
        check("history", CopyOptions { history: false, ..default() });
        check("sendersync", CopyOptions { sender_sync: false, ..default() });
        check("push", CopyOptions { push: false, ..default() });
        check("needPushNick", CopyOptions { push_nick: false, ..default() });
        check("route", CopyOptions { route: false, ..default() });
        check("badge", CopyOptions { badge: false, ..default() });
        check("sessionUpdate", CopyOptions { session_update: false, ..default() });
    }

    /// In every way to write them, so that no option hangs on another one.
    #[test]
    fn all_512_combinations_are_read_however_they_are_written() {
        let ways = |on| if on { ["true", r#""TRUE""#, "1", "null"] } else { ["false", r#""0""#, "0", r#""false""#] };
        for bits in 0..512_u32 {
            let mut expected = CopyOptions::default();
            let mut members = Vec::new();
            for (n, (name, value)) in (0..).zip(keys(&mut expected)) {
                *value = bits & (1 << n) == 0;
                let way = (bits as usize / 3 + n) % 4;
                members.push(format!(r#""{name}":{}"#, ways(*value)[way]));
            }
            let text = format!("{{{}}}", members.join(", "));
            assert_eq!(ok(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_notice_takes_three_of_the_keys() {
        let ok = |text: &str| parse_notice(Some(text)).unwrap();
        let usual = CopyOptions { history: false, sender_sync: false, session_update: false, ..CopyOptions::default() };
        let usual = CopyOptions { push_nick: false, ..usual };
        assert_eq!(parse_notice(None), Ok(usual));
        assert_eq!(ok(r#"{"push":false,"history":true,"persistent":false,"roam":7}"#), usual);
        let all = CopyOptions { push_nick: true, badge: false, route: false, ..usual };
        assert_eq!(ok(r#"{"needPushNick":true,"badge":false,"route":"0"}"#), all);
    }

    #[test]
    fn what_is_no_object_of_booleans_is_refused() {
        let check = |text| parse(Some(text)).unwrap_err().problem;
        assert_eq!(check("x"), Problem::NotJson);
        assert_eq!(check("[]"), Problem::NotObject);
        assert_eq!(check("true"), Problem::NotObject);
        assert_eq!(check(r#"{"push":2}"#), Problem::MemberNotBoolean("push"));
        assert_eq!(check(r#"{"roam":"no"}"#), Problem::MemberNotBoolean("roam"));
        assert_eq!(check(r#"{"roam":[]}"#), Problem::MemberNotBoolean("roam"));
    }
}
