//! The keys that tokens are checked with: a JWK set (RFC 7517), from a file or a URL.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use parking_lot::RwLock;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use segue_core::SharedClock;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::told;
use crate::{
    hosts::{HostNotAllowed, Reach},
    watched::Watched,
};

/// How long keys from a URL are taken to be the newest. A key that isn't among them is looked for at once.
const FRESH_MS: i64 = 5 * 60 * 1000;
/// Between two fetches, whoever asks: made-up key ids must not become a flood to whoever issues the tokens.
const MIN_PAUSE_MS: i64 = 10 * 1000;
/// Keys from a URL that has not answered for so long are taken no more: one of them may have been withdrawn since.
const LONGEST_HELD_MS: i64 = 24 * 60 * 60 * 1000;
const FETCH_LIMIT: Duration = Duration::from_secs(3);
const MAX_SET_BYTES: usize = 256 * 1024;

/// Where keys come from.
#[derive(Debug, Clone)]
pub(super) enum KeySource {
    File(Arc<Watched<KeySet>>),
    /// The URL, and where its host may be.
    Url(Url, Reach),
}

impl KeySource {
    /// None for nothing. Plain http is for this machine only: who can change the keys can be anybody.
    pub(super) fn parse(text: &str, reach: &Reach) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let Some(url) = Url::parse(text).ok().filter(|url| url.scheme().starts_with("http")) else {
            let watched = Watched::open(vec![PathBuf::from(text)], |contents| {
                KeySet::parse(contents.first().map(Vec::as_slice).unwrap_or_default())
            })?;
            return Ok(Some(Self::File(Arc::new(watched))));
        };
        let local = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        if url.scheme() != "https" && !local {
            return Err("must be a file or an https URL".to_owned());
        }
        reach
            .check_host(url.host_str().unwrap_or_default())
            .map_err(|not_allowed| format!("{not_allowed} (setting jwt-keys-hosts)"))?;
        Ok(Some(Self::Url(url, reach.clone())))
    }
}

/// A key and what it may be used with.
pub(super) struct VerifyingKey {
    pub(super) key: DecodingKey,
    pub(super) algorithms: Vec<Algorithm>,
}

/// Keys by their ids.
pub(super) struct KeySet(HashMap<String, Arc<VerifyingKey>>);

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// A set's keys for signatures. Keys of unknown kinds are passed over, as RFC 7517, section 5, asks.
    fn parse(json: &[u8]) -> Result<Self, String> {
        let set: WrittenSet = serde_json::from_slice(json).map_err(|_| "is not a JWK set".to_owned())?;
        let keys = set.keys.into_iter().filter_map(|key| read_key(serde_json::from_value(key).ok()?));
        Ok(Self(keys.collect()))
    }
}

fn read_key(jwk: Jwk) -> Option<(String, Arc<VerifyingKey>)> {
    if jwk.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    let mut algorithms = algorithms_of(&jwk.algorithm);
    if let Some(named) = jwk.common.key_algorithm {
        let named: Algorithm = named.to_string().parse().ok()?;
        algorithms.retain(|algorithm| *algorithm == named);
    }
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, Arc::new(VerifyingKey { key, algorithms })))
}

/// A shared secret is never taken: whoever can check with it can also sign with it.
fn algorithms_of(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    use Algorithm as A;
    match parameters {
        AlgorithmParameters::RSA(_) => {
            vec![A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![A::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![A::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![A::EdDSA],
        _ => vec![],
    }
}

/// The keys as they are known now.
#[derive(Debug)]
pub(super) struct Keys {
    source: KeySource,
    /// With the time of the fetch.
    fetched: RwLock<Option<(Arc<KeySet>, i64)>>,
    /// When the URL was last asked. Who holds it asks; the others wait for the answer.
    asked_ms: Mutex<Option<i64>>,
    clock: SharedClock,
}

impl Keys {
    pub(super) fn new(source: KeySource, clock: SharedClock) -> Self {
        Self { source, fetched: RwLock::default(), asked_ms: Mutex::default(), clock }
    }

    /// The key of an id, or an error when no keys are known at all.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Arc<VerifyingKey>>, ()> {
        let (url, reach) = match &self.source {
            KeySource::File(watched) => return Ok(watched.current().0.get(id).cloned()),
            KeySource::Url(url, reach) => (url, reach),
        };
        if let Some(key) = self.known().and_then(|set| set.0.get(id).cloned()) {
            return Ok(Some(key));
        }
        self.fetch(url, reach, MIN_PAUSE_MS).await;
        self.known().map(|set| set.0.get(id).cloned()).ok_or(())
    }

    /// Looks at the file, or asks the URL when what is known is no longer fresh.
    pub(super) async fn look(&self) {
        match &self.source {
            KeySource::File(watched) => told("keys of tokens", watched.look()),
            KeySource::Url(url, reach) => self.fetch(url, reach, FRESH_MS).await,
        }
    }

    fn known(&self) -> Option<Arc<KeySet>> {
        let fetched = self.fetched.read();
        let (set, at) = fetched.as_ref()?;
        ((self.clock.now_ms() - at).abs() < LONGEST_HELD_MS).then(|| set.clone())
    }

    /// Asks the URL, unless it was asked within the pause.
    async fn fetch(&self, url: &Url, reach: &Reach, pause_ms: i64) {
        let mut asked = self.asked_ms.lock().await;
        let now = self.clock.now_ms();
        // A clock that was set back must not stop it.
        if asked.is_some_and(|then| (now - then).abs() < pause_ms) {
            return;
        }
        *asked = Some(now);
        match fetch(url.clone(), reach.clone()).await {
            Ok(set) => {
                let fetched = Some((Arc::new(set), self.clock.now_ms()));
                *self.fetched.write() = fetched;
            }
            Err(error) => tracing::error!(%error, "the keys of tokens could not be fetched"),
        }
    }
}

/// A connection of its own each time: it is rare, and names and certificates may have changed.
async fn fetch(url: Url, reach: Reach) -> Result<KeySet, String> {
    let plain = |error: reqwest::Error| error.without_url().to_string();
    let client = reqwest::Client::builder()
        .timeout(FETCH_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(Within(reach)))
        .build()
        .map_err(plain)?;
    let mut answer =
        client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(plain)?;
    let mut json = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(plain)? {
        json.extend_from_slice(&chunk);
        if json.len() > MAX_SET_BYTES {
            return Err(format!("is larger than {MAX_SET_BYTES} bytes"));
        }
    }
    let keys = KeySet::parse(&json)?;
    // A file may be empty by intent, until there is somebody to trust. An answer without keys is more likely a mistake, and
    // taken over it would lock out everybody.
    if keys.0.is_empty() { Err("holds no key to check signatures with".to_owned()) } else { Ok(keys) }
}

/// Looks names up, and leaves out addresses that they must not lead to.
struct Within(Reach);

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|found| reach.check_address(found.ip()).is_ok()).collect();
            if allowed.is_empty() {
                return Err(HostNotAllowed.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_allowed_hosts_only() {
        let parse = |list: &str, url: &str| KeySource::parse(url, &list.parse().unwrap());
        assert!(parse("", "https://login.example/keys").is_ok());
        assert!(parse("*.example", "https://login.example/keys").is_ok());
        for (list, url) in [
            ("*.example", "https://login.evil/keys"),
            ("*.example", "https://10.0.0.1/keys"),
            ("", "https://169.254.169.254/keys"),
            ("", "https://[fe80::1]/keys"),
        ] {
            let wrong = parse(list, url).err().unwrap();
            assert!(wrong.contains("jwt-keys-hosts"), "{url}: {wrong}");
        }
    }

    #[tokio::test]
    async fn a_name_of_keys_leads_nowhere_but_where_it_may() {
        let found = async |list: &str| {
            let name = "localhost".parse().unwrap();
            Within(list.parse().unwrap()).resolve(name).await.map(Iterator::count).unwrap_or_default()
        };
        assert!(found("").await > 0 && found("127.0.0.0/8,::1").await > 0);
        assert_eq!((found("localhost").await, found("localhost,10.0.0.0/8").await), (0, 0));
    }
}
