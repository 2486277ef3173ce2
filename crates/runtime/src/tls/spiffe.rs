//! SPIFFE ids in certificates (the X.509-SVID standard, section 2).

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

pub(crate) const SCHEME: &str = "spiffe://";
/// Of the SPIFFE-ID standard, section 2.3.
const MAX_ID_BYTES: usize = 2048;

/// The id in a chain's first certificate, which the handshake has verified. The standard asks for exactly one URI, so a
/// certificate with more of them names nobody.
pub(crate) fn id_of(chain: Option<&[CertificateDer<'_>]>) -> Option<Arc<str>> {
    let certificate = webpki::EndEntityCert::try_from(chain?.first()?).ok()?;
    let mut uris = certificate.valid_uri_names();
    match (uris.next(), uris.next()) {
        (Some(id), None) if is_id(id) => Some(id.into()),
        _ => None,
    }
}

/// Whether a text is an id with a trust domain and a path.
pub(crate) fn is_id(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let domain_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    let path_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.len() <= MAX_ID_BYTES
        && !domain.is_empty()
        && domain.bytes().all(domain_byte)
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(path_byte))
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_read_as_the_standard_writes_them() {
        for id in ["spiffe://segue.local/service/code-issuer", "spiffe://a/ns/x/sa/y.z_1"] {
            assert!(is_id(id), "{id}");
        }
        let long = format!("spiffe://a/{}", "x".repeat(2048));
        for other in [
            "https://segue.local/service",
            "spiffe://segue.local",
            "spiffe://segue.local/",
            "spiffe:///service",
            "spiffe://Segue.local/service",
            "spiffe://user@segue.local/service",
            "spiffe://segue.local:8443/service",
            "spiffe://segue.local/a//b",
            "spiffe://segue.local/a/../b",
            "spiffe://segue.local/a%2fb",
            "spiffe://segue.local/a?b",
            &long,
        ] {
            assert!(!is_id(other), "{other}");
        }
    }
}
