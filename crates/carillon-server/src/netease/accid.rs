//! Accounts' names as this vendor has them: at most 32 letters, digits and `_ @ . -`, without regard to case.

use std::fmt;

use carillon_core::AccountId;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{FieldError, Problem};
use super::json;

/// The account that `text` names, in lower case, or `None` where no account can have that name.
pub(crate) fn parse(text: &str) -> Option<AccountId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'.' | b'-');
    if !text.bytes().all(allowed) {
        return None;
    }
    AccountId::new(&text.to_ascii_lowercase()).ok()
}

/// The names in a JSON array that is not empty, repeats included; they need not be accounts' names. `None` where there are
/// more than `max`: those are not kept, nor looked at more closely than that they are JSON.
pub(super) fn array(field: &'static str, text: &str, max: usize) -> Result<Option<Vec<String>>, FieldError> {
    let malformed = |it| FieldError { field, problem: json::problem(&it, Problem::NotAccids) };
    let text = json::strict(text);
    let mut parser = serde_json::Deserializer::from_str(&text);
    let names = parser.deserialize_seq(Names { max }).map_err(malformed)?;
    parser.end().map_err(malformed)?;
    if names.as_ref().is_some_and(Vec::is_empty) {
        return Err(FieldError { field, problem: Problem::Empty });
    }
    Ok(names)
}

/// Reads an array of at most `max` names.
struct Names {
    max: usize,
}

impl<'de> Visitor<'de> for Names {
    type Value = Option<Vec<String>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while names.len() < self.max {
            let Some(item) = items.next_element::<&RawValue>()? else { return Ok(Some(names)) };
            names.push(name(item.get()).map_err(A::Error::custom)?);
        }
        if items.next_element::<IgnoredAny>()?.is_none() {
            return Ok(Some(names));
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Integers are taken for their digits, however many; other numbers have no one way to write them.
fn name(json: &str) -> Result<String, serde_json::Error> {
    if json::is_integer(json) { Ok(json.to_owned()) } else { serde_json::from_str(json) }
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

    #[test]
    fn an_array_holds_texts_and_integers_and_nothing_else() {
        let check = |text| array("accids", text, 3);
        let refused = |problem| Err(FieldError { field: "accids", problem });
        assert_eq!(check("[18446744073709551616]"), Ok(Some(vec!["18446744073709551616".to_owned()])));
        let names = ["ann".to_owned(), "7".to_owned(), "-7".to_owned()];
        assert_eq!(check(r#" ["ann", 7, -7] "#), Ok(Some(names.to_vec())));
        assert_eq!(check("[]"), refused(Problem::Empty));
        for bad in ["", "{}", "7", "[", "[1]x", "[1.5]", "[1e3]", "[null]", "[true]", "[[1]]", "[{}]", "[1,]"] {
            assert_eq!(check(bad), refused(Problem::NotAccids), "{bad}");
        }
    }

    #[test]
    fn names_beyond_the_limit_are_not_kept_nor_looked_at() {
        let check = |text| array("accids", text, 2);
        assert_eq!(check("[1,2]").map(|names| names.map(|it| it.len())), Ok(Some(2)));
        assert_eq!(check("[1,2,3]"), Ok(None));
        assert_eq!(check(r#"[1,2,3,{"no":["name"]}]"#), Ok(None));
        let malformed = Err(FieldError { field: "accids", problem: Problem::NotAccids });
        assert_eq!(check("[1,2,3,]"), malformed, "it must be JSON all the same");
        assert_eq!(check("[1,2,3"), malformed);
        assert_eq!(check("[null,2,3]"), malformed);
    }
}
