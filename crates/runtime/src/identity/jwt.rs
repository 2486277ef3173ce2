//! Bearer tokens: JSON Web Tokens (RFC 7519) signed with a key of a JWKS, checked as RFC 8725 asks.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Validation, decode, decode_header};
use segue_core::SharedClock;
use segue_proto::common::v1::ErrorReason;
use serde::Deserialize;

use super::{
    jwks::{KeySource, Keys, VerifyingKey},
    unknown,
};
use crate::{Refusal, tls::spiffe};

/// The longest subject, which is stored in the audit log and can be searched there.
const MAX_SUBJECT_BYTES: usize = 512;
/// How far the clocks of issuer and service may be apart.
const LEEWAY_SECONDS: f64 = 30.0;
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Which tokens are accepted.
#[derive(Debug, Clone)]
pub(super) struct TokenConfig {
    keys: KeySource,
    issuer: String,
    audience: String,
    life: Duration,
}

impl TokenConfig {
    /// Tokens of one issuer for one audience: without these a token for something else would do here.
    pub(super) fn new(
        keys: KeySource,
        issuer: String,
        audience: String,
        life: Duration,
    ) -> Result<Self, String> {
        if issuer.is_empty() || audience.is_empty() {
            return Err("must be given with jwt-keys".to_owned());
        }
        Ok(Self { keys, issuer, audience, life })
    }
}

/// What is read of a token. RFC 7519 lets times have a fraction.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    #[serde(default)]
    nbf: f64,
}

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    keys: Keys,
    issuer: String,
    audience: String,
    life: Duration,
    clock: SharedClock,
}

impl Tokens {
    pub(super) fn new(config: TokenConfig, clock: SharedClock) -> Self {
        let TokenConfig { keys, issuer, audience, life } = config;
        Self { keys: Keys::new(keys, clock.clone()), issuer, audience, life, clock }
    }

    pub(super) async fn look(&self) {
        self.keys.look().await;
    }

    /// The subject of a token; an error unless all checks pass.
    pub(super) async fn subject(&self, token: &str) -> Result<String, Refusal> {
        let bad = || unknown("the bearer token is not one that is taken here");
        if token.len() > MAX_TOKEN_BYTES {
            return Err(bad());
        }
        let header = decode_header(token).map_err(|_| bad())?;
        // Critical header parameters are not supported (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(bad());
        }
        // A token of another kind says so, and is for something else (RFC 8725, 3.11).
        if header.typ.is_some_and(|kind| !is_access_token(&kind)) {
            return Err(bad());
        }
        let key_id = header.kid.ok_or_else(bad)?;
        let key = match self.keys.find(&key_id).await {
            Ok(key) => key.ok_or_else(bad)?,
            Err(()) => {
                return Err(Refusal::new(
                    ErrorReason::DependencyUnavailable,
                    "the keys of tokens can't be had, so no token can be checked",
                )
                .metadata("service", "jwt-keys"));
            }
        };
        // The key says which algorithms it is for; what the token asks for must be among them (RFC 8725, 3.1).
        if !key.algorithms.contains(&header.alg) {
            return Err(bad());
        }
        let claims = self.verify(token, &key, header.alg).ok_or_else(bad)?;
        // SPIFFE ids come from certificates only: the issuer of tokens must not be able to name a service.
        if claims.sub.starts_with(spiffe::SCHEME) {
            return Err(bad());
        }
        Ok(claims.sub)
    }

    fn verify(
        &self,
        token: &str,
        key: &Arc<VerifyingKey>,
        algorithm: jsonwebtoken::Algorithm,
    ) -> Option<Claims> {
        let mut rules = Validation::new(algorithm);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        // Times are checked against the service's clock, below; the library would take the machine's.
        rules.validate_exp = false;
        let claims = decode::<Claims>(token, &key.key, &rules).ok()?.claims;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of our time fit into a double")]
        let now = self.clock.now_ms() as f64 / 1000.0;
        let in_time = claims.exp + LEEWAY_SECONDS > now && claims.nbf - LEEWAY_SECONDS <= now;
        // The lifetime is bounded, so that a stolen token is not valid for years.
        let too_long = claims.exp - LEEWAY_SECONDS - now > self.life.as_secs_f64();
        let is_name =
            (1..=MAX_SUBJECT_BYTES).contains(&claims.sub.len()) && !claims.sub.contains(char::is_control);
        (in_time && !too_long && is_name).then_some(claims)
    }
}

/// Of RFC 9068, section 2.1, or of nothing more than that it's a token at all.
fn is_access_token(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
}
