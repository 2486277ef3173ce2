use std::str::FromStr as _;

use segue_proto::selector::v1::{Platform as PlatformMessage, PlatformStatus};
use segue_runtime::{Fields, hosts::Reach, peer::PeerUri};

use super::{MAX_DISPLAY_NAME_CHARACTERS, faces, features, hours};
use crate::domain::platform::Platform;

/// The largest platform or work profile, encoded, so that a list of them can be read and sent.
const MAX_ENTRY_BYTES: usize = 64 * 1024;
const MAX_URI_BYTES: usize = 2048;
const CODE_PLACE: &str = "{code}";
/// Schemes that run or show the link's own text in the page that opens it.
const FORBIDDEN_SCHEMES: [&str; 5] = ["javascript", "data", "vbscript", "file", "blob"];

/// Reads a platform. What it returns is to be used only if `fields` has nothing against it.
pub(crate) fn parse(fields: &mut Fields, path: &str, message: &PlatformMessage) -> Platform {
    let at = |name: &str| format!("{path}.{name}");
    let status = fields.enumeration::<PlatformStatus>(&at("status"), message.status);
    check_entry_uri(fields, &at("entry_uri_template"), &message.entry_uri_template);
    check_adapter_uri(fields, &at("adapter_uri"), &message.adapter_uri);
    Platform {
        id: fields.slug(&at("id"), &message.id),
        display_name: fields.text(
            &at("display_name"),
            &message.display_name,
            0..=MAX_DISPLAY_NAME_CHARACTERS,
        ),
        active: status == PlatformStatus::Active,
        features: features::parse(fields, &at("features"), &message.features),
        accepted_faces: faces::parse(fields, &at("accepted_faces"), &message.accepted_faces),
        delivered_faces: faces::parse(fields, &at("delivered_faces"), &message.delivered_faces),
        hours: message
            .service_hours
            .as_ref()
            .and_then(|message| hours::parse(fields, &at("service_hours"), message)),
        cost_units: fields.range(&at("cost_units"), message.cost_units, 0..=100),
        rank: fields.range(&at("rank"), message.rank, 0..=1000),
        account_required: message.account_required,
        load_weight: fields.range(&at("load_weight"), message.load_weight, 0..=100),
    }
}

/// Checks what spans a platform's fields, and its size.
pub(crate) fn check_whole(fields: &mut Fields, path: &str, message: &PlatformMessage) {
    let can_be_asked = !message.live_lookup || !message.adapter_uri.is_empty();
    fields.require(can_be_asked, &format!("{path}.live_lookup"), "needs an adapter_uri");
    check_size(fields, path, message);
}

/// Checks that the adapter is where this deployment has adapters. Not a part of reading a platform either: the list may
/// have changed since, and who is called is checked again at each connection.
pub(crate) fn check_reach(fields: &mut Fields, path: &str, message: &PlatformMessage, reach: &Reach) {
    if let Ok(uri) = PeerUri::from_str(&message.adapter_uri)
        && let Err(not_allowed) = uri.within(reach)
    {
        fields.violation(format!("{path}.adapter_uri"), format!("{not_allowed} (setting adapter-hosts)"));
    }
}

/// Checks the size of a platform or work profile. Not a part of reading it: what is stored has got times and etag since
/// it was checked, and must not become unreadable by them.
pub(crate) fn check_size(fields: &mut Fields, path: &str, message: &impl prost::Message) {
    if message.encoded_len() > MAX_ENTRY_BYTES {
        fields.violation(path, format!("must not exceed {MAX_ENTRY_BYTES} bytes in all"));
    }
}

fn check_entry_uri(fields: &mut Fields, path: &str, template: &str) {
    if let Err(wrong) = entry_uri(template) {
        fields.violation(path, wrong);
    }
}

/// A web link carries the code in its fragment only: fragments are not sent to servers, so codes stay out of their logs.
fn entry_uri(template: &str) -> Result<(), &'static str> {
    if template.is_empty() {
        return Ok(());
    }
    if template.len() > MAX_URI_BYTES {
        return Err("must have at most 2048 bytes");
    }
    if template.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must not have white space");
    }
    let (scheme, _) = template
        .split_once(':')
        .filter(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
        .ok_or("must be a link, for example https://host/path#{code} or tel:95522,,{code}")?;
    let scheme = scheme.to_ascii_lowercase();
    if FORBIDDEN_SCHEMES.contains(&scheme.as_str()) {
        return Err("must not have this scheme");
    }
    let (before, after) = template.split_once(CODE_PLACE).unwrap_or((template, ""));
    if before.contains(['{', '}']) || after.contains(['{', '}']) {
        return Err("must hold {code} at most once, and no other braces");
    }
    let has_code = before.len() < template.len();
    if has_code && matches!(scheme.as_str(), "http" | "https") && !before.contains('#') {
        return Err("must have {code} behind the #, so that servers never see it");
    }
    Ok(())
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn check_adapter_uri(fields: &mut Fields, path: &str, uri: &str) {
    if uri.len() > MAX_URI_BYTES {
        fields.violation(path, "must have at most 2048 bytes");
    } else if !uri.is_empty() && PeerUri::from_str(uri).is_err() {
        fields.violation(path, "must be of the form http://HOST:PORT");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_links() {
        for good in [
            "",
            "https://host/path#{code}",
            "HTTPS://host/#/enter?c={code}",
            "https://host/path",
            "tel:95522,,{code}",
            "weixin://dl/business/?c={code}",
        ] {
            assert_eq!(entry_uri(good), Ok(()), "{good}");
        }
        for bad in [
            "host/path",
            "https:",
            "9p:x",
            "https://host/path?c={code}",
            "https://host/#{code}{code}",
            "https://host/#{token}",
            "https://host/#a b",
            "JavaScript:alert({code})",
            "data:text/html,x",
            &format!("https://host/{}", "x".repeat(2048)),
        ] {
            assert!(entry_uri(bad).is_err(), "{bad}");
        }
    }
}
