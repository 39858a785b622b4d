//! The paths of calls, as callers put them together.

use std::borrow::Cow;

/// The path with one slash where there are several: callers put a base address that ends in one before paths that begin with
/// one, and the vendors' front ends make no difference.
pub(crate) fn merged(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut merged = String::with_capacity(path.len());
    for char in path.chars() {
        if char != '/' || !merged.ends_with('/') {
            merged.push(char);
        }
    }
    Cow::Owned(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_slashes_are_one() {
        for (path, expected) in [("/a/b", "/a/b"), ("//a///b//", "/a/b/"), ("/", "/"), ("", ""), ("//ä//", "/ä/")] {
            assert_eq!(merged(path), expected);
        }
    }
}
