//! Members of a JSON body, read strictly: a number is no text, and a text is no number. A member that is null is not given.

use carillon_core::AccountId;
use serde_json::{Map, Value};

use super::error::{FieldError, Problem};

/// An object. Readers are told the vendor's code for what is wrong with the member.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The member, if it is given.
    pub(super) fn get(self, field: &'static str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn text(self, field: &'static str, code: u32) -> Result<Option<&'a str>, FieldError> {
        self.read(field, code, Problem::NotText, Value::as_str)
    }

    /// A text of at most so many bytes.
    pub(super) fn short_text(
        self,
        field: &'static str,
        code: u32,
        bytes_max: usize,
        too_long: u32,
    ) -> Result<Option<&'a str>, FieldError> {
        let text = self.text(field, code)?;
        if text.is_some_and(|it| it.len() > bytes_max) {
            return Err(FieldError { code: too_long, field, problem: Problem::TooLong { bytes_max } });
        }
        Ok(text)
    }

    pub(super) fn number(self, field: &'static str, code: u32) -> Result<Option<u32>, FieldError> {
        let number = |value: &Value| value.as_u64().and_then(|it| u32::try_from(it).ok());
        self.read(field, code, Problem::NotU32, number)
    }

    pub(super) fn array(self, field: &'static str, code: u32) -> Result<Option<&'a [Value]>, FieldError> {
        self.read(field, code, Problem::NotArray, |value| value.as_array().map(Vec::as_slice))
    }

    /// An array of 1 to `max` elements.
    pub(super) fn full_array(
        self,
        field: &'static str,
        code: u32,
        max: usize,
        too_many: u32,
    ) -> Result<&'a [Value], FieldError> {
        let array = self.array(field, code)?.ok_or(FieldError { code, field, problem: Problem::Missing })?;
        if array.is_empty() {
            return Err(FieldError { code, field, problem: Problem::Empty });
        }
        if array.len() > max {
            return Err(FieldError { code: too_many, field, problem: Problem::TooMany { max } });
        }
        Ok(array)
    }

    /// The account that a member names, which need not exist.
    pub(super) fn account(self, field: &'static str, code: u32) -> Result<AccountId, FieldError> {
        let value = self.get(field).ok_or(FieldError { code, field, problem: Problem::Missing })?;
        account(value, field, code)
    }

    /// A list of texts.
    pub(super) fn texts(self, field: &'static str, code: u32) -> Result<Option<Vec<&'a str>>, FieldError> {
        let array = self.array(field, code)?;
        array.map(|array| texts(array, field, code)).transpose()
    }

    fn read<T>(
        self,
        field: &'static str,
        code: u32,
        problem: Problem,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, FieldError> {
        self.get(field).map(|value| read(value).ok_or(FieldError { code, field, problem })).transpose()
    }
}

/// The elements of a list, which must be texts.
pub(super) fn texts<'a>(array: &'a [Value], field: &'static str, code: u32) -> Result<Vec<&'a str>, FieldError> {
    let not_text = FieldError { code, field, problem: Problem::ElementNotText };
    array.iter().map(|it| it.as_str().ok_or(not_text)).collect()
}

/// A number, or a text of its digits, as typed callers write what their vendor's library takes for a text.
pub(super) fn number_or_digits(value: &Value) -> Option<u32> {
    let Some(text) = value.as_str() else { return value.as_u64().and_then(|it| u32::try_from(it).ok()) };
    // A sign is no digit.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// An element of a list, which must be an object.
pub(super) fn object<'a>(value: &'a Value, field: &'static str, code: u32) -> Result<Fields<'a>, FieldError> {
    value.as_object().map(Fields).ok_or(FieldError { code, field, problem: Problem::ElementNotObject })
}

/// The account that a value names. Names keep their case.
pub(super) fn account(value: &Value, field: &'static str, code: u32) -> Result<AccountId, FieldError> {
    let not_text = FieldError { code, field, problem: Problem::NotText };
    let text = value.as_str().ok_or(not_text)?;
    AccountId::new(text).map_err(|_| FieldError { code, field, problem: Problem::NotAccount })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with<T>(value: Value, read: impl FnOnce(Fields<'_>) -> T) -> T {
        let members = json!({ "a": value });
        read(Fields(members.as_object().unwrap()))
    }

    #[test]
    fn a_number_is_an_unsigned_integer_of_32_bits_and_nothing_else() {
        let number = |value| with(value, |it| it.number("a", 7));
        assert_eq!(number(json!(0)), Ok(Some(0)));
        assert_eq!(number(json!(u32::MAX)), Ok(Some(u32::MAX)));
        assert_eq!(number(json!(null)), Ok(None));
        for bad in [json!(-1), json!(1.0), json!(1.5), json!(4_294_967_296_u64), json!("1"), json!(true), json!([1])] {
            assert_eq!(number(bad.clone()), Err(FieldError { code: 7, field: "a", problem: Problem::NotU32 }), "{bad}");
        }
    }

    #[test]
    fn where_a_text_is_taken_for_a_number_it_is_of_digits_only() {
        for (value, expected) in
            [(json!(7), Some(7)), (json!("7"), Some(7)), (json!("07"), Some(7)), (json!("4294967295"), Some(u32::MAX))]
        {
            assert_eq!(number_or_digits(&value), expected, "{value}");
        }
        for bad in [json!(""), json!("+7"), json!("-7"), json!("7.0"), json!("4294967296"), json!(7.0), json!(true)] {
            assert_eq!(number_or_digits(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_is_a_text_and_its_bound_is_in_bytes() {
        let text = |value| with(value, |it| it.short_text("a", 7, 4, 8).map(|it| it.map(str::to_owned)));
        assert_eq!(text(json!("äö")), Ok(Some("äö".into())));
        assert_eq!(
            text(json!("äöü")),
            Err(FieldError { code: 8, field: "a", problem: Problem::TooLong { bytes_max: 4 } })
        );
        assert_eq!(text(json!(5)), Err(FieldError { code: 7, field: "a", problem: Problem::NotText }));
        assert_eq!(with(json!(null), |it| it.text("b", 7).map(|it| it.is_none())), Ok(true));
    }

    #[test]
    fn an_account_is_a_text_of_which_one_can_be_made() {
        let code = |value| with(value, |it| it.account("a", 7).map_err(|it| it.code));
        assert_eq!(code(json!("Ann")).map(|it| it.to_string()), Ok("Ann".into()));
        assert_eq!(code(json!(5)), Err(7));
        assert_eq!(code(json!("a b")), Err(7));
        assert_eq!(code(json!("")), Err(7));
        assert_eq!(code(json!(null)), Err(7));
    }
}
