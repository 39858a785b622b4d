//! Journals as they may lie on a damaged disk: what is found in them is there.

use super::parse::{Behind, Place, read};

pub fn journal(input: &[u8]) {
    let (groups, behind) = read(input, Place::default());
    assert!(groups.end <= input.len());
    match behind {
        Behind::Nothing => assert_eq!(groups.end, input.len()),
        Behind::NoGroup => assert!(groups.end < input.len()),
        Behind::Disorder => assert!(groups.last.sequence.is_some()),
        Behind::Group(at) => assert!((groups.end..input.len()).contains(&at)),
    }
    // What was read of it is read again as the same, and it goes on with nothing else.
    let (again, behind) = read(&input[..groups.end], Place::default());
    assert_eq!((again, behind), (groups, Behind::Nothing));
    let (next, behind) = read(&input[..groups.end], groups.last);
    assert!(groups.end == 0 || (next.end, behind) == (0, Behind::Disorder));
}
