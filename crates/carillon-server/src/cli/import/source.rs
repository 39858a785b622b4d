//! Where the lines come from, and what they are in: told by how the content begins, as names of files may be anything.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;

use super::entry::Entry;
use super::objects::Objects;
use super::table::Table;

/// How much of the beginning is looked at.
const HEAD_BYTES: u64 = 4_096;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How text in UTF-16 begins, which spreadsheets write.
const UTF_16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// Longest line, or record of CSV, in bytes. An account with all texts at their limits has less than 16 KiB.
pub(super) const LINE_BYTES_MAX: usize = 65_536;

/// A line of the file, or the first of a record's lines.
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// What it holds, or why that is refused.
    pub(super) entry: Result<Entry, String>,
}

/// The lines that hold something; ends after an error.
pub(super) type Lines = Box<dyn Iterator<Item = anyhow::Result<Line>>>;

pub(super) struct Source {
    input: Box<dyn Read>,
    /// Its size, where that is known.
    pub(super) bytes: Option<u64>,
}

impl Source {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self { input: Box::new(io::stdin()), bytes: None });
        }
        let failed = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(failed)?;
        let metadata = file.metadata().with_context(failed)?;
        if metadata.is_dir() {
            bail!("{} is a directory", path.display());
        }
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { input: Box::new(file), bytes })
    }

    /// The lines; `bar` shows how much of the input was read.
    pub(super) fn lines(self, bar: &ProgressBar) -> anyhow::Result<Lines> {
        let mut input = bar.wrap_read(self.input);
        let mut head = Vec::new();
        input.by_ref().take(HEAD_BYTES).read_to_end(&mut head).context("cannot read the file")?;
        if head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        if UTF_16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            bail!("the file is in UTF-16; `iconv -f utf-16 -t utf-8` makes UTF-8 of it");
        }
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
        let input = BufReader::new(Cursor::new(head).chain(input));
        match first {
            Some(b'{') => Ok(Box::new(Objects::new(input))),
            Some(b'[') => bail!("the file is a JSON array; `jq -c '.[]'` makes lines of it, with an object in each"),
            Some(_) | None => Ok(Box::new(Table::new(input)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_skipped_and_that_of_utf_16_says_what_to_do() {
        let lines = |text: &[u8]| {
            let input = Box::new(Cursor::new(text.to_vec()));
            Source { input, bytes: None }.lines(&ProgressBar::hidden())
        };
        let accid = |text: &[u8]| lines(text).unwrap().next().unwrap().unwrap().entry.unwrap().account;
        assert_eq!(accid("\u{feff}accid\nann".as_bytes()), "ann");
        assert_eq!(accid("\u{feff} {\"accid\":\"bob\"}".as_bytes()), "bob");
        for utf_16 in [b"\xff\xfea\0c\0", b"\xfe\xff\0a\0c"] {
            assert!(lines(utf_16).err().unwrap().to_string().contains("UTF-16"));
        }
    }
}
