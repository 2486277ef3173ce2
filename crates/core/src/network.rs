use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A network that callers come from, as they are told apart and counted by it.
///
/// An IPv4 address is a network of its own, since many have no more. An IPv6 customer has a /64 at least, often a /56 or a /48, and so any
/// number of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// What one customer is given at least: an IPv4 address, an IPv6 /64.
    pub fn of(address: IpAddr) -> Self {
        match unwrapped(address) {
            IpAddr::V4(v4) => Self::v4(v4, 32),
            IpAddr::V6(v6) => Self::v6(v6, 64),
        }
    }

    /// [`Network::of`] the address, and the wider networks around that are often in one hand.
    pub fn around(address: IpAddr) -> Vec<Self> {
        match unwrapped(address) {
            IpAddr::V4(v4) => [32, 24].map(|bits| Self::v4(v4, bits)).into(),
            IpAddr::V6(v6) => [64, 56, 48].map(|bits| Self::v6(v6, bits)).into(),
        }
    }

    /// How many times as much as the smallest network it may take, as it may be many customers.
    pub fn weight(self) -> usize {
        match (self.base, self.bits) {
            (IpAddr::V4(_), 32) | (IpAddr::V6(_), 64) => 1,
            (IpAddr::V6(_), 56) => 2,
            _ => 4,
        }
    }

    fn v4(address: Ipv4Addr, bits: u8) -> Self {
        let dropped = 32 - u32::from(bits);
        Self { base: Ipv4Addr::from_bits(address.to_bits() >> dropped << dropped).into(), bits }
    }

    fn v6(address: Ipv6Addr, bits: u8) -> Self {
        let dropped = 128 - u32::from(bits);
        Self { base: Ipv6Addr::from_bits(address.to_bits() >> dropped << dropped).into(), bits }
    }
}

/// One spelling for each, which is also stored: `192.0.2.1`, `192.0.2.0/24`, `2001:db8:0:1::/64`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            IpAddr::V4(v4) if self.bits == 32 => write!(f, "{v4}"),
            IpAddr::V4(v4) => write!(f, "{v4}/{}", self.bits),
            IpAddr::V6(v6) => {
                let shown = usize::from(self.bits.div_ceil(16));
                for segment in v6.segments().into_iter().take(shown) {
                    write!(f, "{segment:x}:")?;
                }
                write!(f, ":/{}", self.bits)
            }
        }
    }
}

/// The IPv4 address in an IPv6 one: mapped, compatible, or of NAT64 (RFC 6052).
pub fn unwrapped(address: IpAddr) -> IpAddr {
    const NAT64: u128 = 0x0064_ff9b << 96;
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let head = v6.to_bits() >> 32;
    // The deprecated IPv4-compatible form (RFC 4291, section 2.5.5.1).
    let is_compatible = head == 0 && v6 != Ipv6Addr::LOCALHOST && !v6.is_unspecified();
    if head == NAT64 >> 32 || is_compatible {
        let [.., a, b, c, d] = v6.octets();
        return IpAddr::from([a, b, c, d]);
    }
    v6.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str) -> Vec<String> {
        Network::around(text.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_has_its_networks() {
        assert_eq!(around("192.0.2.77"), ["192.0.2.77", "192.0.2.0/24"]);
        let networks = ["2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"];
        assert_eq!(around("2001:db8:1:2345:6::7"), networks);
        assert_eq!(Network::of("2001:db8::1".parse().unwrap()).to_string(), "2001:db8:0:0::/64");
        let weights: Vec<usize> =
            Network::around("2001:db8::1".parse().unwrap()).iter().map(|one| one.weight()).collect();
        assert_eq!(weights, [1, 2, 4]);
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_every_form() {
        for text in ["::ffff:192.0.2.77", "64:ff9b::192.0.2.77", "::192.0.2.77"] {
            assert_eq!(around(text), around("192.0.2.77"), "{text}");
        }
        assert_eq!(around("::1")[0], "0:0:0:0::/64");
        assert_eq!(around("64:ff9b:1::1")[0], "64:ff9b:1:0::/64", "another prefix than the well-known one");
    }
}
