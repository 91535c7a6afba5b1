//! Where visitors come from, as far as that tells one from another.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

/// An address, or the network of an IPv6 address: who has one of those has 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// Whom a request comes from. `None`: that cannot be told, for all programs of this machine have one address, and so have
    /// all visitors of a proxy that does not name them.
    pub(crate) fn of(peer: IpAddr, headers: &HeaderMap, is_proxied: bool) -> Option<Self> {
        let address = if is_proxied { forwarded_for(headers)? } else { peer }.to_canonical();
        let address = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => network(address).into(),
        };
        (!address.is_loopback()).then_some(Self(address))
    }
}

/// Whom a proxy asks for: it puts its visitor behind whatever they sent themselves.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let named = headers.get_all("x-forwarded-for").into_iter().next_back()?;
    named.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

fn network(address: Ipv6Addr) -> Ipv6Addr {
    match address.is_loopback() {
        true => address,
        false => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&str], is_proxied: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let source = Source::of(peer.parse().unwrap(), &headers, is_proxied);
        source.map(|source| source.0.to_string())
    }

    #[test]
    fn a_visitor_is_an_address_or_an_ipv6_network() {
        assert_eq!(of("192.0.2.1", &[], false).unwrap(), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1", &[], false).unwrap(), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6", &[], false).unwrap(), "2001:db8:1:2::");
    }

    #[test]
    fn programs_of_this_machine_are_not_told_apart() {
        for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(of(peer, &[], false), None, "{peer}");
        }
    }

    #[test]
    fn a_proxy_is_believed_for_the_last_address_that_it_names_and_nobody_else_is() {
        let proxy = "127.0.0.1";
        let sent = ["198.51.100.1", "203.0.113.1, 192.0.2.1"];
        assert_eq!(of(proxy, &sent, true).unwrap(), "192.0.2.1");
        assert_eq!(of(proxy, &[], true), None);
        assert_eq!(of(proxy, &["unknown"], true), None);
        assert_eq!(of("192.0.2.7", &["203.0.113.1"], false).unwrap(), "192.0.2.7");
    }
}
