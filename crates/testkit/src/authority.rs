use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use segue_core::{Clock as _, SystemClock};

/// A certificate authority with files of its own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// Its certificate, in PEM.
    pub file: PathBuf,
    /// The serial number of the last certificate in each file.
    serials: Mutex<BTreeMap<PathBuf, u64>>,
}

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Now,
    /// Not any more.
    Over,
    /// For a moment.
    For(Duration),
}

impl Authority {
    /// A new one, which writes into a folder.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, folder: folder.to_owned(), file, serials: Mutex::default() }
    }

    /// A certificate for this machine with a SPIFFE id, written as `NAME.pem` and `NAME.key`.
    pub fn issue(&self, name: &str, spiffe_id: &str) -> Issued {
        self.issue_with(name, &[spiffe_id], Validity::Now)
    }

    /// A certificate with any number of URIs.
    pub fn issue_with(&self, name: &str, uris: &[&str], validity: Validity) -> Issued {
        // As the manifests' certificates do, for those who reach it by a forwarded port.
        let in_cluster = format!("{name}.segue.svc.cluster.local");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), in_cluster];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = match validity {
            Validity::Now => date_time_ymd(2100, 1, 1),
            Validity::Over => date_time_ymd(2021, 1, 1),
            Validity::For(time) => {
                let now = Duration::from_millis(SystemClock.now_ms().unsigned_abs());
                (UNIX_EPOCH + now + time).into()
            }
        };
        let file = self.folder.join(format!("{name}.pem"));
        let serial = {
            let mut serials = self.serials.lock().unwrap();
            let serial = serials.values().max().map_or(1, |last| last + 1);
            serials.insert(file.clone(), serial);
            serial
        };
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let issued = Issued { certificate: file, key: self.folder.join(format!("{name}.key")) };
        fs::write(&issued.certificate, certificate.pem()).unwrap();
        fs::write(&issued.key, key.serialize_pem()).unwrap();
        issued
    }

    /// A list of certificates that are good no more, in PEM.
    pub fn revoke(&self, revoked: &[&Issued]) -> String {
        let serials = self.serials.lock().unwrap();
        let revoked_certs = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(serials[&issued.certificate]),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// The settings of a service that shows a certificate and trusts this authority.
    pub fn settings(&self, issued: &Issued) -> [(String, String); 3] {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("SEGUE_TLS_CERTIFICATE".to_owned(), path(&issued.certificate)),
            ("SEGUE_TLS_KEY".to_owned(), path(&issued.key)),
            ("SEGUE_TLS_CA".to_owned(), path(&self.file)),
        ]
    }
}
