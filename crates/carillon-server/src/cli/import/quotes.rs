//! Where the quotation marks of a record stand. The parser takes them however they come: it would read the lines behind one
//! that is not closed as part of a value, and change a value that has one inside.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quotes {
    at: At,
    misplaced: bool,
}

/// Where in a record the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Begin,
    /// In a value that is not in quotation marks, where they are as good as any other byte.
    Plain,
    Quoted,
    /// After a quotation mark in a quoted value: the value ends, or the next one makes two that stand for one.
    Mark,
}

impl Quotes {
    /// Goes over the record's next bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.at = match (self.at, byte) {
                (At::Begin | At::Mark, b'"') => At::Quoted,
                (At::Quoted, b'"') => At::Mark,
                (At::Quoted, _) => At::Quoted,
                (At::Begin | At::Plain | At::Mark, b',' | b'\r' | b'\n') => At::Begin,
                (At::Begin | At::Plain, _) => At::Plain,
                (At::Mark, _) => {
                    self.misplaced = true;
                    At::Plain
                }
            };
        }
    }

    /// Whether what was passed ends within a quoted value.
    pub(super) fn are_open(self) -> bool {
        self.at == At::Quoted
    }

    /// Whether something stands between the end of a quoted value and the comma, or line end, behind it.
    pub(super) fn are_misplaced(self) -> bool {
        self.misplaced
    }
}
