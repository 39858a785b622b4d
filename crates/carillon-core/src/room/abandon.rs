//! The share of messages that their sender gives up beforehand, to spare a room that is busy.

/// How many of ten thousand messages reach nobody: below 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbandonRatio(u16);

impl AbandonRatio {
    const WHOLE: u16 = 10_000;

    /// `None` if it is not below 10,000.
    pub fn new(of_ten_thousand: u16) -> Option<Self> {
        (of_ten_thousand < Self::WHOLE).then_some(Self(of_ten_thousand))
    }

    /// Whether the message that its sender calls `client_id` is given up: for all members, on all nodes, and whenever it is
    /// sent again, for chance is a hash of that id. The hash is part of what nodes of different versions agree on.
    pub fn abandons(self, client_id: &str) -> bool {
        if self == Self::default() {
            return false;
        }
        // The upper bits decide; a product with a whole scales them without a remainder's bias.
        let of_ten_thousand = (u128::from(hash(client_id.as_bytes())) * u128::from(Self::WHOLE)) >> 64;
        of_ten_thousand < u128::from(self.0)
    }
}

/// FNV-1a, then the finalizer of SplitMix64: alone, the former leaves the upper bits of short texts nearly alike.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_gives_up_that_share_of_messages() {
        for (ratio, expected) in [(0, 0..=0), (1, 1..=25), (2_500, 24_500..=25_500), (9_999, 99_975..=99_999)] {
            let ratio = AbandonRatio::new(ratio).unwrap();
            let abandoned = (0..100_000).filter(|n| ratio.abandons(&format!("m{n}"))).count();
            assert!(expected.contains(&abandoned), "{ratio:?}: {abandoned}");
        }
        assert_eq!(AbandonRatio::new(10_000), None);
    }

    #[test]
    fn what_a_small_ratio_gives_up_a_larger_one_does_too() {
        let ids: Vec<String> = (0..2_000).map(|n| format!("{n:x}")).collect();
        for id in ids {
            let abandons = |ratio| AbandonRatio::new(ratio).unwrap().abandons(&id);
            assert!(!abandons(3_000) || abandons(6_000), "{id}");
        }
    }

    #[test]
    fn versions_of_the_server_agree() {
        assert_eq!(hash(b""), 0xf52a_15e9_a9b5_e89b);
        let half = AbandonRatio::new(5_000).unwrap();
        let fates: String = (0..32).map(|n| if half.abandons(&format!("id-{n}")) { 'x' } else { '.' }).collect();
        assert_eq!(fates, "x.x...xx..x.xx.......x.xx.x...xx");
    }
}
