use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};

const HTTP2: &[u8] = b"h2";

/// Which files were named.
pub(super) struct Files {
    pair: Option<(PathBuf, PathBuf)>,
    ca: Option<PathBuf>,
}

/// What was made of them.
pub(super) struct Material {
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) client: Option<Arc<ClientConfig>>,
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Files {
    pub(super) fn new(certificate: PathBuf, key: PathBuf, ca: PathBuf) -> Result<Self, String> {
        let given = |path: PathBuf| (!path.as_os_str().is_empty()).then_some(path);
        let pair = match (given(certificate), given(key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("tls-certificate and tls-key need each other".to_owned()),
        };
        Ok(Self { pair, ca: given(ca) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pair.is_none() && self.ca.is_none()
    }

    /// The files to read.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let pair = self.pair.iter().flat_map(|(certificate, key)| [certificate, key]);
        pair.chain(&self.ca).cloned().collect()
    }

    /// What is made of their contents, in the same order.
    pub(super) fn build(&self, contents: &[Vec<u8>]) -> Result<Material, String> {
        let mut contents = contents.iter().map(Vec::as_slice);
        let pair = self.pair.is_some().then(|| read_pair(contents.next(), contents.next())).transpose()?;
        let roots = self.ca.is_some().then(|| read_roots(contents.next())).transpose()?;
        build(pair, roots)
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

fn build(pair: Option<Pair>, roots: Option<RootCertStore>) -> Result<Material, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = roots.map(Arc::new);
    let server =
        pair.as_ref().map(|pair| server(pair, roots.clone(), provider.clone())).transpose()?.map(Arc::new);
    let client = roots.map(|roots| client(pair, roots, provider)).transpose()?.map(Arc::new);
    Ok(Material { server, client })
}

fn server(
    (chain, key): &Pair,
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match roots {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(
            // A caller without a certificate may have a token; one with a certificate that is no good is turned away.
            WebPkiClientVerifier::builder_with_provider(roots, provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| format!("tls-ca: {error}"))?,
        ),
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

fn client(
    pair: Option<Pair>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("tls-certificate: {error}"))?
        }
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(config)
}
