//! Certificates and identities of a test's system.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use segue_runtime::Credentials;
use segue_testkit::{Authority, Issued, Validity};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// The SPIFFE id of a caller that may do whatever a test needs for its data and its desk.
pub const EVERYTHING: &str = "spiffe://segue.local/test/everything";

/// Another one.
pub const EVERYTHING_TOO: &str = "spiffe://segue.local/test/everything-too";

/// Who is what: the services as in production, and one family of callers for each role.
const IDENTITIES: &str = r#"
[[identity]]
subject = "spiffe://segue.local/service/code-issuer"
roles = ["issuer"]

[[identity]]
subject = "spiffe://segue.local/service/platform-selector"
roles = ["selector"]

[[identity]]
subject = "spiffe://segue.local/service/web-channel"
roles = ["platform", "desk"]
platforms = ["web_chat", "app"]
agents = ["*"]

[[identity]]
subject = "spiffe://segue.local/operator/*"
roles = ["operator"]

[[identity]]
subject = "spiffe://segue.local/admin/*"
roles = ["admin"]

[[identity]]
subject = "spiffe://segue.local/platform-admin/*"
roles = ["platform-admin"]

[[identity]]
subject = "spiffe://segue.local/account-admin/*"
roles = ["account-admin"]

[[identity]]
subject = "spiffe://segue.local/routing-admin/*"
roles = ["routing-admin"]

[[identity]]
subject = "spiffe://segue.local/handoff-admin/*"
roles = ["handoff-admin"]

[[identity]]
subject = "spiffe://segue.local/auditor/*"
roles = ["auditor"]

[[identity]]
subject = "spiffe://segue.local/desk/*"
roles = ["desk"]
agents = ["{}"]

[[identity]]
subject = "spiffe://segue.local/platform/*"
roles = ["platform"]
platforms = ["{}"]

[[identity]]
subject = "spiffe://segue.local/test/everything"
roles = ["admin", "desk", "platform"]
agents = ["*"]
platforms = ["*"]

[[identity]]
subject = "spiffe://segue.local/test/everything-too"
roles = ["admin", "desk", "platform"]
agents = ["*"]
platforms = ["*"]
"#;

/// An authority and who it has vouched for.
pub struct Security {
    authority: Authority,
    identities: PathBuf,
}

impl Security {
    /// A new authority, with its files in a folder.
    pub fn new(folder: &Path) -> Self {
        let identities = folder.join("identities.toml");
        fs::write(&identities, IDENTITIES).unwrap();
        Self { authority: Authority::new(folder, "authority"), identities }
    }

    /// The settings by which a service shows who it is and tells its callers apart.
    pub fn settings_of(&self, service: &str) -> Vec<(String, String)> {
        let issued = self.issue(service, &format!("spiffe://segue.local/service/{service}"));
        let identities = self.identities.to_str().unwrap().to_owned();
        let mut settings = self.authority.settings(&issued).to_vec();
        settings.push(("SEGUE_IDENTITIES".to_owned(), identities));
        settings
    }

    /// A certificate for a SPIFFE id.
    pub fn issue(&self, name: &str, spiffe_id: &str) -> Issued {
        self.authority.issue(name, spiffe_id)
    }

    /// One that is good for a moment.
    pub fn issue_for(&self, name: &str, spiffe_id: &str, time: Duration) -> Issued {
        self.authority.issue_with(name, &[spiffe_id], Validity::For(time))
    }

    /// The file that says who is what.
    pub fn identities(&self) -> &Path {
        &self.identities
    }

    /// The authority's own certificate.
    pub fn authority_file(&self) -> &Path {
        &self.authority.file
    }

    /// What a client made of our own code shows.
    pub fn credentials(&self, issued: &Issued) -> Credentials {
        let Issued { certificate, key } = issued.clone();
        Credentials::open(certificate, key, self.authority.file.clone(), PathBuf::new()).unwrap()
    }

    /// A client of the library's own TLS.
    pub fn endpoint(&self, address: SocketAddr, issued: Option<&Issued>) -> Endpoint {
        let read = |path: &Path| fs::read(path).unwrap();
        let trust = Certificate::from_pem(read(&self.authority.file));
        let mut tls = ClientTlsConfig::new().ca_certificate(trust).domain_name("localhost");
        if let Some(Issued { certificate, key }) = issued {
            tls = tls.identity(Identity::from_pem(read(certificate), read(key)));
        }
        Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap()
    }
}
