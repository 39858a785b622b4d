//! The grammar of tag expressions:
//!
//! ```text
//! any     = all { "or" all }
//! all     = operand { "and" operand }
//! operand = "(" any ")" | atom
//! atom    = a JSON object with "tag" and, optionally, "matchType": "regex"
//! ```
//!
//! Parentheses nest as deep as the text is long, so the caller bounds its length.

use std::fmt;
use std::str::Chars;

use super::expression::Node;
use super::pattern::{Pattern, PatternError};

/// Where a text ceases to be a tag expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {character}: expected {expected}")]
pub struct Malformed {
    /// Counted from 1. One more than the text has, if it ends too early.
    pub character: usize,
    pub expected: Expected,
}

/// What should have been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The text's end: it is too long.
    EndOfText,
    /// A tag in braces, or an opening parenthesis.
    Operand,
    /// `and`, `or`, or the end.
    Joint,
    /// `and`, `or`, or a closing parenthesis.
    JointOrClose,
    /// A member's name that a tag in braces has, and that was not there before.
    Key,
    Colon,
    CommaOrBrace,
    /// The name `tag`: without it there is nothing to match.
    Tag,
    /// A JSON string.
    String,
    /// A character that may stand in a JSON string, or the string's end.
    StringCharacter,
    /// What JSON allows after a backslash.
    Escape,
    /// The one way to match that has a name.
    MatchType,
    Regex,
    /// A regular expression that takes less memory.
    SmallerRegex,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndOfText => "the end, at the latest",
            Self::Operand => "'{' or '('",
            Self::Joint => "'and', 'or' or the end",
            Self::JointOrClose => "'and', 'or' or ')'",
            Self::Key => "\"tag\" or \"matchType\", each once",
            Self::Colon => "':'",
            Self::CommaOrBrace => "',' or '}'",
            Self::Tag => "\"tag\" before this",
            Self::String => "a JSON string",
            Self::StringCharacter => "a character of a JSON string, or '\"'",
            Self::Escape => "a JSON escape",
            Self::MatchType => "\"regex\"",
            Self::Regex => "a regular expression",
            Self::SmallerRegex => "a smaller regular expression",
        })
    }
}

pub(super) fn parse(text: &str) -> Result<Node, Malformed> {
    let mut parser = Parser { rest: text.chars(), at: 1 };
    let node = parser.any()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.expected(Expected::Joint)),
    }
}

struct Parser<'a> {
    rest: Chars<'a>,
    /// The place of the next character, from 1.
    at: usize,
}

/// A string of the text, with the place of its first quote.
struct Quoted {
    at: usize,
    text: String,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Node, Malformed> {
        let mut nodes = vec![self.all()?];
        while self.takes("or") {
            nodes.push(self.all()?);
        }
        Ok(Node::any(nodes))
    }

    fn all(&mut self) -> Result<Node, Malformed> {
        let mut nodes = vec![self.operand()?];
        while self.takes("and") {
            nodes.push(self.operand()?);
        }
        Ok(Node::all(nodes))
    }

    fn operand(&mut self) -> Result<Node, Malformed> {
        if self.takes("(") {
            let node = self.any()?;
            return if self.takes(")") { Ok(node) } else { Err(self.expected(Expected::JointOrClose)) };
        }
        if self.takes("{") { self.atom() } else { Err(self.expected(Expected::Operand)) }
    }

    /// The rest of a tag in braces.
    fn atom(&mut self) -> Result<Node, Malformed> {
        let (mut tag, mut is_regex) = (None, false);
        loop {
            let key = self.quoted(Expected::Key)?;
            let is_new = match key.text.as_str() {
                "tag" => tag.is_none(),
                "matchType" => !is_regex,
                _ => false,
            };
            if !is_new {
                return Err(Malformed { character: key.at, expected: Expected::Key });
            }
            self.take(":", Expected::Colon)?;
            let value = self.quoted(Expected::String)?;
            if key.text == "tag" {
                tag = Some(value);
            } else if value.text == "regex" {
                is_regex = true;
            } else {
                return Err(Malformed { character: value.at, expected: Expected::MatchType });
            }
            if !self.takes(",") {
                break;
            }
        }
        let end = self.expected(Expected::Tag);
        self.take("}", Expected::CommaOrBrace)?;
        let tag = tag.ok_or(end)?;
        if !is_regex {
            return Ok(Node::Tag(tag.text.into()));
        }
        let pattern = Pattern::new(&tag.text).map_err(|error| {
            let expected = match error {
                PatternError::Syntax => Expected::Regex,
                PatternError::TooBig => Expected::SmallerRegex,
            };
            Malformed { character: tag.at, expected }
        })?;
        Ok(Node::Matches(pattern))
    }

    fn quoted(&mut self, expected: Expected) -> Result<Quoted, Malformed> {
        self.skip_blanks();
        let at = self.at;
        self.take("\"", expected)?;
        let mut text = String::new();
        loop {
            let unexpected = Malformed { character: self.at, expected: Expected::StringCharacter };
            match self.next().ok_or(unexpected)? {
                '"' => return Ok(Quoted { at, text }),
                '\\' => text.push(self.escape(unexpected.character)?),
                '\0'..='\u{1f}' => return Err(unexpected),
                other => text.push(other),
            }
        }
    }

    /// The character that an escape stands for, whose backslash was at `character`.
    fn escape(&mut self, character: usize) -> Result<char, Malformed> {
        let wrong = Malformed { character, expected: Expected::Escape };
        Ok(match self.next().ok_or(wrong)? {
            plain @ ('"' | '\\' | '/') => plain,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.hex().ok_or(wrong)?;
                let mut units = vec![first];
                if (0xd800..0xdc00).contains(&first) {
                    let second = (self.next() == Some('\\') && self.next() == Some('u')).then(|| self.hex()).flatten();
                    units.push(second.ok_or(wrong)?);
                }
                let mut decoded = char::decode_utf16(units);
                match (decoded.next(), decoded.next()) {
                    (Some(Ok(character)), None) => character,
                    _ => return Err(wrong),
                }
            }
            _ => return Err(wrong),
        })
    }

    /// Four hexadecimal digits.
    fn hex(&mut self) -> Option<u16> {
        (0..4).try_fold(0, |value, _| Some(value << 4 | u16::try_from(self.next()?.to_digit(16)?).ok()?))
    }

    fn take(&mut self, token: &str, expected: Expected) -> Result<(), Malformed> {
        if self.takes(token) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// Whether `token` comes next, blanks apart; if so, it is taken.
    fn takes(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let is_next = self.rest.as_str().starts_with(token);
        if is_next {
            for _ in token.chars() {
                self.next();
            }
        }
        is_next
    }

    fn skip_blanks(&mut self) {
        while let Some(' ' | '\t' | '\n' | '\r') = self.rest.clone().next() {
            self.next();
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.at += 1;
        Some(next)
    }

    fn expected(&mut self, expected: Expected) -> Malformed {
        self.skip_blanks();
        Malformed { character: self.at, expected }
    }
}
