//! Who calls, over real connections: certificates, tokens, and their replacement under load.

mod abuse;
mod authorization;
mod certificates;
mod reload;
mod settings;
mod tokens;

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use segue_proto::{
    channel::v1::{DeliverAccessInfoRequest, channel_service_client::ChannelServiceClient},
    common::v1::ErrorReason,
};
use segue_runtime::{
    Running, ServerConfig, Stop,
    settings::{Reader, Setting, SettingsError},
};
use segue_testkit::{Authority, Issued, refused};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::{
    Code, Request,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::service::{Waiting, server};

pub const ISSUER: &str = "spiffe://segue.local/service/code-issuer";

const IDENTITIES: &str = r#"
[[identity]]
subject = "spiffe://segue.local/service/code-issuer"
roles = ["issuer"]
[[identity]]
subject = "issuer-by-token"
roles = ["issuer"]
[[identity]]
subject = "spiffe://segue.local/operator/*"
roles = ["operator"]
"#;

const LISTEN: &[Setting] = &[Setting::new("listen", "127.0.0.1:0", "where")];

/// Files of a service and of those who call it.
pub struct World {
    pub authority: Authority,
    pub folder: TempDir,
    pub identities: PathBuf,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let identities = folder.path().join("identities.toml");
        fs::write(&identities, IDENTITIES).unwrap();
        Self { authority, folder, identities }
    }

    /// The settings of a service with TLS.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let issued = self.authority.issue("server", "spiffe://segue.local/service/server");
        let mut settings: BTreeMap<_, _> = self.authority.settings(&issued).into_iter().collect();
        let trusted = self.trusted_by_server();
        fs::copy(&self.authority.file, &trusted).unwrap();
        settings.insert("SEGUE_TLS_CA".to_owned(), trusted.to_str().unwrap().to_owned());
        settings.insert("SEGUE_IDENTITIES".to_owned(), self.identities.to_str().unwrap().to_owned());
        settings.insert("SEGUE_RELOAD_SECONDS".to_owned(), "1".to_owned());
        settings
    }

    /// A client over TLS, with a certificate or without.
    pub async fn client(
        &self,
        running: &Running,
        issued: Option<&Issued>,
    ) -> Result<ChannelServiceClient<Channel>, tonic::transport::Error> {
        self.channel(running, issued).await.map(ChannelServiceClient::new)
    }

    /// The file of authorities that the server trusts: a copy, which a test may change.
    pub fn trusted_by_server(&self) -> PathBuf {
        self.folder.path().join("trusted.pem")
    }

    /// The certificate that a server shows, in DER.
    pub async fn shown_certificate(&self, address: SocketAddr) -> Vec<u8> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.authority.file).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    /// A channel over TLS, with a certificate or without.
    pub async fn channel(
        &self,
        running: &Running,
        issued: Option<&Issued>,
    ) -> Result<Channel, tonic::transport::Error> {
        let trust = Certificate::from_pem(fs::read(&self.authority.file).unwrap());
        let mut tls = ClientTlsConfig::new().ca_certificate(trust).domain_name("localhost");
        if let Some(Issued { certificate, key }) = issued {
            tls = tls.identity(Identity::from_pem(fs::read(certificate).unwrap(), fs::read(key).unwrap()));
        }
        let uri = format!("https://{}", running.address);
        let endpoint = Endpoint::from_shared(uri).unwrap().tls_config(tls).unwrap();
        endpoint.connect().await
    }
}

pub fn read(settings: &BTreeMap<String, String>) -> Result<ServerConfig, SettingsError> {
    let mut reader = Reader::new("test", &[LISTEN, ServerConfig::SETTINGS], ["test"], settings);
    let config = ServerConfig::read(&mut reader);
    reader.finish(config)
}

pub async fn start(settings: &BTreeMap<String, String>, stop: &Stop) -> Running {
    server(stop, Waiting::default()).await.start(&read(settings).unwrap()).await.unwrap()
}

pub async fn end(running: Running, stop: &Stop) {
    stop.now();
    running.stopped().await.unwrap();
}

/// Asks as whoever the client is; none for an answer.
pub async fn asked(client: &mut ChannelServiceClient<Channel>, token: Option<&str>) -> Option<ErrorReason> {
    let mut request = Request::new(DeliverAccessInfoRequest::default());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    match client.deliver_access_info(request).await {
        Ok(_) => None,
        Err(status) => {
            let refusal = refused(Err::<(), _>(status));
            let code = match refusal.reason {
                ErrorReason::CallerUnknown => Code::Unauthenticated,
                ErrorReason::DependencyUnavailable => Code::Unavailable,
                _ => Code::PermissionDenied,
            };
            assert_eq!(refusal.code, code);
            Some(refusal.reason)
        }
    }
}
