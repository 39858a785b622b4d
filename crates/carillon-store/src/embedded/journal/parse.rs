//! What a journal of the engine holds: the groups that it begins with, and whether there are more behind what is none.
//!
//! The format is that of the engine's version 3: a group is its beginning with the count of its items, the items, and its end with
//! their checksum and a magic. The bytes are those of a disk, so nothing is believed of them, and no length among them reserves memory.

use xxhash_rust::xxh3::xxh3_64;

use crate::embedded::format::{self, Tag};
use crate::embedded::seal;

/// What ends each group, and what the engine's marker of its format is.
pub(super) const MAGIC: [u8; 4] = *b"FJL\x03";

const BEGIN: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// A value, or that there is none any more, in two ways.
const VALUE_KINDS: u8 = 3;
/// None, and LZ4.
const COMPRESSIONS: u8 = 2;

/// Bytes of the smallest group of ours: that it is there, and its number.
const GROUP_BYTES_MIN: usize = 61;

/// How often a byte behind the first bad one is looked at on average, before it is given up: somebody might have written messages that are
/// beginnings of groups, thousands of them, each of which seems to reach to the end.
const LOOKS_MAX: usize = 64;

/// A group's place among all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Ours. Groups of tests have none.
    pub(super) number: Option<u64>,
    /// The engine's. It rises, and no checksum covers it.
    pub(super) sequence: Option<u64>,
}

/// The groups that a journal begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) first: Option<u64>,
    /// Of the last one here, or before.
    pub(super) last: Place,
    /// Where they end.
    pub(super) end: usize,
}

/// What is behind the groups that a journal begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    Nothing,
    /// What may be left of one group.
    NoGroup,
    /// A group, here, or it is not known that there is none: what lies before it is damaged.
    Group(usize),
    /// A group that belongs before others.
    Disorder,
}

/// Reads a journal without the zeros at its end. `last` is the last group before it.
pub(super) fn read(journal: &[u8], last: Place) -> (Groups, Behind) {
    let mut groups = Groups { last, ..Groups::default() };
    while let Ok(group) = Group::parse(journal, groups.end) {
        let last = &mut groups.last;
        if last.sequence.is_some_and(|last| group.sequence <= last) {
            return (groups, Behind::Disorder);
        }
        groups.first = groups.first.or(group.number);
        *last = Place { number: group.number.or(last.number), sequence: Some(group.sequence) };
        groups.end = group.end;
    }
    let behind = if groups.end == journal.len() {
        Behind::Nothing
    } else {
        find(journal, groups.end, groups.last).map_or(Behind::NoGroup, Behind::Group)
    };
    (groups, behind)
}

/// A whole group behind `bad`, which is none, wherever it begins. What is said in a message may look like one, so it must be one that
/// can have followed `last` here.
fn find(journal: &[u8], bad: usize, last: Place) -> Option<usize> {
    let mut looks = (journal.len() - bad).saturating_mul(LOOKS_MAX);
    for at in bad + 1..journal.len() {
        if journal[at] != BEGIN {
            continue;
        }
        let read_to = match Group::parse(journal, at) {
            Ok(group) if can_follow(group.number, last.number, at - bad) => return Some(at),
            Ok(group) => group.end,
            Err(read_to) => read_to,
        };
        let Some(left) = looks.checked_sub(read_to - at) else { return Some(at) };
        looks = left;
    }
    None
}

/// Whether a group of this number may lie so many bytes behind the end of the group `last`.
fn can_follow(number: Option<u64>, last: Option<u64>, distance: usize) -> bool {
    let between = (distance / GROUP_BYTES_MIN) as u64;
    match (number, last) {
        (Some(number), Some(last)) => number > last && number - last <= between + 1,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A group that is whole.
struct Group {
    number: Option<u64>,
    sequence: u64,
    end: usize,
}

impl Group {
    /// # Errors
    /// How far it was read.
    fn parse(journal: &[u8], at: usize) -> Result<Self, usize> {
        let mut rest = Rest { journal, at };
        rest.group().ok_or(rest.at)
    }
}

/// What of a journal was not read yet.
struct Rest<'a> {
    journal: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    /// The group that follows, if it is whole.
    fn group(&mut self) -> Option<Group> {
        if self.number::<1>()? != BEGIN.into() {
            return None;
        }
        let (items, sequence) = (self.number::<4>()?, self.number::<8>()?);
        let (from, mut number) = (self.at, None);
        for _ in 0..items {
            number = self.item()?.or(number);
        }
        let items = &self.journal[from..self.at];
        let ends = self.number::<1>()? == END.into();
        let checksum = self.number::<8>()?;
        let is_whole = ends && self.take(MAGIC.len())? == MAGIC && checksum == xxh3_64(items);
        is_whole.then_some(Group { number, sequence, end: self.at })
    }

    /// What an item says of the number of its group, if it is one.
    fn item(&mut self) -> Option<Option<u64>> {
        let tag = self.take(1)?[0];
        if tag == CLEAR {
            self.take(8)?;
            return Some(None);
        }
        let (kind, compression) = (self.take(1)?[0], self.take(1)?[0]);
        if tag != ITEM || kind >= VALUE_KINDS || compression >= COMPRESSIONS {
            return None;
        }
        let _keyspace = self.number::<8>()?;
        let (key, _value, on_disk) = (self.number::<2>()?, self.number::<4>()?, self.number::<4>()?);
        let key = self.take(usize::try_from(key).ok()?)?;
        let value = self.take(usize::try_from(on_disk).ok()?)?;
        // No other keyspace has keys of one byte.
        let is_number = key == [Tag::Groups as u8];
        Some(if is_number { seal::open_number(key, value).ok() } else { None })
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let taken = self.journal.get(self.at..)?.get(..bytes)?;
        self.at += bytes;
        Some(taken)
    }

    /// The engine writes the lowest byte first.
    fn number<const BYTES: usize>(&mut self) -> Option<u64> {
        let mut bytes: [u8; BYTES] = self.take(BYTES)?.try_into().ok()?;
        bytes.reverse();
        Some(format::number(&bytes))
    }
}
