//! TLS of both sides: who is served, who is called, and by which certificates each is known.
//!
//! Both use the same files. They are read again when they change; connections that are open stay as they are, though their callers'
//! certificates are checked at every call, and new ones use what is new.

mod accept;
mod connection;
mod material;
pub(crate) mod spiffe;

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, ServerConfig,
    pki_types::{CertificateDer, UnixTime},
};

pub(crate) use accept::{Callers, accept};
pub(crate) use connection::{Accepted, Connection};

use self::material::{Files, Material};
use crate::{
    network::Network,
    settings::{Reader, Setting},
    watched::Watched,
};

/// The settings of TLS, for services and for the command line.
pub const TLS_SETTINGS: [Setting; 4] = [
    Setting::new(
        "tls-certificate",
        "",
        "PEM file of the certificate and its chain, shown to callers and to called services; empty: no TLS",
    ),
    Setting::new("tls-key", "", "PEM file of the certificate's private key"),
    Setting::new(
        "tls-ca",
        "",
        "PEM file of the authorities that callers' and called services' certificates must come from",
    ),
    Setting::new(
        "tls-revoked",
        "",
        "PEM file of revocation lists of these authorities; a certificate on one is refused, on open connections too",
    ),
];

/// Certificates, keys and authorities as they are now. Cloning shares them.
#[derive(Clone)]
pub struct Credentials {
    files: Option<Arc<Watched<Material>>>,
    /// Others beyond loopback may be spoken to without TLS.
    plaintext_beyond_loopback: bool,
    /// The way of all calls; none: sockets.
    network: Option<Arc<dyn Network>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.files.is_some() { "Credentials(TLS)" } else { "Credentials(none)" })
    }
}

impl Credentials {
    /// Plain text.
    pub const fn none() -> Self {
        Self { files: None, plaintext_beyond_loopback: true, network: None }
    }

    /// Plain text, over another network than the machine's: for the simulation.
    pub fn over(network: Arc<dyn Network>) -> Self {
        Self { network: Some(network), ..Self::none() }
    }

    pub(crate) fn network(&self) -> Option<&Arc<dyn Network>> {
        self.network.as_ref()
    }

    /// With TLS, nothing beyond loopback is called without it, unless a sidecar does that.
    #[must_use]
    pub(crate) fn plaintext_beyond_loopback(self, allowed: bool) -> Self {
        Self { plaintext_beyond_loopback: allowed || self.files.is_none(), ..self }
    }

    pub(crate) fn may_call_in_plaintext(&self, address: IpAddr) -> bool {
        self.plaintext_beyond_loopback || address.is_loopback()
    }

    /// Reads the settings of TLS and the files that they name.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let certificate = reader.get::<PathBuf>("tls-certificate");
        let key = reader.get::<PathBuf>("tls-key");
        let ca = reader.get::<PathBuf>("tls-ca");
        let revoked = reader.get::<PathBuf>("tls-revoked");
        let opened = Self::open(certificate?, key?, ca?, revoked?);
        reader.check("tls-certificate, tls-key, tls-ca, tls-revoked", opened)
    }

    /// Reads the files; an empty path is none.
    pub fn open(certificate: PathBuf, key: PathBuf, ca: PathBuf, revoked: PathBuf) -> Result<Self, String> {
        let files = Files::new(certificate, key, ca, revoked)?;
        if files.is_empty() {
            return Ok(Self::none());
        }
        let watched = Watched::open(files.paths(), move |contents| files.build(contents))?;
        let files = Some(Arc::new(watched));
        Ok(Self { files, plaintext_beyond_loopback: false, network: None })
    }

    /// How to serve, when there is a certificate. Callers may show one of their own; whether they must is the
    /// authorisation's matter.
    pub(crate) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.files.as_ref()?.current().server.clone()
    }

    /// How to call, when there are authorities to check called services against.
    pub(crate) fn client(&self) -> Option<Arc<ClientConfig>> {
        self.files.as_ref()?.current().client.clone()
    }

    /// Whether callers' certificates can be checked.
    pub(crate) fn knows_callers(&self) -> bool {
        self.files.as_ref().is_some_and(|watched| {
            let material = watched.current();
            material.server.is_some() && material.client.is_some()
        })
    }

    /// Whether a caller's certificate is good now: not over, not revoked, and of an authority that still counts. Its connection may
    /// be older than any of that.
    pub(crate) fn trust_now(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some(callers) = self.files.as_ref().and_then(|files| files.current().callers.clone()) else {
            return false;
        };
        let Some((certificate, intermediates)) = chain.split_first() else { return false };
        callers.verify_client_cert(certificate, intermediates, UnixTime::now()).is_ok()
    }

    /// Looks for new files.
    pub(crate) fn look(&self) -> Result<bool, String> {
        self.files.as_ref().map_or(Ok(false), |watched| watched.look())
    }
}
