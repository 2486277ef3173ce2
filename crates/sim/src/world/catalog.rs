//! What there is in every simulation.

use std::net::{Ipv4Addr, SocketAddr};

/// The platforms, and what a conversation there costs an agent.
pub const PLATFORMS: [(&str, i32); 3] = [("chat", 34), ("phone", 100), ("app", 50)];
/// The agents that there are. Few of them work.
pub const AGENTS: [&str; 4] = ["a1", "a2", "a3", "a4"];
/// Customers who have accounts.
pub const CUSTOMERS: usize = 40;

/// Where a platform's adapter answers.
pub fn adapter_address(platform: &str) -> SocketAddr {
    let number = PLATFORMS.iter().position(|(name, _)| *name == platform).unwrap_or_default();
    SocketAddr::from((Ipv4Addr::new(127, 0, 9, 1 + u8::try_from(number).unwrap_or_default()), 6000))
}

/// The account of a customer, by number.
pub fn account_of(customer: usize) -> String {
    format!("member-{customer}")
}
