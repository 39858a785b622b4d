//! Whose request it is: the connection's peer, or, behind a trusted proxy, whom the proxies say they speak for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use http::HeaderMap;

use crate::config::Network;

const FORWARDED: &str = "x-forwarded-for";

/// Whoever runs the server is told once, not by each request.
static UNLISTED: Once = Once::new();

/// The address that limits and logs go by: from a trusted peer, the rightmost entry of `X-Forwarded-For` that is not a
/// trusted proxy's. Entries left of that one may be anybody's invention. An entry that is no address ends the search: the
/// proxy that wrote it counts as the caller.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = peer.to_canonical();
    if is_unlisted_proxy(client, headers, trusted) {
        UNLISTED.call_once(|| {
            tracing::warn!(
                "a proxy at {client} forwards requests and is not in http.trusted_proxies: its clients count as one address, \
                 for which no limit holds unless gateway.cap_loopback is set; add it there"
            );
        });
    }
    let values: Vec<&str> = headers.get_all(FORWARDED).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let mut entries = values.iter().rev().flat_map(|value| value.rsplit(','));
    while Network::any_contains(trusted, client) {
        match entries.next().and_then(address) {
            Some(named) => client = named,
            None => break,
        }
    }
    client
}

/// Whether a proxy on this machine speaks for others without being trusted. Limits for each address do not hold for
/// loopback ones, so by this one mistake nobody has any. Of a peer elsewhere a header says nothing: anybody can send it.
fn is_unlisted_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> bool {
    peer.is_loopback() && headers.contains_key(FORWARDED) && !Network::any_contains(trusted, peer)
}

/// Some proxies add a port, and brackets around IPv6.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let plain = entry.parse::<IpAddr>().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|it| it.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain.or_else(with_port).or_else(bracketed).map(|it: IpAddr| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_rightmost_address_that_no_trusted_proxy_has() {
        let trusted: Vec<Network> = ["10.0.0.0/8", "::1"].iter().map(|it| it.parse().unwrap()).collect();
        let check = |peer: &str, forwarded: &[&str], expect: &str| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let client = client_address(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(client.to_string(), expect, "{peer} {forwarded:?}");
        };
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("10.0.0.1", &["6.6.6.6, 1.1.1.1"], "1.1.1.1");
        check("10.0.0.1", &["6.6.6.6, 1.1.1.1, 10.2.3.4"], "1.1.1.1");
        check("10.0.0.1", &["6.6.6.6", "1.1.1.1", "10.2.3.4"], "1.1.1.1");
        check("10.0.0.1", &["10.9.9.9"], "10.9.9.9");
        check("10.0.0.1", &["1.1.1.1, nonsense"], "10.0.0.1");
        check("10.0.0.1", &["1.1.1.1:4711"], "1.1.1.1");
        check("::1", &["[2001:db8::1]:4711"], "2001:db8::1");
        check("::1", &["[2001:db8::1]"], "2001:db8::1");
        check("::ffff:10.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("9.9.9.9", &["1.1.1.1"], "9.9.9.9");
    }

    #[test]
    fn who_speaks_for_others_from_this_machine_is_to_be_listed() {
        let trusted: Vec<Network> = vec!["127.0.0.1".parse().unwrap()];
        let forwarded: HeaderMap =
            [("x-forwarded-for".parse().unwrap(), "1.1.1.1".parse().unwrap())].into_iter().collect();
        let check = |peer: &str, headers: &HeaderMap, trusted: &[Network]| {
            is_unlisted_proxy(peer.parse().unwrap(), headers, trusted)
        };
        assert!(check("127.0.0.1", &forwarded, &[]));
        assert!(check("::1", &forwarded, &trusted));
        assert!(!check("127.0.0.1", &forwarded, &trusted), "it is listed");
        assert!(!check("127.0.0.1", &HeaderMap::new(), &[]), "it speaks for itself");
        assert!(!check("9.9.9.9", &forwarded, &[]), "anybody can say so");
    }
}
