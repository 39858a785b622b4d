//! Form bodies: `application/x-www-form-urlencoded` in UTF-8, read strictly, with the tolerance that backends rely on.
//!
//! An empty field is an absent one, because typed clients send every field that they know; only [`Form::given`] tells them
//! apart. Of a repeated field the first
//! counts. Unknown fields are ignored. A `%` that starts no escape stands for itself.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use carillon_core::AccountId;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;

use super::error::{FieldError, Problem, ReadError};
use super::{accid, json};

/// What the members of an object say, as it is written.
pub(super) type Members<'a> = HashMap<String, &'a RawValue>;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// The form that a body is, of at most `fields_max` fields: so many bound the memory that a body of separators takes.
    pub(super) fn parse(body: &[u8], fields_max: usize) -> Result<Self, ReadError> {
        let mut fields = Vec::new();
        for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == fields_max {
                return Err(ReadError::TooManyFields { max: fields_max });
            }
            let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            fields.push((decode(name)?, decode(value)?));
        }
        Ok(Self { fields })
    }

    /// These members of a JSON object, read like the fields of a form; `null` is an absent one.
    ///
    /// # Errors
    /// A member is an object or an array.
    pub(super) fn of_members(object: &Members<'_>, names: &[&'static str]) -> Result<Self, FieldError> {
        let mut fields = Vec::new();
        for name in names {
            let Some(value) = object.get(*name).map(|it| it.get()).filter(|it| *it != "null") else { continue };
            let refused = |problem| FieldError { field: name, problem };
            let text = match value.as_bytes().first() {
                Some(b'"') => {
                    serde_json::from_str(value).map_err(|it| refused(json::problem(&it, Problem::NotJson)))?
                }
                Some(b'[' | b'{') => return Err(refused(Problem::NotText)),
                // A number as it is written, as long as it may be; or a truth value.
                _ => value.to_owned(),
            };
            fields.push(((*name).to_owned(), text));
        }
        Ok(Self { fields })
    }

    #[cfg(feature = "fuzzing")]
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The field's text, unless it is absent or empty.
    pub(super) fn optional(&self, field: &str) -> Option<&str> {
        let first = self.fields.iter().find(|(name, _)| name == field);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// As [`Form::optional`], of a field that is a number or one of a few words: `null` is no such word, but what callers in
    /// Java make of a value that they do not have.
    pub(super) fn word(&self, field: &str) -> Option<&str> {
        self.optional(field).filter(|text| *text != "null")
    }

    /// The field's text of at most `max` characters, where it is there: empty where it is there and empty.
    pub(super) fn given(&self, field: &'static str, max: usize) -> Result<Option<String>, FieldError> {
        let Some((_, text)) = self.fields.iter().find(|(name, _)| name == field) else { return Ok(None) };
        check_length(field, text, max)?;
        Ok(Some(text.clone()))
    }

    pub(super) fn required(&self, field: &'static str) -> Result<&str, FieldError> {
        self.optional(field).ok_or(FieldError { field, problem: Problem::Empty })
    }

    /// The field's text of at most `max` characters; empty where it is absent.
    pub(super) fn text(&self, field: &'static str, max: usize) -> Result<String, FieldError> {
        let text = self.optional(field).unwrap_or_default();
        check_length(field, text, max)?;
        Ok(text.to_owned())
    }

    /// The account that a required field names.
    pub(super) fn accid(&self, field: &'static str) -> Result<AccountId, FieldError> {
        accid::parse(self.required(field)?).ok_or(FieldError { field, problem: Problem::NotAccid })
    }

    /// A whole number; `None` where the field is absent.
    pub(super) fn number(&self, field: &'static str) -> Result<Option<u64>, FieldError> {
        let Some(text) = self.word(field) else { return Ok(None) };
        let is_whole = || json::is_integer(text);
        text.parse().map(Some).map_err(|_| match is_whole() {
            true => FieldError { field, problem: Problem::NotBetween { min: 0, max: u64::MAX } },
            false => FieldError { field, problem: Problem::NotNumber },
        })
    }

    /// A whole number of the range; `None` where the field is absent.
    pub(super) fn number_between(
        &self,
        field: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, FieldError> {
        let Some(text) = self.word(field) else { return Ok(None) };
        let (min, max) = range.clone().into_inner();
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or(FieldError { field, problem: Problem::NotBetween { min, max } })
    }

    /// A whole number from 1 to `max`; `None` where the field is absent, or 0, which typed callers send where they mean nothing.
    pub(super) fn number_up_to(&self, field: &'static str, max: u64) -> Result<Option<u64>, FieldError> {
        if self.word(field) == Some("0") { Ok(None) } else { self.number_between(field, 1..=max) }
    }

    /// How many are asked for at most, which is required.
    pub(super) fn limit(&self, max: usize) -> Result<usize, FieldError> {
        const FIELD: &str = "limit";
        let max = max as u64;
        let refused = FieldError { field: FIELD, problem: Problem::NotBetween { min: 1, max } };
        let limit = self.number_between(FIELD, 1..=max)?.ok_or(refused)?;
        Ok(usize::try_from(limit).expect("it is at most what is one"))
    }

    /// `None` where the field is absent.
    pub(super) fn boolean(&self, field: &'static str) -> Result<Option<bool>, FieldError> {
        let Some(text) = self.word(field) else { return Ok(None) };
        let value = boolean(text).ok_or(FieldError { field, problem: Problem::NotBoolean })?;
        Ok(Some(value))
    }
}

/// A truth value as backends write it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    if text == "1" || text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text == "0" || text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

pub(super) fn check_length(field: &'static str, text: &str, max: usize) -> Result<(), FieldError> {
    // Bytes are at least characters, so most texts need no counting.
    if text.len() > max && text.chars().count() > max {
        return Err(FieldError { field, problem: Problem::TooLong { max } });
    }
    Ok(())
}

fn decode(raw: &[u8]) -> Result<String, ReadError> {
    let spaced: Vec<u8> = raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let text = percent_decode(&spaced).decode_utf8().map_err(|_| ReadError::NotUtf8)?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS_MAX: usize = 1_000;

    fn form(body: &str) -> Form {
        Form::parse(body.as_bytes(), FIELDS_MAX).unwrap()
    }

    #[test]
    fn an_empty_field_is_absent_and_the_first_of_a_repeated_field_counts() {
        let form = form("a=1&a=2&b=&c&&=x&d=%7B%22k%22%3A+1%7D");
        assert_eq!(form.optional("a"), Some("1"));
        assert_eq!(form.optional("b"), None);
        assert_eq!(form.optional("c"), None);
        assert_eq!(form.optional("d"), Some(r#"{"k": 1}"#));
        assert_eq!(form.required("e"), Err(FieldError { field: "e", problem: Problem::Empty }));
    }

    #[test]
    fn what_is_given_empty_can_be_told_from_what_is_not_given() {
        let form = form("a=x&b=&c&a=y");
        let given = |field| form.given(field, 1);
        assert_eq!(given("a"), Ok(Some("x".into())));
        assert_eq!(given("b"), Ok(Some(String::new())));
        assert_eq!(given("c"), Ok(Some(String::new())));
        assert_eq!(given("d"), Ok(None));
        assert_eq!(form.given("a", 0), Err(FieldError { field: "a", problem: Problem::TooLong { max: 0 } }));
    }

    #[test]
    fn a_percent_sign_that_starts_no_escape_stands_for_itself() {
        assert_eq!(form("a=100%&b=%zz").fields, [("a".into(), "100%".into()), ("b".into(), "%zz".into())]);
    }

    #[test]
    fn what_is_not_utf_8_is_refused_and_not_guessed() {
        assert_eq!(Form::parse(b"a=%ff", FIELDS_MAX), Err(ReadError::NotUtf8));
        assert_eq!(Form::parse(b"a=\xc3", FIELDS_MAX), Err(ReadError::NotUtf8));
        assert_eq!(form("a=%EF%BF%BD").optional("a"), Some("\u{fffd}"));
    }

    #[test]
    fn more_fields_than_a_form_may_have_are_refused() {
        assert!(Form::parse("a&".repeat(7).as_bytes(), 7).is_ok());
        assert_eq!(Form::parse("a&".repeat(8).as_bytes(), 7), Err(ReadError::TooManyFields { max: 7 }));
    }

    #[test]
    fn lengths_are_in_characters() {
        let form = form("a=%E4%BD%A0%E4%BD%A0");
        assert_eq!(form.text("a", 2), Ok("你你".into()));
        assert_eq!(form.text("a", 1), Err(FieldError { field: "a", problem: Problem::TooLong { max: 1 } }));
        assert_eq!(form.text("b", 1), Ok(String::new()));
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        let form = form("a=18446744073709551615&b=-1&c=1.0&d=&e=18446744073709551616&f=-");
        let refused = |field, problem| Err(FieldError { field, problem });
        assert_eq!(form.number("a"), Ok(Some(u64::MAX)));
        for field in ["b", "e"] {
            assert_eq!(form.number(field), refused(field, Problem::NotBetween { min: 0, max: u64::MAX }));
        }
        for field in ["c", "f"] {
            assert_eq!(form.number(field), refused(field, Problem::NotNumber));
        }
        assert_eq!(form.number("d"), Ok(None));
    }

    #[test]
    fn a_number_that_has_a_range_is_refused_with_it_whatever_is_wrong() {
        let form = form("a=-1&b=18446744073709551616&c=x&d=1.0&e=8&f=7&g=1&h=0&limit=");
        let refused = |field, min| Err(FieldError { field, problem: Problem::NotBetween { min, max: 7 } });
        for field in ["a", "b", "c", "d", "e"] {
            assert_eq!(form.number_between(field, 0..=7), refused(field, 0).map(Some));
            assert_eq!(form.number_up_to(field, 7), refused(field, 1).map(Some));
        }
        for (field, number) in [("f", 7), ("g", 1)] {
            assert_eq!(form.number_between(field, 0..=7), Ok(Some(number)));
            assert_eq!(form.number_up_to(field, 7), Ok(Some(number)));
        }
        assert_eq!((form.number_between("h", 0..=7), form.number_up_to("h", 7)), (Ok(Some(0)), Ok(None)));
        assert_eq!((form.number_between("i", 0..=7), form.number_up_to("i", 7)), (Ok(None), Ok(None)));
        assert_eq!(form.limit(7), refused("limit", 1).map(|_: u64| 0));
    }

    #[test]
    fn null_is_nothing_but_where_a_field_is_any_text() {
        let form = form("a=null&b=NULL");
        assert_eq!((form.word("a"), form.word("b"), form.optional("a")), (None, Some("NULL"), Some("null")));
        assert_eq!((form.number("a"), form.boolean("a")), (Ok(None), Ok(None)));
        assert_eq!(form.text("a", 9), Ok("null".into()));
    }

    #[test]
    fn truth_is_true_or_one_in_any_case() {
        let form = form("a=TRUE&b=0&c=yes&d=");
        assert_eq!(form.boolean("a"), Ok(Some(true)));
        assert_eq!(form.boolean("b"), Ok(Some(false)));
        assert_eq!(form.boolean("c"), Err(FieldError { field: "c", problem: Problem::NotBoolean }));
        assert_eq!(form.boolean("d"), Ok(None));
    }

    #[test]
    fn members_of_an_object_are_read_like_fields() {
        let object =
            r#"{"a": "\u0078", "b": 18446744073709551616, "c": true, "d": null, "e": -1.5, "f": [1], "g": {}}"#;
        let object: Members<'_> = serde_json::from_str(object).unwrap();
        let form = Form::of_members(&object, &["a", "b", "c", "d", "e", "h"]).unwrap();
        let text = |field| form.optional(field);
        assert_eq!([text("a"), text("c"), text("e")], [Some("x"), Some("true"), Some("-1.5")]);
        assert_eq!(text("b"), Some("18446744073709551616"));
        assert_eq!((text("d"), text("h"), text("f")), (None, None, None));
        for field in ["f", "g"] {
            let refused = FieldError { field, problem: Problem::NotText };
            assert_eq!(Form::of_members(&object, &["a", field]), Err(refused));
        }
    }

    proptest! {
        /// The other reader puts U+FFFD where we refuse.
        #[test]
        fn any_bytes_are_refused_or_read_as_another_reader_reads_them(
            body in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(b"ab&&==%%+4eEfF2".to_vec())], 0..200),
        ) {
            let expected: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
            match Form::parse(&body, FIELDS_MAX) {
                Ok(form) => prop_assert_eq!(form.fields, expected),
                Err(error) => {
                    prop_assert_eq!(error, ReadError::NotUtf8);
                    let is_guess = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
                    prop_assert!(expected.iter().any(|(name, value)| is_guess(name) || is_guess(value)));
                }
            }
        }

        #[test]
        fn of_repeated_fields_the_first_counts(values in proptest::collection::vec("[a-c]{0,2}", 1..6), others in 0..4_usize) {
            let pairs = values.iter().flat_map(|value| std::iter::repeat_n(("x", "1"), others).chain([("a", value.as_str())]));
            let form = form(&form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
            prop_assert_eq!(form.given("a", 2), Ok(Some(values[0].clone())));
            prop_assert_eq!(form.optional("a").unwrap_or_default(), &values[0]);
        }

        #[test]
        fn a_text_passes_as_long_as_it_has_no_more_characters_than_its_limit(text in ".{0,12}", max in 0..12_usize) {
            let body = form_urlencoded::Serializer::new(String::new()).append_pair("a", &text).finish();
            let fits = text.chars().count() <= max;
            prop_assert_eq!(form(&body).text("a", max).is_ok(), fits);
            prop_assert_eq!(form(&body).given("a", max).is_ok(), fits);
        }

        #[test]
        fn fields_count_up_to_the_limit_however_they_are_separated(extra in 0..3_usize, separators in 1..4_usize) {
            let body = format!("a=1{}", "&".repeat(separators)).repeat(FIELDS_MAX - 1 + extra);
            prop_assert_eq!(Form::parse(body.as_bytes(), FIELDS_MAX).is_ok(), extra <= 1);
        }

        #[test]
        fn what_a_form_encoder_wrote_is_read_back(fields in proptest::collection::vec((".+", ".*"), 0..8)) {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            prop_assert_eq!(form(&body).fields, fields);
        }
    }
}
