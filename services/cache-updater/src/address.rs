//! Where gwm may connect to for an administrator: "add a cluster" must not become a way to reach
//! what only this machine can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gwm_rapi::Endpoint;

const PATIENCE: Duration = Duration::from_secs(5);

/// Why an endpoint can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    /// No address.
    #[error("the host name {0} has no address: check its spelling and this machine's DNS")]
    Dns(String),
    /// Resolving took too long.
    #[error("the name server did not answer for {0} in time")]
    TimedOut(String),
    /// An address that is not for clusters.
    #[error("{host} is {address}, {why}: that is not allowed as a cluster's address")]
    Refused { host: String, address: IpAddr, why: &'static str },
}

/// Resolves the endpoint and checks every address it has; yields the first.
pub(crate) async fn resolve(
    endpoint: &Endpoint,
    allow_loopback: bool,
) -> Result<SocketAddr, AddressError> {
    let host = endpoint.host().to_owned();
    let looking = tokio::net::lookup_host((host.as_str(), endpoint.port()));
    let found = tokio::time::timeout(PATIENCE, looking)
        .await
        .map_err(|_| AddressError::TimedOut(host.clone()))?
        .map_err(|_| AddressError::Dns(host.clone()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    for address in &addresses {
        if let Some(why) = refused(address.ip(), allow_loopback) {
            return Err(AddressError::Refused { host, address: address.ip(), why });
        }
    }
    addresses.first().copied().ok_or(AddressError::Dns(host))
}

/// Why an address is refused, if it is. Private ranges are where clusters live.
fn refused(address: IpAddr, allow_loopback: bool) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => refused_v4(v4, allow_loopback),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => refused_v4(v4, allow_loopback),
            None => refused_v6(v6, allow_loopback),
        },
    }
}

fn refused_v4(address: Ipv4Addr, allow_loopback: bool) -> Option<&'static str> {
    if address.is_loopback() {
        return (!allow_loopback).then_some("this machine itself (loopback)");
    }
    if address.octets()[0] == 0 {
        return Some("no address of a host");
    }
    if address.is_link_local() {
        return Some("link-local");
    }
    (address.is_multicast() || address.is_broadcast() || address.octets()[0] >= 240)
        .then_some("no address of one host")
}

fn refused_v6(address: Ipv6Addr, allow_loopback: bool) -> Option<&'static str> {
    if address.is_loopback() {
        return (!allow_loopback).then_some("this machine itself (loopback)");
    }
    if address.is_unspecified() {
        return Some("no address of a host");
    }
    if address.is_unicast_link_local() {
        return Some("link-local");
    }
    address.is_multicast().then_some("no address of one host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_other_hosts_are_taken() {
        let refuses = |text: &str| refused(text.parse().unwrap(), false).is_some();
        for bad in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "250.0.0.1",
        ] {
            assert!(refuses(bad), "{bad}");
        }
        for good in ["10.98.1.10", "192.168.1.1", "172.16.0.1", "8.8.8.8", "fd00::1", "2001:db8::1"]
        {
            assert!(!refuses(good), "{good}");
        }
        assert!(refused("127.0.0.1".parse().unwrap(), true).is_none());
        assert!(refused("169.254.1.1".parse().unwrap(), true).is_some());
    }

    #[tokio::test]
    async fn a_number_that_is_an_address_is_judged_as_that_address() {
        // The URL parser turns 2130706433 into 127.0.0.1.
        let endpoint = Endpoint::parse("2130706433").unwrap();
        assert!(matches!(resolve(&endpoint, false).await, Err(AddressError::Refused { .. })));
    }
}
