//! A network: an address and how many of its leading bits count.

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork;

impl Network {
    /// Whether `peer` is in one of them.
    pub(crate) fn any_contains(networks: &[Self], peer: IpAddr) -> bool {
        networks.iter().any(|network| network.contains(peer))
    }

    /// Whether everybody is in it.
    pub(super) fn is_everywhere(&self) -> bool {
        self.bits == 0
    }

    /// Whether `peer` is in it. An IPv4 address that IPv6 carries counts as IPv4.
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.address.to_canonical(), peer.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(peer)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(own).checked_shr(shift) == u32::from(peer).checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(peer)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(own).checked_shr(shift) == u128::from(peer).checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| NotANetwork)?;
        if bits > all { Err(NotANetwork) } else { Ok(Self { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_share_its_leading_bits() {
        let check = |network: &str, peer: &str| network.parse::<Network>().unwrap().contains(peer.parse().unwrap());
        assert!(check("10.0.0.0/8", "10.200.1.1"));
        assert!(!check("10.0.0.0/8", "11.0.0.1"));
        assert!(check("10.0.0.1", "10.0.0.1") && !check("10.0.0.1", "10.0.0.2"));
        assert!(check("0.0.0.0/0", "9.9.9.9") && !check("0.0.0.0/0", "2001:db8::1"));
        assert!(check("2001:db8::/32", "2001:db8:1::1") && !check("2001:db8::/32", "2001:db9::1"));
        assert!(check("10.0.0.0/8", "::ffff:10.0.0.9"));
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/", "::/129"] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad:?}");
        }
    }
}
