//! TLS of both sides: who is served, who is called, and by which certificates each is known.
//!
//! Both use the same three files. They are read again when they change; connections that are open stay as they are, new
//! ones use what is new.

mod accept;
mod material;

use std::{fmt, path::PathBuf, sync::Arc};

use rustls::{ClientConfig, ServerConfig};

pub(crate) use accept::{Accepted, Connection, accept};

use self::material::{Files, Material};
use crate::{
    settings::{Reader, Setting},
    watched::Watched,
};

/// The settings of TLS, for services and for the command line.
pub const TLS_SETTINGS: &[Setting] = &[
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
];

/// Certificates, keys and authorities as they are now. Cloning shares them.
#[derive(Clone)]
pub struct Credentials(Option<Arc<Watched<Material>>>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Credentials(TLS)" } else { "Credentials(none)" })
    }
}

impl Credentials {
    /// Plain text.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Reads the settings of TLS and the files that they name.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let certificate = reader.get::<PathBuf>("tls-certificate");
        let key = reader.get::<PathBuf>("tls-key");
        let ca = reader.get::<PathBuf>("tls-ca");
        let opened = Self::open(certificate?, key?, ca?);
        reader.check("tls-certificate, tls-key, tls-ca", opened)
    }

    /// Reads the files; an empty path is none.
    pub fn open(certificate: PathBuf, key: PathBuf, ca: PathBuf) -> Result<Self, String> {
        let files = Files::new(certificate, key, ca)?;
        if files.is_empty() {
            return Ok(Self::none());
        }
        let (paths, build) = files.into_build();
        Ok(Self(Some(Arc::new(Watched::open(paths, build)?))))
    }

    /// How to serve, when there is a certificate. Callers may show one of their own; whether they must is the
    /// authorisation's matter.
    pub(crate) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.0.as_ref()?.current().server.clone()
    }

    /// How to call, when there are authorities to check called services against.
    pub(crate) fn client(&self) -> Option<Arc<ClientConfig>> {
        self.0.as_ref()?.current().client.clone()
    }

    /// Whether callers' certificates can be checked.
    pub(crate) fn knows_callers(&self) -> bool {
        self.0.as_ref().is_some_and(|watched| {
            let material = watched.current();
            material.server.is_some() && material.client.is_some()
        })
    }

    /// Looks for new files.
    pub(crate) fn look(&self) -> Result<bool, String> {
        self.0.as_ref().map_or(Ok(false), |watched| watched.look())
    }
}
