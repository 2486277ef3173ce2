use segue_runtime::{
    hosts::HostList,
    settings::{Reader, Setting},
};

use crate::page_limits::PageLimits;

pub(crate) const EXPOSURE_SETTINGS: &[Setting] = &[
    Setting::new(
        "desk",
        "loopback",
        "the agent's desk, which has no sign-in: `loopback` for browsers on this machine, `off` for nobody",
    ),
    Setting::new(
        "public-hosts",
        LOOPBACK_HOSTS,
        "the hosts by which browsers may call the pages: names, `*.DOMAIN`, addresses, networks, separated by commas",
    ),
    Setting::new(
        "trusted-proxies",
        "",
        "addresses and networks of proxies before the pages, whose X-Forwarded-For (without it Forwarded) and X-Forwarded-Proto count; they must replace what callers send in these",
    ),
    Setting::new(
        "behind-tls",
        "false",
        "`true`: browsers reach the pages by https only, through something before them: cookies and HSTS say so",
    ),
];

const LOOPBACK_HOSTS: &str = "localhost,127.0.0.0/8,::1";

/// Whom the pages answer, and how many of them.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// Whether there is a desk, for browsers on the same machine.
    pub desk: bool,
    /// Whose pages these are, as browsers name them.
    pub public_hosts: HostList,
    /// Whose word counts about where a request came from.
    pub trusted_proxies: HostList,
    /// Browsers come by https, whatever the connection here is.
    pub behind_tls: bool,
    /// How much visitors may take.
    pub limits: PageLimits,
}

/// As the settings' defaults say.
impl Default for Exposure {
    fn default() -> Self {
        Self {
            desk: true,
            public_hosts: LOOPBACK_HOSTS.parse().unwrap_or_default(),
            trusted_proxies: HostList::default(),
            behind_tls: false,
            limits: PageLimits::default(),
        }
    }
}

impl Exposure {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let desk = reader.parse_with("desk", |text| match text {
            "loopback" => Ok(true),
            "off" => Ok(false),
            _ => Err("must be loopback or off".to_owned()),
        });
        let public_hosts = reader.parse_with("public-hosts", |text| match text.parse::<HostList>() {
            Ok(hosts) if hosts.is_empty() => Err("must name a host".to_owned()),
            other => other,
        });
        let trusted_proxies = reader.parse_with("trusted-proxies", HostList::of_networks);
        let behind_tls = reader.get("behind-tls");
        let limits = PageLimits::read(reader);
        Some(Self {
            desk: desk?,
            public_hosts: public_hosts?,
            trusted_proxies: trusted_proxies?,
            behind_tls: behind_tls?,
            limits: limits?,
        })
    }
}
