//! The tags of one member.

use std::sync::Arc;

/// The tags of one member: sorted, each once. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tags(Arc<[Box<str>]>);

/// Why texts are not a member's tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    #[error("more than {} tags", Tags::LEN_MAX)]
    TooMany,
    #[error("tag {place} is empty")]
    Empty {
        /// Counted from 1.
        place: usize,
    },
    #[error("tag {place} is longer than {} characters", Tags::CHARACTERS_MAX)]
    TooLong {
        /// Counted from 1.
        place: usize,
    },
}

impl Tags {
    pub const LEN_MAX: usize = 10;
    pub const CHARACTERS_MAX: usize = 32;

    /// # Errors
    /// Says which rule `texts` break first.
    pub fn new<Text: AsRef<str>>(texts: &[Text]) -> Result<Self, TagsError> {
        if texts.len() > Self::LEN_MAX {
            return Err(TagsError::TooMany);
        }
        let mut tags: Vec<Box<str>> = Vec::with_capacity(texts.len());
        for (text, place) in texts.iter().map(AsRef::as_ref).zip(1..) {
            if text.is_empty() {
                return Err(TagsError::Empty { place });
            }
            if text.chars().nth(Self::CHARACTERS_MAX).is_some() {
                return Err(TagsError::TooLong { place });
            }
            tags.push(text.into());
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(Self(tags.into()))
    }

    /// Of a member that named none.
    pub fn none() -> Self {
        Self(Arc::default())
    }

    pub fn contains(&self, tag: &str) -> bool {
        // At most ten: a search by halves would not be faster.
        self.iter().any(|it| it == tag)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|tag| &**tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_up_to_ten_of_up_to_32_characters() {
        let long = "什".repeat(Tags::CHARACTERS_MAX);
        let table: [(&[&str], _); 6] = [
            (&[], Ok(Tags::none())),
            (&[&long], Ok(Tags(Arc::from([long.as_str().into()])))),
            (&["a", &format!("{long}x")], Err(TagsError::TooLong { place: 2 })),
            (&["a", ""], Err(TagsError::Empty { place: 2 })),
            (&["a"; 10], Ok(Tags(Arc::from(["a".into()])))),
            (&["a"; 11], Err(TagsError::TooMany)),
        ];
        for (texts, expected) in table {
            assert_eq!(Tags::new(texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn the_order_of_tags_makes_no_difference() {
        assert_eq!(Tags::new(&["b", "a", "b"]), Tags::new(&["a", "b"]));
    }
}
