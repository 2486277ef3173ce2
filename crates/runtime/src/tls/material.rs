use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};

const HTTP2: &[u8] = b"h2";

/// Which files were named.
pub(super) struct Files {
    pair: Option<(PathBuf, PathBuf)>,
    ca: Option<PathBuf>,
    revoked: Option<PathBuf>,
}

/// What was made of them.
pub(super) struct Material {
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) client: Option<Arc<ClientConfig>>,
    /// Checks callers' certificates, at their handshake and later.
    pub(super) callers: Option<Arc<dyn ClientCertVerifier>>,
}

/// Whom others' certificates must come from, and which of them are good no more.
struct Trust {
    roots: Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<CryptoProvider>,
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Files {
    pub(super) fn new(
        certificate: PathBuf,
        key: PathBuf,
        ca: PathBuf,
        revoked: PathBuf,
    ) -> Result<Self, String> {
        let given = |path: PathBuf| (!path.as_os_str().is_empty()).then_some(path);
        let pair = match (given(certificate), given(key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("tls-certificate and tls-key need each other".to_owned()),
        };
        let (ca, revoked) = (given(ca), given(revoked));
        if ca.is_none() && revoked.is_some() {
            return Err("tls-revoked needs tls-ca".to_owned());
        }
        Ok(Self { pair, ca, revoked })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pair.is_none() && self.ca.is_none()
    }

    /// The files to read.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let pair = self.pair.iter().flat_map(|(certificate, key)| [certificate, key]);
        pair.chain(&self.ca).chain(&self.revoked).cloned().collect()
    }

    /// What is made of their contents, in the same order.
    pub(super) fn build(&self, contents: &[Vec<u8>]) -> Result<Material, String> {
        let mut contents = contents.iter().map(Vec::as_slice);
        let pair = self.pair.is_some().then(|| read_pair(contents.next(), contents.next())).transpose()?;
        let roots = self.ca.is_some().then(|| read_roots(contents.next())).transpose()?;
        let revoked = self.revoked.is_some().then(|| read_revoked(contents.next())).transpose()?;
        build(pair, roots, revoked.unwrap_or_default())
    }
}

fn read_pair(certificate: Option<&[u8]>, key: Option<&[u8]>) -> Result<Pair, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.unwrap_or_default())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("tls-certificate: {error}"))?;
    // The error of a key's reading could quote the key.
    let key = PrivateKeyDer::from_pem_slice(key.unwrap_or_default())
        .map_err(|_| "tls-key: holds no private key in PEM".to_owned())?;
    if chain.is_empty() {
        return Err("tls-certificate: holds no certificate in PEM".to_owned());
    }
    Ok((chain, key))
}

fn read_roots(ca: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| format!("tls-ca: {error}"))?;
        roots.add(certificate).map_err(|error| format!("tls-ca: {error}"))?;
    }
    if roots.is_empty() { Err("tls-ca: holds no certificate in PEM".to_owned()) } else { Ok(roots) }
}

fn read_revoked(list: Option<&[u8]>) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(list.unwrap_or_default())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("tls-revoked: {error}"))?;
    if lists.is_empty() { Err("tls-revoked: holds no revocation list in PEM".to_owned()) } else { Ok(lists) }
}

impl Trust {
    /// A caller without a certificate may have a token; one with a certificate that is no good is turned away.
    fn callers(&self) -> Result<Arc<dyn ClientCertVerifier>, String> {
        // An authority without a list revokes nothing.
        WebPkiClientVerifier::builder_with_provider(self.roots.clone(), self.provider.clone())
            .with_crls(self.revoked.clone())
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status()
            .allow_unauthenticated()
            .build()
            .map_err(|error| format!("tls-ca, tls-revoked: {error}"))
    }

    fn called(&self) -> Result<Arc<WebPkiServerVerifier>, String> {
        WebPkiServerVerifier::builder_with_provider(self.roots.clone(), self.provider.clone())
            .with_crls(self.revoked.clone())
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status()
            .build()
            .map_err(|error| format!("tls-ca, tls-revoked: {error}"))
    }
}

fn build(
    pair: Option<Pair>,
    roots: Option<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Material, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let trust = roots.map(|roots| Trust { roots: Arc::new(roots), revoked, provider: provider.clone() });
    let callers = trust.as_ref().map(Trust::callers).transpose()?;
    let server = pair.as_ref().map(|pair| server(pair, callers.clone(), provider)).transpose()?.map(Arc::new);
    let client = trust.map(|trust| client(pair, &trust)).transpose()?.map(Arc::new);
    Ok(Material { server, client, callers })
}

fn server(
    (chain, key): &Pair,
    callers: Option<Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match callers {
        None => builder.with_no_client_auth(),
        Some(callers) => builder.with_client_cert_verifier(callers),
    };
    let mut config = builder
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(|error| format!("tls-certificate: {error}"))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // A resumed connection would not be checked again: neither the caller's certificate nor its authority.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn client(pair: Option<Pair>, trust: &Trust) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(trust.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_webpki_verifier(trust.called()?);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("tls-certificate: {error}"))?
        }
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(config)
}
