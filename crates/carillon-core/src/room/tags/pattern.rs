//! Regular expressions of tag expressions: linear in the tag's length, and bounded in memory.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// A regular expression that a whole tag must match.
///
/// Whether a part of the tag is enough, no page of those who invented the expressions says. Their examples are `abc.*` for
/// "tags with abc" and `.*` for "every tag": the `.*` would be idle if a part was enough, and in Java, which they publish
/// examples in, the plain way to match is to match the whole. Who means a part writes `.*abc.*`.
#[derive(Clone)]
pub(super) struct Pattern {
    source: Box<str>,
    regex: Regex,
}

/// Why a text is no [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatternError {
    Syntax,
    TooBig,
}

impl Pattern {
    /// Bytes of a compiled pattern, so that a short text cannot ask for megabytes (`\w{900}`), or for a long time at each
    /// tag. Enough for a handful of `\w` with all of Unicode; a `{1,32}` behind one is idle, for no tag is longer.
    const SIZE_MAX: usize = 256 << 10;

    /// Bytes of what matching remembers; when it is full, matching forgets it and goes on.
    const CACHE_MAX: usize = 256 << 10;

    pub(super) fn new(source: &str) -> Result<Self, PatternError> {
        // The source must be a pattern by itself: `a)|(b` would become one between the anchors' parentheses.
        Self::compile(source)?;
        let regex = Self::compile(&format!(r"\A(?:{source})\z"))?;
        Ok(Self { source: source.into(), regex })
    }

    fn compile(source: &str) -> Result<Regex, PatternError> {
        let built = RegexBuilder::new(source).size_limit(Self::SIZE_MAX).dfa_size_limit(Self::CACHE_MAX).build();
        built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooBig,
            // The enum may grow, by its own word.
            regex::Error::Syntax(_) | _ => PatternError::Syntax,
        })
    }

    pub(super) fn matches(&self, tag: &str) -> bool {
        self.regex.is_match(tag)
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_tags() {
        let table = [
            ("abc.*", "abc", true),
            ("abc.*", "abcd", true),
            ("abc.*", "xabc", false),
            ("abc", "abcd", false),
            (".*abc.*", "xabcd", true),
            (".*", "什么", true),
            ("..", "什么", true),
            // The longer alternative counts, though the shorter one comes first.
            ("a|ab", "ab", true),
            ("a|b", "ab", false),
            ("^abc$", "abc", true),
            // A line's end is no tag's end.
            ("(?m)a$", "a\nb", false),
            ("(?i)VIP", "vip", true),
            ("", "a", false),
        ];
        for (source, tag, matches) in table {
            assert_eq!(Pattern::new(source).unwrap().matches(tag), matches, "{source:?} {tag:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_by_itself_is_refused() {
        for source in ["(", "a)|(b", "[", "*", r"\", "(?x)a#", r"(a)\1", "(?=a)"] {
            assert_eq!(Pattern::new(source), Err(PatternError::Syntax), "{source:?}");
        }
    }

    #[test]
    fn a_pattern_that_grows_is_refused_before_it_has_grown() {
        for source in [r"\w{900}", "(((a{99}){99}){99}){99}", r"(?i)(\pL{50}|\pN{50}){50}", "(a{999}){99}"] {
            assert_eq!(Pattern::new(source), Err(PatternError::TooBig), "{source:?}");
        }
        for source in [r"\w+", r"[\p{Han}a-z]+", "(a|b|c)*{0,32}", r"\d{1,10}-\w+-\w+"] {
            assert!(Pattern::new(source).is_ok(), "{source:?}");
        }
    }
}
