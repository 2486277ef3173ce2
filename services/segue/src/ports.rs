//! The ports of the services, and the flags that choose them.

use clap::Args;

/// Where the services listen, all on loopback; 0 takes a free port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// platform-selector.
    pub selector: u16,
    /// code-issuer.
    pub issuer: u16,
    /// priority-router.
    pub router: u16,
    /// web-channel's `ChannelService`.
    pub channel: u16,
    /// web-channel's pages.
    pub pages: u16,
}

/// Ports on loopback.
#[derive(Debug, Clone, Copy, Args)]
pub struct PortFlags {
    /// Port of platform-selector
    #[arg(long, default_value_t = 50051)]
    selector_port: u16,
    /// Port of code-issuer
    #[arg(long, default_value_t = 50052)]
    issuer_port: u16,
    /// Port of priority-router
    #[arg(long, default_value_t = 50053)]
    router_port: u16,
    /// Port of web-channel's ChannelService
    #[arg(long, default_value_t = 50054)]
    channel_port: u16,
    /// Port of the pages
    #[arg(long, default_value_t = 8080)]
    pages_port: u16,
}

impl PortFlags {
    /// The flag by which a port was chosen.
    pub(crate) fn flag_of(self, port: u16) -> Option<&'static str> {
        let flags = [
            (self.selector_port, "--selector-port"),
            (self.issuer_port, "--issuer-port"),
            (self.router_port, "--router-port"),
            (self.channel_port, "--channel-port"),
            (self.pages_port, "--pages-port"),
        ];
        flags.into_iter().find(|(chosen, _)| *chosen == port).map(|(_, flag)| flag)
    }
}

impl From<PortFlags> for Ports {
    fn from(flags: PortFlags) -> Self {
        Self {
            selector: flags.selector_port,
            issuer: flags.issuer_port,
            router: flags.router_port,
            channel: flags.channel_port,
            pages: flags.pages_port,
        }
    }
}
