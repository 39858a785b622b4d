//! Accounts' names as this vendor has them: at most 32 letters, digits and `_ @ . -`, without regard to case.

use carillon_core::AccountId;
use serde_json::Value;

use super::error::{FieldError, Problem};

/// The account that `text` names, in lower case, or `None` where no account can have that name.
pub(crate) fn parse(text: &str) -> Option<AccountId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'.' | b'-');
    if !text.bytes().all(allowed) {
        return None;
    }
    AccountId::new(&text.to_ascii_lowercase()).ok()
}

/// The names in a JSON array that is not empty, repeats included; they need not be accounts' names. Integers are taken for
/// their digits; other numbers have no one way to write them.
pub(super) fn array(field: &'static str, text: &str) -> Result<Vec<String>, FieldError> {
    let malformed = FieldError { field, problem: Problem::NotAccids };
    let values: Vec<Value> = serde_json::from_str(text).map_err(|_| malformed)?;
    if values.is_empty() {
        return Err(FieldError { field, problem: Problem::Empty });
    }
    let name = |value| match value {
        Value::String(name) => Ok(name),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(malformed),
    };
    values.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_cased_and_hold_nothing_but_letters_digits_and_four_signs() {
        let check = |text: &str| parse(text).map(|id| id.to_string());
        assert_eq!(check("Ann_1@x.y-Z"), Some("ann_1@x.y-z".into()));
        assert_eq!(check(&"a".repeat(32)), Some("a".repeat(32)));
        for bad in ["", "a b", "a/b", "ä", "a\0", &"a".repeat(33)] {
            assert_eq!(check(bad), None, "{bad:?}");
        }
    }
}
