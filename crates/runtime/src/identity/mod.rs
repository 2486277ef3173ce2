//! Who calls: a subject, from a certificate or a token, and what the file of identities says that it is.

mod grants;
mod jwks;
mod jwt;

use std::{path::PathBuf, sync::Arc, time::Duration};

use segue_core::{CallerId, SharedClock};
use segue_proto::common::v1::ErrorReason;

pub use grants::Role;
pub(crate) use grants::{Caller, Grants};
pub(crate) use jwt::Tokens;

use self::{jwks::KeySource, jwt::TokenConfig};
use crate::{
    Refusal,
    hosts::Reach,
    settings::{Reader, Setting},
    tls::{Accepted, Credentials},
    watched::Watched,
};

const BEARER: &str = "Bearer ";

/// The settings of identities.
pub(crate) const IDENTITY_SETTINGS: [Setting; 7] = [
    Setting::new(
        "identities",
        "",
        "TOML file that says which subject is what, see docs/access.md; needed as soon as callers are told apart",
    ),
    Setting::new(
        "jwt-keys",
        "",
        "JWKS of those who issue bearer tokens: a file, or a URL with https; empty: no tokens",
    ),
    Setting::new("jwt-issuer", "", "the `iss` that a token must have"),
    Setting::new("jwt-audience", "", "the `aud` that a token must have"),
    Setting::new(
        "reload-seconds",
        "10",
        "how often certificates, identities and a file of token keys are looked at for changes, 1 to 3600",
    ),
    Setting::new(
        "jwt-life-seconds",
        "86400",
        "the longest time that a token may still be good for; one that is good for longer is refused, 60 to 604800",
    ),
    Setting::new(
        "jwt-keys-hosts",
        "",
        "the hosts at which a URL in `jwt-keys` may be, as in `adapter-hosts`; empty: any but link-local and metadata addresses",
    ),
];

/// How callers are told apart. Cloning shares it.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    grants: Arc<Watched<Grants>>,
    tokens: Option<TokenConfig>,
}

impl IdentityConfig {
    /// Reads the settings; inside, none when callers are not told apart.
    pub(crate) fn read(reader: &mut Reader, credentials: &Credentials) -> Option<Option<Self>> {
        let identities = reader.get::<PathBuf>("identities");
        let reach = reader.get::<Reach>("jwt-keys-hosts")?;
        let keys = reader.parse_with("jwt-keys", |text| KeySource::parse(text, &reach));
        let issuer = reader.get::<String>("jwt-issuer");
        let audience = reader.get::<String>("jwt-audience");
        let life = reader.seconds("jwt-life-seconds", 60..=604_800);
        let (identities, keys, issuer, audience, life) = (identities?, keys?, issuer?, audience?, life?);
        let tokens = keys.map(|keys| TokenConfig::new(keys, issuer, audience, life)).transpose();
        let tokens = reader.check("jwt-issuer, jwt-audience", tokens)?;
        let can_tell = credentials.knows_callers() || tokens.is_some();
        let config = match (identities.as_os_str().is_empty(), can_tell) {
            (true, false) if credentials.server().is_none() => Ok(None),
            (true, false) => Err("TLS without tls-ca or jwt-keys would let in whoever connects".to_owned()),
            (true, true) => {
                Err("must be given, since callers are told apart by tls-ca or jwt-keys".to_owned())
            }
            (false, false) => Err("nobody can be known without tls-ca or jwt-keys".to_owned()),
            (false, true) => Watched::open(vec![identities], Grants::parse)
                .map(|grants| Some(Self { grants: Arc::new(grants), tokens })),
        };
        reader.check("identities", config)
    }
}

/// Tells who calls.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    grants: Arc<Watched<Grants>>,
    tokens: Option<Arc<Tokens>>,
    credentials: Credentials,
}

impl Identity {
    pub(crate) fn new(config: &IdentityConfig, credentials: Credentials, clock: &SharedClock) -> Self {
        let tokens = config.tokens.clone().map(|config| Arc::new(Tokens::new(config, clock.clone())));
        Self { grants: config.grants.clone(), tokens, credentials }
    }

    /// The caller. A token says more than the connection that it came over, which may be a proxy's; one that is no
    /// good is refused even so.
    pub(crate) async fn caller(
        &self,
        headers: &http::HeaderMap,
        connection: Option<&Accepted>,
    ) -> Result<Caller, Refusal> {
        match (bearer(headers)?, &self.tokens) {
            (Some(token), Some(tokens)) => {
                let subject = tokens.subject(token).await?;
                Ok(self.grants.current().caller(&subject).identified_by(CallerId::of_subject(&subject)))
            }
            (Some(_), None) => Err(unknown("tokens are not taken here")),
            (None, _) => {
                let shown = connection.and_then(|accepted| accepted.shown.clone()).ok_or_else(|| {
                    unknown("neither a certificate with a SPIFFE id nor a bearer token was shown")
                })?;
                if !shown.is_good(&self.credentials) {
                    return Err(unknown("the certificate is good no more; connect anew with another"));
                }
                let id = shown.spiffe_id.clone();
                Ok(self.grants.current().caller(&id).identified_by(shown.caller.clone()).known_as(id))
            }
        }
    }

    /// Looks for new files, and for new keys of tokens when their time has come.
    pub(crate) async fn look(&self) {
        told("identities", self.grants.look());
        if let Some(tokens) = &self.tokens {
            tokens.look().await;
        }
    }
}

/// Reloads what has changed until it's dropped.
pub(crate) async fn reload(credentials: Credentials, identity: Option<Identity>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let files = credentials.clone();
        // Reading files blocks.
        let looked = tokio::task::spawn_blocking(move || files.look()).await;
        told("certificates", looked.unwrap_or_else(|error| Err(error.to_string())));
        if let Some(identity) = &identity {
            identity.look().await;
        }
    }
}

fn told(what: &'static str, looked: Result<bool, String>) {
    match looked {
        Ok(true) => tracing::info!(what, "read again, as they have changed"),
        Ok(false) => {}
        Err(error) => tracing::error!(what, %error, "new files are no good, the old ones hold on"),
    }
}

fn bearer(headers: &http::HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(http::header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_at_checked(BEARER.len())?;
        scheme.eq_ignore_ascii_case(BEARER).then_some(token)
    });
    token.map(Some).ok_or_else(|| unknown("the authorization is not a bearer token"))
}

/// Nobody known. The message must not help to forge: it says which kind of thing is wrong, never what would be right.
fn unknown(message: &'static str) -> Refusal {
    Refusal::new(ErrorReason::CallerUnknown, message)
}
