//! Where calls may go whose addresses come from elsewhere: from an operator, in a platform's adapter address.

use std::{net::IpAddr, str::FromStr};

use segue_core::unwrapped;

use super::HostList;
use crate::settings::Setting;

/// The setting of services that call adapters; the same in all of them.
pub const ADAPTER_HOSTS: Setting = Setting::new(
    "adapter-hosts",
    "",
    "where platforms' adapters may live: names, `*.DOMAIN`, addresses, networks, separated by commas; with a network, names may lead into those only; empty: anywhere but link-local and metadata addresses",
);

/// Where a call may go. Looked at twice: the host when an address is taken in, and what the host has resolved to when it
/// is dialled, since whoever owns a name can have it point anywhere by then.
///
/// Without a list that is everywhere but where no service lives: link-local addresses, among them those where clouds tell
/// machines their credentials, and unspecified, multicast and broadcast ones. With a list it is the hosts on the list; when
/// networks are on it, names may lead into these only, and else anywhere but to the same machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach(HostList);

/// The host is not among those that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has a host that is not allowed here")]
pub struct HostNotAllowed;

impl FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl Reach {
    /// Checks a URI's host: a name, or an address with or without brackets.
    pub fn check_host(&self, host: &str) -> Result<(), HostNotAllowed> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let listed = self.0.is_empty() || self.0.has(bare);
        let reachable = bare.parse::<IpAddr>().map_or(true, |address| self.check_address(address).is_ok());
        if listed && reachable { Ok(()) } else { Err(HostNotAllowed) }
    }

    /// Checks an address that is about to be connected to.
    pub fn check_address(&self, address: IpAddr) -> Result<(), HostNotAllowed> {
        let address = unwrapped(address);
        let listed = if self.0.has_networks() {
            self.0.has_address(address)
        } else {
            self.0.is_empty() || !address.is_loopback()
        };
        if listed && !is_nobodys(address) { Ok(()) } else { Err(HostNotAllowed) }
    }
}

/// Where no adapter lives, whatever a list says.
fn is_nobodys(address: IpAddr) -> bool {
    /// Metadata services outside the link-local range: Amazon's over IPv6, and Alibaba's.
    const METADATA: [&str; 2] = ["fd00:ec2::254", "100.100.100.200"];
    let special = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    special
        || address.is_unspecified()
        || address.is_multicast()
        || METADATA.iter().any(|known| known.parse() == Ok(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(list: &str, addresses: &[&str]) -> Vec<bool> {
        let reach: Reach = list.parse().unwrap();
        addresses.iter().map(|text| reach.check_address(text.parse().unwrap()).is_ok()).collect()
    }

    #[test]
    fn nobody_reaches_link_local_and_metadata_addresses_however_they_are_written() {
        let addresses = [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "::169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "fd00:ec2::254",
            "100.100.100.200",
        ];
        for list in ["", "0.0.0.0/0,::/0", "adapter.example"] {
            assert_eq!(reaches(list, &addresses), vec![false; addresses.len()], "{list:?}");
        }
        assert_eq!(reaches("", &["127.0.0.1", "::1", "10.0.0.1", "2001:db8::1"]), [true; 4]);
    }

    #[test]
    fn a_listed_name_leads_into_the_listed_networks_only() {
        assert_eq!(
            reaches("a.example,10.0.0.0/8", &["10.0.0.1", "127.0.0.1", "192.0.2.1"]),
            [true, false, false]
        );
        assert_eq!(reaches("a.example", &["10.0.0.1", "127.0.0.1", "::1"]), [true, false, false]);
        assert_eq!(reaches("a.example,127.0.0.1", &["127.0.0.1"]), [true]);
    }

    #[test]
    fn hosts_are_checked_as_they_are_written() {
        let check = |list: &str, host: &str| list.parse::<Reach>().unwrap().check_host(host).is_ok();
        assert!(check("", "anything.example") && check("", "127.0.0.1") && !check("", "169.254.169.254"));
        assert!(!check("", "[fe80::1]") && !check("", "[::ffff:169.254.1.1]"));
        assert!(check("*.svc", "a.svc") && !check("*.svc", "evil.example") && !check("*.svc", "10.0.0.1"));
        assert!(check("10.0.0.0/8", "10.0.0.1") && !check("10.0.0.0/8", "a.svc"));
    }
}
