//! Journals that the engine wrote, whole, cut and flipped; and bytes that are none.

use std::sync::LazyLock;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use proptest::collection::vec;
use proptest::prelude::*;

use super::parse::{Behind, Groups, Place, read};
use super::*;
use crate::embedded::format::{self, Tag};
use crate::embedded::seal;

/// An engine of its own, in which groups have numbers as ours have.
struct Engine {
    directory: tempfile::TempDir,
    database: Database,
    keyspace: Keyspace,
    groups: u64,
}

impl Engine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::builder(directory.path()).open().unwrap();
        let keyspace = database.keyspace("rest", KeyspaceCreateOptions::default).unwrap();
        Self { directory, database, keyspace, groups: 0 }
    }

    /// Writes a group with these values, a removal, and its number.
    fn write(&mut self, values: &[&[u8]]) {
        self.groups += 1;
        let key = format::rest(Tag::Groups);
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.remove(&self.keyspace, "removed");
        batch.insert(&self.keyspace, &key[..], seal::seal(&key, &self.groups.to_be_bytes()));
        for (no, value) in values.iter().enumerate() {
            batch.insert(&self.keyspace, no.to_be_bytes(), *value);
        }
        batch.commit().unwrap();
    }

    fn written(&self) -> Vec<u8> {
        let journals = journals(self.directory.path()).unwrap();
        let [journal] = &journals[..] else { panic!("{journals:?}") };
        written(journal).unwrap()
    }
}

/// Four groups: small ones, and one of a value that is compressed and of one that is not; and where they end.
fn four() -> (Vec<u8>, Vec<usize>) {
    let mut engine = Engine::new();
    let long: Vec<u8> = (0_u32..3_000).flat_map(|it| (it / 7).to_be_bytes()).collect();
    let mut ends = Vec::new();
    for values in [&[&b"one"[..], b""][..], &[&long, &long[..4_000]], &[], &[b"four"]] {
        engine.write(values);
        ends.push(engine.written().len());
    }
    (engine.written(), ends)
}

fn numbers(found: &Groups) -> (Option<u64>, Option<u64>, usize) {
    (found.first, found.last.number, found.end)
}

#[test]
fn what_the_engine_writes_is_read() {
    let (journal, ends) = four();
    let (groups, behind) = read(&journal, Place::default());
    assert_eq!((numbers(&groups), behind), ((Some(1), Some(4), ends[3]), Behind::Nothing));
    assert_eq!(read(&[], groups.last), (Groups { last: groups.last, ..Groups::default() }, Behind::Nothing));
    assert_eq!(read(&journal, groups.last).1, Behind::Disorder, "the same groups again");

    let mut engine = Engine::new();
    engine.write(&[]);
    engine.keyspace.clear().unwrap();
    engine.write(&[]);
    let (groups, behind) = read(&engine.written(), Place::default());
    assert_eq!((groups.last.number, behind), (Some(2), Behind::Nothing), "a keyspace that was cleared");
    let marker = std::fs::read(engine.directory.path().join("version")).unwrap();
    assert_eq!(marker, parse::MAGIC, "the format that is known");
}

#[test]
fn a_journal_that_ends_anywhere_ends_with_its_last_whole_group() {
    let (journal, ends) = four();
    for cut in 0..journal.len() {
        let whole = ends.iter().rev().find(|it| **it <= cut).map_or(0, |it| *it);
        let (groups, behind) = read(&journal[..cut], Place::default());
        let expected = if cut == whole { Behind::Nothing } else { Behind::NoGroup };
        assert_eq!((groups.end, behind), (whole, expected), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_is_found_and_so_is_the_group_behind_it() {
    let (journal, ends) = four();
    let begins = [0, ends[0], ends[1], ends[2]];
    for bit in 0..journal.len() * 8 {
        let mut flipped = journal.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let no = ends.iter().filter(|it| **it <= bit / 8).count();
        let (groups, behind) = read(&flipped, Place::default());
        // The engine's number of a group is the only thing that its checksum does not cover: it shows in the order.
        let is_counted = (5..13).contains(&(bit / 8 - begins[no]));
        match behind {
            Behind::NoGroup => assert!(no == 3 && groups.end == begins[3], "bit {bit}"),
            Behind::Group(at) => assert_eq!((groups.end, at), (begins[no], ends[no]), "bit {bit}"),
            Behind::Disorder => assert!(is_counted, "bit {bit}"),
            Behind::Nothing => assert!(is_counted && [0, 3].contains(&no), "bit {bit}"),
        }
    }
}

#[test]
fn what_is_said_in_a_message_is_taken_for_no_group_that_follows() {
    let (journal, ends) = four();
    let mut engine = Engine::new();
    engine.write(&[]);
    let kept = engine.written().len();
    // Ends, beginnings, groups that were before, and those of a time that is far off.
    let mut later = Engine::new();
    later.groups = 1_000;
    later.write(&[b"later"]);
    let forged = [&b"FJL\x03\x01"[..], &journal[..ends[0]], b"FJL\x03", &later.written(), b"\x01"].concat();
    engine.write(&[&forged[..forged.len().min(4_000)], b"more"]);
    let whole = engine.written();
    assert_eq!(read(&whole, Place::default()).1, Behind::Nothing);
    for cut in kept + 1..whole.len() {
        let (groups, behind) = read(&whole[..cut], Place::default());
        assert_eq!((groups.end, behind), (kept, Behind::NoGroup), "cut at {cut}");
        let mut hole = whole.clone();
        hole[cut - 1..(cut + 30).min(whole.len())].fill(0);
        if hole[kept..] != whole[kept..] && hole[kept..].iter().any(|it| *it != 0) {
            assert_ne!(read(&hole, Place::default()).1, Behind::Nothing, "with a hole at {cut}");
        }
    }
}

#[test]
fn a_journal_full_of_what_seems_to_be_groups_is_given_up() {
    // Each is a beginning with an item that reaches nearly to the end.
    let mut journal = vec![b'x'];
    let beginning = |reach: u32| {
        let item = [&[2, 0, 0][..], &[0; 8], &[0; 2], &reach.to_le_bytes(), &reach.to_le_bytes()].concat();
        [&[1, 9, 0, 0, 0][..], &[1; 8], &item].concat()
    };
    let bytes = beginning(0).len() as u32;
    for no in 0..1_000 {
        journal.extend(beginning((999 - no) * bytes));
    }
    assert!(matches!(read(&journal, Place::default()).1, Behind::Group(_)));
}

#[test]
fn zeros_at_the_end_of_a_journal_are_no_part_of_it_and_those_within_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("0.jnl");
    let long = |zeros: usize| [&b"begins"[..], &vec![0; zeros], b"ends"].concat();
    for bytes in [Vec::new(), b"short".to_vec(), long(10), long(CHUNK), long(3 * CHUNK)] {
        for zeros in [0, 1, CHUNK, 2 * CHUNK + 1] {
            std::fs::write(&path, [&bytes[..], &vec![0; zeros]].concat()).unwrap();
            assert!(written(&path).unwrap() == bytes, "{} bytes and {zeros} zeros", bytes.len());
        }
    }
}

#[test]
fn journals_of_another_format_are_left_to_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("0.jnl"), b"something else").unwrap();
    for marker in [None, Some(&b"FJL\x04"[..]), Some(b""), Some(b"FJL\x03\x01")] {
        if let Some(marker) = marker {
            std::fs::write(directory.path().join("version"), marker).unwrap();
        }
        let found = journals(directory.path()).unwrap();
        assert!(found.is_empty(), "{marker:?}");
    }
    std::fs::write(directory.path().join("version"), parse::MAGIC).unwrap();
    assert_eq!(journals(directory.path()).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_are_too_much_for_it(bytes in vec(prop_oneof![0_u8..5, any::<u8>()], 0..400), last in any::<Option<u64>>()) {
        let place = Place { number: last, sequence: None };
        let (groups, behind) = read(&bytes, place);
        prop_assert!(groups.end <= bytes.len());
        prop_assert_eq!(behind == Behind::Nothing, groups.end == bytes.len());
    }

    #[test]
    fn however_groups_are_damaged_those_before_are_read_and_none_is_made_up(
        at in 0..10_000_usize, junk in vec(any::<u8>(), 0..60), cut in 0..10_000_usize,
    ) {
        static FOUR: LazyLock<(Vec<u8>, Vec<usize>)> = LazyLock::new(four);
        let (mut journal, ends) = FOUR.clone();
        journal.truncate(cut.max(1));
        let at = at % journal.len();
        let end = (at + junk.len()).min(journal.len());
        journal[at..end].copy_from_slice(&junk[..end - at]);
        let (groups, _) = read(&journal, Place::default());
        prop_assert!(groups.end == 0 || ends.contains(&groups.end));
        let before = ends.iter().rev().find(|it| **it <= at.min(journal.len())).map_or(0, |it| *it);
        prop_assert!(groups.end >= before);
    }
}
