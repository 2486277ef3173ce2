//! Lists of hosts in settings: whose pages these are, which proxies are believed, where adapters and token keys may live.
//!
//! A host is a name, a name's whole domain (`*.example.com`, not `example.com` itself), an address or a network
//! (`10.0.0.0/8`).

mod reach;

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

pub use reach::{ADAPTER_HOSTS, HostNotAllowed, Reach};

/// Hosts, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostList {
    names: Vec<String>,
    domains: Vec<String>,
    networks: Vec<IpNet>,
}

impl FromStr for HostList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut list = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            list.add(&entry.to_ascii_lowercase()).ok_or_else(|| {
                format!("{entry:?} is no name, *.DOMAIN, address or network (ADDRESS/BITS)")
            })?;
        }
        Ok(list)
    }
}

impl HostList {
    fn add(&mut self, entry: &str) -> Option<()> {
        if let Ok(address) = entry.parse::<IpAddr>() {
            self.networks.push(address.into());
        } else if let Ok(network) = entry.parse::<IpNet>() {
            self.networks.push(network);
        } else if let Some(domain) = entry.strip_prefix("*.") {
            self.domains.push(format!(".{}", name(domain)?));
        } else {
            self.names.push(name(entry)?.to_owned());
        }
        Some(())
    }

    /// Reads a list that is held against addresses only: a name on it would never be met.
    pub fn of_networks(text: &str) -> Result<Self, String> {
        let list: Self = text.parse()?;
        let named = list.names.first().or(list.domains.first());
        named.map_or(Ok(()), |name| Err(format!("{name:?} is no address or network (ADDRESS/BITS)")))?;
        Ok(list)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.domains.is_empty() && self.networks.is_empty()
    }

    /// Whether a host as it stands in a URI, without a port, is among them. IPv6 addresses may have their brackets.
    pub fn has(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            return self.has_address(address);
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.names.contains(&host)
            || self.domains.iter().any(|domain| host.len() > domain.len() && host.ends_with(domain))
    }

    /// Whether an address is in one of the networks. An IPv4 address in IPv6 form is that IPv4 address.
    pub fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    fn has_networks(&self) -> bool {
        !self.networks.is_empty()
    }
}

fn name(text: &str) -> Option<&str> {
    let labels = text.trim_end_matches('.');
    // What ends in a number is an address gone wrong (WHATWG URL, "ends in a number").
    let is_number = labels.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (!is_number && labels.split('.').all(is_label)).then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_domains_addresses_and_networks() {
        let list: HostList = "Chat.example, *.adapters.svc,10.0.0.0/8, ::1".parse().unwrap();
        for host in
            ["chat.example", "CHAT.EXAMPLE.", "a.adapters.svc", "a.b.adapters.svc", "10.1.2.3", "[::1]"]
        {
            assert!(list.has(host), "{host}");
        }
        for host in
            ["adapters.svc", ".adapters.svc", "evil.example", "chat.example.evil", "11.0.0.1", "", "[::2]"]
        {
            assert!(!list.has(host), "{host}");
        }
        assert!(list.has_address("::ffff:10.0.0.1".parse().unwrap()));
        assert!("".parse::<HostList>().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_host_is_told() {
        for wrong in ["http://a", "a:80", "10.0.0.0/33", "*", "*.", "a b", "10.0.0.256", "a..b"] {
            assert!(wrong.parse::<HostList>().unwrap_err().contains(wrong), "{wrong}");
        }
        assert!(HostList::of_networks("10.0.0.0/8,a.example").unwrap_err().contains("a.example"));
        assert!(HostList::of_networks("10.0.0.0/8").is_ok());
    }
}
