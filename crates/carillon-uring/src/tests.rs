//! Over pairs of real sockets, with both ways to write.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;

use super::{Write, Writer};

/// Both ways to write, as far as they are to be had here.
fn writers() -> Vec<Writer> {
    [Some(Writer::plain()), Writer::batching().ok()].into_iter().flatten().collect()
}

fn pairs(count: usize) -> Vec<(UnixStream, UnixStream)> {
    let pair = || {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("a socket that does not block");
        theirs.set_nonblocking(true).expect("a socket that does not block");
        (ours, theirs)
    };
    (0..count).map(|_| pair()).collect()
}

fn what_came(mut socket: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It ends with an error where nothing more is there yet.
    let _ = socket.read_to_end(&mut bytes);
    bytes
}

fn fill(mut socket: &UnixStream) {
    while socket.write(&[0; 4096]).is_ok() {}
}

#[test]
fn each_socket_gets_its_own_bytes_however_many_there_are() {
    for mut writer in writers() {
        for count in [0, 1, 2, 127, 128, 129, 300] {
            let pairs = pairs(count);
            let texts: Vec<String> = (0..count).map(|it| format!("for {it}")).collect();
            let writes: Vec<Write<'_>> =
                pairs.iter().zip(&texts).map(|((ours, _), text)| (ours.as_fd(), text.as_bytes())).collect();

            assert_eq!(writer.write_each(&writes), texts.iter().map(String::len).collect::<Vec<_>>());
            for ((_, theirs), text) in pairs.iter().zip(&texts) {
                assert_eq!(what_came(theirs), text.as_bytes());
            }
        }
    }
}

#[test]
fn the_others_get_theirs_where_one_is_full_and_one_is_gone() {
    for mut writer in writers() {
        let mut pairs = pairs(4);
        fill(&pairs[1].0);
        let gone = pairs.remove(2).0;
        let sockets = [&pairs[0].0, &pairs[1].0, &gone, &pairs[2].0];
        let writes = sockets.map(|socket| (socket.as_fd(), b"hello".as_slice()));

        assert_eq!(writer.write_each(&writes), [5, 0, 0, 5]);
        assert_eq!(what_came(&pairs[0].1), b"hello");
        assert_eq!(what_came(&pairs[2].1), b"hello");
        // And the next ones, too.
        assert_eq!(writer.write_each(&writes[2..]), [0, 5]);
    }
}

#[test]
fn a_socket_takes_a_part_of_what_is_too_much() {
    for mut writer in writers() {
        let pairs = pairs(2);
        let much = vec![7; 4 << 20];
        let writes: Vec<Write<'_>> = pairs.iter().map(|(ours, _)| (ours.as_fd(), much.as_slice())).collect();

        for (taken, (_, theirs)) in writer.write_each(&writes).into_iter().zip(&pairs) {
            assert!(taken > 0 && taken < much.len(), "{taken}");
            assert_eq!(what_came(theirs).len(), taken);
        }
    }
}

#[test]
fn one_socket_that_is_named_twice_gets_both_in_their_order() {
    for mut writer in writers() {
        let pairs = pairs(1);
        let socket = pairs[0].0.as_fd();

        assert_eq!(writer.write_each(&[(socket, b"one "), (socket, b"two")]), [4, 3]);
        assert_eq!(what_came(&pairs[0].1), b"one two");
    }
}

proptest! {
    /// By a call for each and by a call for all, the same goes to the same sockets.
    #[test]
    fn what_a_socket_has_taken_is_what_comes_out(
        rounds in prop::collection::vec(prop::collection::vec((0..5_usize, 0..40_000_usize), 0..20), 1..6),
        reads in prop::collection::vec(any::<bool>(), 5),
    ) {
        for mut writer in writers() {
            let pairs = pairs(5);
            let mut sent = vec![Vec::new(); 5];
            let mut came = vec![Vec::new(); 5];
            for (round, wanted) in rounds.iter().enumerate() {
                let texts: Vec<(usize, Vec<u8>)> =
                    wanted.iter().map(|(to, length)| (*to, vec![round as u8; *length])).collect();
                let writes: Vec<Write<'_>> =
                    texts.iter().map(|(to, text)| (pairs[*to].0.as_fd(), text.as_slice())).collect();
                let taken = writer.write_each(&writes);
                prop_assert_eq!(taken.len(), writes.len());
                for ((to, text), taken) in texts.iter().zip(taken) {
                    sent[*to].extend_from_slice(&text[..taken]);
                }
                for it in (0..5).filter(|it| reads[*it]) {
                    came[it].extend(what_came(&pairs[it].1));
                }
            }
            for it in 0..5 {
                came[it].extend(what_came(&pairs[it].1));
            }
            prop_assert_eq!(&came, &sent);
        }
    }
}
