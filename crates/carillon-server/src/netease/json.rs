//! JSON as backends write it: RFC 8259, and texts in single quotes as well, or with line breaks and tabs as they are.
//!
//! Many Java backends put `{'msg':'…'}` together, around what a user wrote, and the vendor's own Python tool posts `str(dict)`.
//! What is kept and handed out is the JSON that such a text means, because clients and readers of histories parse it strictly.

use std::borrow::Cow;
use std::str::Chars;

use super::error::Problem;

/// As deep as the library reads.
const LEVELS_MAX: usize = 127;

/// The same as strict JSON. What is no JSON for another reason stays none.
pub(super) fn strict(text: &str) -> Cow<'_, str> {
    if !is_lax(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (None, '\'' | '"') => {
                quote = Some(char);
                out.push('"');
            }
            (Some(open), close) if open == close => {
                quote = None;
                out.push('"');
            }
            (Some(_), '"') => out.push_str("\\\""),
            (Some(_), '\n') => out.push_str("\\n"),
            (Some(_), '\r') => out.push_str("\\r"),
            (Some(_), '\t') => out.push_str("\\t"),
            (Some(_), '\\') => push_escape(&mut chars, &mut out),
            (_, char) => out.push(char),
        }
    }
    Cow::Owned(out)
}

/// What follows a backslash: three escapes are Python's only.
fn push_escape(chars: &mut Chars<'_>, out: &mut String) {
    match chars.next() {
        Some('\'') => out.push('\''),
        Some('x') => out.push_str("\\u00"),
        Some('U') => match beyond_u(chars.as_str()) {
            Some((char, rest)) => {
                *chars = rest.chars();
                out.push(char);
            }
            // No escape of JSON's, either.
            None => out.push_str("\\U"),
        },
        other => {
            out.push('\\');
            out.extend(other);
        }
    }
}

/// The character beyond the reach of `\u` whose number begins the text, in eight digits, and what is behind it.
fn beyond_u(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = text.split_at_checked(8)?;
    let is_number = digits.bytes().all(|it| it.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|number| is_number && *number > 0xffff)?;
    Some((char::from_u32(number)?, rest))
}

/// Why a text that was read as [`strict`] is refused: what a reader of JSON refuses that is JSON all the same, or `otherwise`.
pub(super) fn problem(error: &serde_json::Error, otherwise: Problem) -> Problem {
    // The library tells in words alone.
    let words = error.to_string();
    let says = |what| words.starts_with(what);
    if says("recursion limit exceeded") {
        Problem::NestsTooDeep { max: LEVELS_MAX }
    } else if says("number out of range") {
        Problem::NumberOutOfRange
    } else if says("unexpected end of hex escape") || says("lone leading surrogate") {
        Problem::HalfSurrogate
    } else {
        otherwise
    }
}

/// Whether the text is a whole number, of any size.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

/// Whether there is a single quote outside of a text in double quotes, or a break inside of one: no strict JSON has that.
fn is_lax(text: &str) -> bool {
    let (mut is_inside, mut is_escaped) = (false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_inside,
            b'"' => is_inside = !is_inside,
            b'\'' => return !is_inside,
            b'\n' | b'\r' | b'\t' => return is_inside,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn texts_in_single_quotes_get_double_ones_and_breaks_are_escaped() {
        for (given, expected) in [
            ("{'msg': 'hi'}", r#"{"msg": "hi"}"#),
            // As Python writes what has a quote inside.
            (r#"{'msg': "it's"}"#, r#"{"msg": "it's"}"#),
            (r#"{'msg': 'it\'s "x"'}"#, r#"{"msg": "it's \"x\""}"#),
            (r"['\\', '\n', '\x07', '\u4f60']", r#"["\\", "\n", "\u0007", "\u4f60"]"#),
            (r#"['\u200b', '\n\r\t\\', "\""]"#, r#"["\u200b", "\n\r\t\\", "\""]"#),
            // The tags that the flag of England is written with; Python shows none of them as it is.
            (r"{'msg': '🏴\U000e0067\U000E007f!'}", "{\"msg\": \"🏴\u{e0067}\u{e007f}!\"}"),
            ("['你好']", r#"["你好"]"#),
            ("{\n\t'a': 'b\r\nc\td'}", "{\n\t\"a\": \"b\\r\\nc\\td\"}"),
            ("[\"it's\nso\"]", r#"["it's\nso"]"#),
        ] {
            assert_eq!(strict(given), expected);
            serde_json::from_str::<Value>(expected).unwrap();
        }
    }

    #[test]
    fn what_is_no_json_otherwise_stays_none() {
        for bad in [
            "it's",
            "'",
            "{'a':1",
            "{a:'b'}",
            "['a',]",
            "{'a': None}",
            r"['\x0']",
            r"['\U000e006']",
            r"['\U000e00你']",
            r"['\U+00e0067']",
            r"['\U00110000']",
            // What is short enough, Python writes with a small letter.
            r"['\U00000022']",
            "['a\\",
            "'a\"",
            "['\0']",
            "{'a':1}'",
        ] {
            assert!(serde_json::from_str::<Value>(&strict(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_json_but_is_not_read_is_refused_for_what_it_is() {
        let check = |text: &str| problem(&serde_json::from_str::<Value>(text).unwrap_err(), Problem::NotJson);
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(serde_json::from_str::<Value>(&nested(LEVELS_MAX)).is_ok());
        assert_eq!(check(&nested(LEVELS_MAX + 1)), Problem::NestsTooDeep { max: LEVELS_MAX });
        for text in ["1e400", "[-1e400]"] {
            assert_eq!(check(text), Problem::NumberOutOfRange, "{text}");
        }
        for text in [r#""\ud83d""#, r#"{"a":"\ud83dx"}"#, r#""\ud83d\n""#, r#""\ud83d\u0041""#, r#""\ude00""#] {
            assert_eq!(check(text), Problem::HalfSurrogate, "{text}");
        }
        for text in ["", "x", "[1", r#""\u12""#, r#""\ud83d"#, r#""\x""#, "1e", "01"] {
            assert_eq!(check(text), Problem::NotJson, "{text}");
        }
    }

    proptest! {
        #[test]
        fn strict_json_is_not_touched(texts in proptest::collection::vec(r#"['"\\a-c\n]{0,8}"#, 0..4)) {
            let json = Value::from(texts).to_string();
            prop_assert!(matches!(strict(&json), Cow::Borrowed(_)), "{json}");
        }

        #[test]
        fn a_text_in_single_quotes_is_the_same_text(text in r#"['"\\a-c\n]{0,8}"#) {
            let double = Value::from(text.as_str()).to_string();
            let inside = double[1..double.len() - 1].replace('\'', "\\'").replace("\\\"", "\"");
            let read: Value = serde_json::from_str(&strict(&format!("'{inside}'"))).unwrap();
            prop_assert_eq!(read, Value::from(text));
        }
    }
}
