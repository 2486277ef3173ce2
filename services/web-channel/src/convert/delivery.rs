//! What the issuer has a platform show and end.

use segue_proto::{
    channel::v1::{CloseSessionRequest, DeliverAccessInfoRequest},
    common::v1::{AccessInfo, Face},
};
use segue_runtime::{Fields, Refusal, millis_of};

use crate::domain::Card;

const MAX_GENERATION: i32 = 1_000_000;
const MAX_SVG_BYTES: usize = 256 * 1024;
/// What a customer's page may be asked to open.
const LINK_SCHEMES: [&str; 3] = ["https://", "http://", "tel:"];

/// Reads the card that is delivered.
pub(crate) fn parse(request: &DeliverAccessInfoRequest) -> Result<Card, Refusal> {
    let mut fields = Fields::new();
    fields.check_text("handoff_id", &request.handoff_id, 1..=64);
    fields.range("generation", request.generation, 1..=MAX_GENERATION);
    fields.slug("platform", &request.platform);
    fields.session_id("session", &request.session);
    fields.check_text("target_display_name", &request.target_display_name, 1..=128);
    let expire_at_ms = millis_of(request.expire_time.as_ref());
    fields.require(expire_at_ms > 0, "expire_time", "must be given");
    let mut info = request.access_info.clone().unwrap_or_default();
    check_access_info(&mut fields, &mut info);
    fields.finish()?;
    Ok(super::card(&info, &request.target_display_name, expire_at_ms))
}

fn check_access_info(fields: &mut Fields, info: &mut AccessInfo) {
    fields.require(!info.faces.is_empty(), "access_info.faces", "must have 1 to 16 entries");
    fields.at_most("access_info.faces", info.faces.len(), 16);
    for (index, face) in info.faces.iter_mut().take(16).enumerate() {
        let field = |name: &str| format!("access_info.faces[{index}].{name}");
        fields.enumeration::<Face>(&field("kind"), face.kind);
        fields.text_in(&field("display"), &mut face.display, 1..=2048);
        fields.text_in(&field("speech"), &mut face.speech, 0..=2048);
        fields.require(face.svg.len() <= MAX_SVG_BYTES, &field("svg"), "must have at most 262144 bytes");
    }
    fields.text_in("access_info.message", &mut info.message, 0..=2000);
    fields.check_text("access_info.entry_uri", &info.entry_uri, 0..=2048);
    let openable = info.entry_uri.is_empty() || LINK_SCHEMES.iter().any(|s| info.entry_uri.starts_with(s));
    fields.require(openable, "access_info.entry_uri", "must start with https://, http:// or tel:");
}

/// Checks who is to be told what.
pub(crate) fn check_closing(request: &mut CloseSessionRequest) -> Result<(), Refusal> {
    let mut fields = Fields::new();
    fields.check_text("handoff_id", &request.handoff_id, 1..=64);
    fields.slug("platform", &request.platform);
    fields.session_id("session", &request.session);
    fields.text_in("message", &mut request.message, 0..=2000);
    fields.finish()
}
