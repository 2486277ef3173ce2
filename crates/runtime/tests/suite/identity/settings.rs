//! Settings that don't fit together are told, all at once, before anything is served.

use std::{collections::BTreeMap, fs};

use segue_runtime::{BootError, Stop, settings::SettingsError};

use super::{World, read};
use crate::service::{Waiting, server};

fn with(base: &BTreeMap<String, String>, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut settings = base.clone();
    for (name, value) in changes {
        settings.insert(format!("SEGUE_{name}"), (*value).to_owned());
    }
    settings
}

#[test]
fn what_does_not_fit_together_is_told() {
    let world = World::new();
    let good = world.settings();
    read(&good).unwrap();
    let none = BTreeMap::new();
    read(&none).unwrap();
    let nonsense = world.folder.path().join("nonsense");
    fs::write(&nonsense, "-----BEGIN CERTIFICATE-----\nnonsense\n").unwrap();
    let nonsense = nonsense.to_str().unwrap();
    let other = world.authority.issue("other", "spiffe://segue.local/service/other");
    let identities = world.identities.to_str().unwrap();
    let cases = [
        (with(&good, &[("TLS_KEY", "")]), "need each other"),
        (with(&good, &[("TLS_CERTIFICATE", "/nowhere.pem")]), "/nowhere.pem: No such file"),
        (with(&good, &[("TLS_CERTIFICATE", nonsense)]), "tls-certificate"),
        (with(&good, &[("TLS_KEY", nonsense)]), "no private key"),
        (with(&good, &[("TLS_KEY", other.key.to_str().unwrap())]), "tls-certificate"),
        (with(&good, &[("TLS_CA", nonsense)]), "tls-ca"),
        (with(&good, &[("TLS_CA", "")]), "nobody can be known"),
        (with(&good, &[("TLS_CA", ""), ("IDENTITIES", "")]), "would let in whoever connects"),
        (with(&good, &[("IDENTITIES", "")]), "must be given"),
        (with(&good, &[("IDENTITIES", nonsense)]), "identities"),
        (with(&good, &[("RELOAD_SECONDS", "0")]), "from 1 to 3600"),
        (with(&none, &[("IDENTITIES", identities)]), "nobody can be known"),
        (with(&good, &[("JWT_KEYS", "/nowhere.json")]), "/nowhere.json"),
        (with(&good, &[("JWT_KEYS", nonsense)]), "JWK set"),
        (with(&good, &[("JWT_KEYS", "http://login.example/keys")]), "https"),
        (with(&good, &[("JWT_KEYS", "https://login.example/keys")]), "must be given with jwt-keys"),
    ];
    for (settings, part) in cases {
        let SettingsError(errors) = read(&settings).unwrap_err();
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:?}");
    }
}

#[tokio::test]
async fn beyond_loopback_there_is_tls_or_a_sidecar_or_nothing() {
    let world = World::new();
    let start = async |settings: &BTreeMap<String, String>| {
        let stop = Stop::new();
        let config = read(&with(settings, &[("LISTEN", "0.0.0.0:0")])).unwrap();
        let started = server(&stop, Waiting::default()).await.start(&config).await;
        stop.now();
        match started {
            Ok(running) => running.stopped().await.is_ok(),
            Err(error) => {
                assert!(matches!(error, BootError::Plaintext(_)), "{error}");
                false
            }
        }
    };
    assert!(!start(&BTreeMap::new()).await);
    assert!(start(&world.settings()).await, "TLS");
    let sidecar = with(&BTreeMap::new(), &[("PLAINTEXT_BEYOND_LOOPBACK", "true")]);
    assert!(start(&sidecar).await, "a sidecar");
}
