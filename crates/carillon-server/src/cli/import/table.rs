//! CSV: the first record names the fields, each further one is an account. Quoted values may hold commas and line breaks.
//!
//! Driven piece by piece, so that a quotation mark that is never closed does not read the file into memory, and a record is
//! told by the line that it begins at.

use std::io::BufRead;

use anyhow::{Context as _, bail, ensure};
use csv_core::ReadRecordResult;

use super::entry::{Entry, FIELDS, Field};
use super::quotes::Quotes;
use super::source::{LINE_BYTES_MAX, Line};

/// More than there are fields, so that a line with too many values is not taken for one with enough.
const VALUES_MAX: usize = 64;

const TOO_LONG: &str = "is longer than 65536 bytes";
const _: () = assert!(LINE_BYTES_MAX == 65_536);

pub(super) struct Table<R> {
    records: Records<R>,
    /// What each column is.
    columns: Vec<Field>,
}

impl<R: BufRead> Table<R> {
    pub(super) fn new(input: R) -> anyhow::Result<Self> {
        let mut records = Records::new(input);
        records.next().context("the file's first line cannot be read")?;
        ensure!(!records.is_too_long, "the file's first line {TOO_LONG}");
        let columns = columns(records.values())?;
        Ok(Self { records, columns })
    }

    fn entry(&self) -> Result<Entry, String> {
        if self.records.quotes.are_misplaced() {
            return Err("in a value in quotation marks, a quotation mark is not doubled".to_owned());
        }
        if self.records.is_too_long {
            return Err(format!("it {TOO_LONG}"));
        }
        let (found, expected) = (self.records.count, self.columns.len());
        if found != expected {
            return Err(format!("its values are {found}, and the names in the file's first line {expected}"));
        }
        let mut fields = Vec::with_capacity(expected);
        for (column, value) in self.columns.iter().zip(self.records.values()) {
            let text = str::from_utf8(value).map_err(|_| "it is not UTF-8".to_owned())?;
            fields.push((*column, text.to_owned()));
        }
        Entry::of(fields)
    }
}

impl<R: BufRead> Iterator for Table<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.records.next() {
            Ok(None) => None,
            Ok(Some(number)) => Some(Ok(Line { number, entry: self.entry() })),
            Err(error) => {
                Some(Err(error.context(format!("what begins at line {} cannot be read", self.records.begin))))
            }
        }
    }
}

/// What each column is, by the names in the first record.
fn columns<'a>(names: impl Iterator<Item = &'a [u8]>) -> anyhow::Result<Vec<Field>> {
    let mut columns = Vec::new();
    for (name, number) in names.zip(1..) {
        // Not quoted: a file without names may begin with a token.
        let Some(field) = str::from_utf8(name).ok().and_then(Field::named) else {
            bail!("in the file's first line, column {number} names no field of an account: those are {FIELDS}");
        };
        if columns.contains(&field) && field != Field::Ignored {
            bail!("in the file's first line, column {number} names a field that another column names already");
        }
        columns.push(field);
    }
    if !columns.contains(&Field::Accid) {
        bail!("the file's first line does not name accid; it is to name the fields, or hold a JSON object");
    }
    Ok(columns)
}

/// The record that was read last, and the input from there.
struct Records<R> {
    input: R,
    parser: csv_core::Reader,
    quotes: Quotes,
    /// The line of the next byte.
    line: u64,
    /// The line that the record begins at.
    begin: u64,
    /// The record's values, one after the other.
    text: Box<[u8]>,
    /// Where in `text` each value ends.
    ends: [usize; VALUES_MAX],
    /// How many values the record has; `ends` is of use only where they fit.
    count: usize,
    /// Whether the record is longer than `text`, which then holds some part of it.
    is_too_long: bool,
}

impl<R: BufRead> Records<R> {
    fn new(input: R) -> Self {
        let (parser, text) = (csv_core::Reader::new(), vec![0; LINE_BYTES_MAX].into());
        let (quotes, ends, is_too_long) = (Quotes::default(), [0; VALUES_MAX], false);
        Self { input, parser, quotes, line: 1, begin: 1, text, ends, count: 0, is_too_long }
    }

    /// Reads a record, and tells the line that it begins at; `None` at the end.
    fn next(&mut self) -> anyhow::Result<Option<u64>> {
        (self.count, self.is_too_long) = (0, false);
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        (self.begin, self.quotes) = (self.line, Quotes::default());
        let (mut bytes, mut ends) = (0, 0);
        loop {
            let piece = self.input.fill_buf()?;
            if piece.is_empty() && self.quotes.are_open() {
                bail!("the file ends in it: a quotation mark is not closed");
            }
            let (result, read, written, ended) =
                self.parser.read_record(piece, &mut self.text[bytes..], &mut self.ends[ends..]);
            self.line += line_ends(&piece[..read]);
            self.quotes.pass(&piece[..read]);
            self.input.consume(read);
            (bytes, ends, self.count) = (bytes + written, ends + ended, self.count + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputEndsFull => ends = 0,
                // Read on, to where it ends: only then is it known whether the lines behind it are its own.
                ReadRecordResult::OutputFull => (bytes, self.is_too_long) = (0, true),
                ReadRecordResult::Record => return Ok(Some(self.begin)),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// `false` at the end of the input.
    fn skip_line_ends(&mut self) -> anyhow::Result<bool> {
        loop {
            let piece = self.input.fill_buf()?;
            if piece.is_empty() {
                return Ok(false);
            }
            let skipped = piece.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let is_over = skipped < piece.len();
            self.line += line_ends(&piece[..skipped]);
            self.input.consume(skipped);
            if is_over {
                return Ok(true);
            }
        }
    }

    /// The record's values, where they are not too many.
    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends);
        starts.zip(self.ends).take(self.count.min(VALUES_MAX)).map(|(start, end)| &self.text[start..end])
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The number of each line with its account, or why it is refused.
    fn lines(text: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let table = Table::new(text).unwrap();
        table.map(|line| line.unwrap()).map(|line| (line.number, line.entry.map(|it| it.account))).collect()
    }

    fn refused(text: &str) -> String {
        Table::new(text.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn a_record_is_told_by_the_line_that_it_begins_at() {
        let text = "\naccid,ex\nann,\"two\nlines, and \"\"quotes\"\"\"\n\nbob,\n,x\ncarl,";
        let expected = [
            (3, Ok("ann".to_owned())),
            (6, Ok("bob".to_owned())),
            (7, Err("accid is empty".to_owned())),
            (8, Ok("carl".to_owned())),
        ];
        for text in [text.to_owned(), format!("{text}\n"), text.replace('\n', "\r\n")] {
            assert_eq!(lines(text.as_bytes()), expected, "{text:?}");
            // However the input comes in pieces.
            let pieces = BufReader::with_capacity(1, text.as_bytes());
            let numbers: Vec<u64> = Table::new(pieces).unwrap().map(|line| line.unwrap().number).collect();
            assert_eq!(numbers, [3, 6, 7, 8]);
        }
        let ann = Table::new(text.as_bytes()).unwrap().next().unwrap().unwrap();
        assert_eq!(ann.entry.unwrap().body["ex"], "two\nlines, and \"quotes\"");
    }

    #[test]
    fn a_malformed_record_is_refused_alone() {
        let many = ",".repeat(VALUES_MAX + 1);
        let mut text = b"accid,name\nann\nb\xff,x\ncarl,c,c\n".to_vec();
        text.extend(format!("{many}\ndora,d").as_bytes());
        let values = |count| Err(format!("its values are {count}, and the names in the file's first line 2"));
        let expected = [
            (2, values(1)),
            (3, Err("it is not UTF-8".to_owned())),
            (4, values(3)),
            (5, values(VALUES_MAX + 2)),
            (6, Ok("dora".to_owned())),
        ];
        assert_eq!(lines(&text), expected);
    }

    #[test]
    fn the_first_line_must_name_fields_that_there_are() {
        assert!(refused("accid,nick\n").contains("column 2 names no field"));
        assert!(refused("accid;name\n").contains("column 1 names no field"));
        assert!(refused("accid,accid\n").contains("column 2 names a field that another"));
        assert!(refused("name\n").contains("does not name accid"));
        assert!(refused("").contains("does not name accid"));
        assert_eq!(lines(b"props,bid,accid\n,,ann\n"), [(2, Ok("ann".to_owned()))]);
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_ends_the_reading_before_it_fills_the_memory() {
        let text = format!("accid,name\nann,a\nbob,\"b\n{}", "x\n".repeat(LINE_BYTES_MAX));
        let mut table = Table::new(text.as_bytes()).unwrap();
        assert!(table.next().unwrap().is_ok());
        let error = table.next().unwrap().err().unwrap();
        assert!(error.to_string().contains("begins at line 3"), "{error}");
    }

    #[test]
    fn a_record_that_is_too_long_is_refused_alone() {
        let (long, ex) = ("x".repeat(LINE_BYTES_MAX + 1), "y\n".repeat(LINE_BYTES_MAX));
        let text = format!("accid,ex\nann,{long}\nbob,b\ncarl,\"{ex}\"\ndora,d\n");
        let after = 4 + LINE_BYTES_MAX as u64 + 1;
        let refused = || Err("it is longer than 65536 bytes".to_owned());
        let expected = [(2, refused()), (3, Ok("bob".to_owned())), (4, refused()), (after, Ok("dora".to_owned()))];
        assert_eq!(lines(text.as_bytes()), expected);
        let names = self::refused(&long);
        assert_eq!(names, "the file's first line is longer than 65536 bytes");
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_takes_no_lines_into_a_value() {
        for text in ["accid,name\nann,a\nbob,\"B\ncarl,c\n", "accid,name\nann,a\nbob,\"B\"\""] {
            for capacity in [1, 64] {
                let mut table = Table::new(BufReader::with_capacity(capacity, text.as_bytes())).unwrap();
                assert!(table.next().unwrap().is_ok());
                let error = format!("{:#}", table.next().unwrap().err().unwrap());
                assert!(error.contains("begins at line 3") && error.contains("not closed"), "{error}");
            }
        }
        assert!(Table::new(&b"accid,\"name\nann,a"[..]).is_err());
    }

    #[test]
    fn a_quotation_mark_that_is_not_doubled_refuses_its_record() {
        let text = "accid,name\nann,\"A\"x\nbob,\"B\" \ncarl,5\"\ndora,\"\"\"\"\neve,\"E\"";
        let refused = || Err("in a value in quotation marks, a quotation mark is not doubled".to_owned());
        let found = lines(text.as_bytes());
        let expected = [
            (2, refused()),
            (3, refused()),
            (4, Ok("carl".to_owned())),
            (5, Ok("dora".to_owned())),
            (6, Ok("eve".to_owned())),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_may_be_longer_than_any_record() {
        let text = format!("accid,name\n{}", "ann,a\n".repeat(LINE_BYTES_MAX));
        assert_eq!(lines(text.as_bytes()).len(), LINE_BYTES_MAX);
    }
}
