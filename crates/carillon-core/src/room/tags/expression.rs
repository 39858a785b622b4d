//! Tag expressions: who, by their tags, a message is for.

use std::fmt::{self, Write as _};

use super::parse::{Expected, Malformed, parse};
use super::pattern::Pattern;
use super::set::Tags;

/// A compiled tag expression.
///
/// Displayed, it is a text that parses to the same expression. What [`Expression::of_all`] makes of long tags may be longer
/// than what [`Expression::parse`] takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Node);

/// A part of an expression. A [`Node::All`] or [`Node::Any`] has two parts at least, and none of its own kind: so
/// expressions that differ in idle parentheses only are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Tag(Box<str>),
    Matches(Pattern),
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Expression {
    pub const CHARACTERS_MAX: usize = 128;

    /// # Errors
    /// Says where `text` ceases to be an expression, and what should have been there.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        match text.chars().nth(Self::CHARACTERS_MAX) {
            Some(_) => Err(Malformed { character: Self::CHARACTERS_MAX + 1, expected: Expected::EndOfText }),
            None => parse(text).map(Self),
        }
    }

    /// For members that have all of `tags`, and perhaps more: where the messages and notices go of a member that names its
    /// tags and no expression. `None` if there are no tags; then they go to everyone.
    pub fn of_all(tags: &Tags) -> Option<Self> {
        let nodes: Vec<Node> = tags.iter().map(|tag| Node::Tag(tag.into())).collect();
        (!nodes.is_empty()).then(|| Self(Node::all(nodes)))
    }

    /// Whether a member with `tags` is meant. A member without tags never is.
    pub fn matches(&self, tags: &Tags) -> bool {
        self.0.matches(tags)
    }
}

impl Node {
    pub(super) fn all(nodes: Vec<Self>) -> Self {
        Self::joined(nodes, Self::All, |node| match node {
            Self::All(parts) => Ok(parts),
            Self::Tag(_) | Self::Matches(_) | Self::Any(_) => Err(node),
        })
    }

    pub(super) fn any(nodes: Vec<Self>) -> Self {
        Self::joined(nodes, Self::Any, |node| match node {
            Self::Any(parts) => Ok(parts),
            Self::Tag(_) | Self::Matches(_) | Self::All(_) => Err(node),
        })
    }

    /// The one node of `nodes`, or `join` of all, with the parts of those that are joined in the same way.
    fn joined(
        mut nodes: Vec<Self>,
        join: fn(Vec<Self>) -> Self,
        parts_of: impl Fn(Self) -> Result<Vec<Self>, Self>,
    ) -> Self {
        if nodes.len() == 1 {
            return nodes.remove(0);
        }
        join(nodes.into_iter().flat_map(|node| parts_of(node).unwrap_or_else(|node| vec![node])).collect())
    }

    fn matches(&self, tags: &Tags) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(tag),
            Self::Matches(pattern) => tags.iter().any(|tag| pattern.matches(tag)),
            Self::All(nodes) => nodes.iter().all(|node| node.matches(tags)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(tags)),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => {
                f.write_str("{\"tag\":")?;
                write_quoted(f, tag)?;
                f.write_char('}')
            }
            Self::Matches(pattern) => {
                f.write_str("{\"tag\":")?;
                write_quoted(f, pattern.source())?;
                f.write_str(",\"matchType\":\"regex\"}")
            }
            Self::All(nodes) => write_joined(f, nodes, "and"),
            Self::Any(nodes) => write_joined(f, nodes, "or"),
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, nodes: &[Node], word: &str) -> fmt::Result {
    for (place, node) in nodes.iter().enumerate() {
        if place > 0 {
            write!(f, " {word} ")?;
        }
        // Only an `or` inside of an `and` needs them.
        match node {
            Node::Any(_) => write!(f, "({node})")?,
            Node::Tag(_) | Node::Matches(_) | Node::All(_) => write!(f, "{node}")?,
        }
    }
    Ok(())
}

/// As a JSON string.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\0'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
