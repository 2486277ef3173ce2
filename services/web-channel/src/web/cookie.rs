//! The customer's secret, one cookie for each platform, so that a browser can be on several at once.

use axum::http::{HeaderMap, HeaderValue, header};
use segue_core::{Random, Secret};

const MAX_AGE_SECONDS: u32 = 24 * 60 * 60;

/// 128 random bits as hexadecimal.
pub(super) fn new_secret(random: &Random) -> Secret<String> {
    Secret::new(random.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The header that hands it to the browser, out of reach of scripts and of other sites.
pub(super) fn set(platform: &str, secret: &Secret<String>, secure: bool) -> Option<HeaderValue> {
    let flag = if secure { "; Secure" } else { "" };
    let text = format!(
        "segue_{platform}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={MAX_AGE_SECONDS}{flag}",
        secret.reveal()
    );
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The secret that the browser sent for a platform.
pub(super) fn get<'a>(headers: &'a HeaderMap, platform: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.strip_prefix("segue_") == Some(platform))
        .map(|(_, secret)| secret)
}
