//! What creating and reissuing have in common: drawing codes, hashing them, sealing what the customer gets.

use std::time::Duration;

use prost::Message as _;
use segue_core::{KeyedHash, Purpose};
use segue_proto::{
    common::v1::{AccessInfo, ErrorReason},
    selector::v1::Platform,
};
use segue_runtime::Refusal;

use super::Issuer;
use crate::{
    convert::{self, face},
    domain::{
        access::{Ticket, Wording},
        code::DrawnCode,
        faces::{self, Canonical, FaceKind},
        locale::Locale,
        strength::Form,
    },
    errors,
};

/// How often codes are drawn again when one is taken. With the strengths there are, once is rare.
pub(super) const DRAWS: usize = 8;

/// What codes are drawn for.
pub(super) struct Purposeful<'a> {
    pub handoff_id: &'a str,
    pub generation: i32,
    pub target: &'a Platform,
    /// Whom the codes are for; empty: for whoever has them.
    pub accounts: &'a [String],
    pub forms: &'a [Form],
    pub locale: Locale,
    pub ttl: Duration,
    /// Whether the source hands on text messages.
    pub by_sms: bool,
}

/// Drawn codes, as they are stored and as they are shown.
pub(super) struct Drawn {
    pub codes: Vec<DrawnCode>,
    pub sealed: Vec<u8>,
    pub access_info: AccessInfo,
}

impl Issuer {
    pub(super) fn draw(&self, purpose: &Purposeful<'_>) -> Result<Drawn, Refusal> {
        let forms = purpose.forms.iter().map(|form| (form.kind, form.length));
        let ticket = Ticket::draw(forms, &self.random);
        let target = if purpose.target.display_name.is_empty() {
            &purpose.target.id
        } else {
            &purpose.target.display_name
        };
        let wording = Wording {
            messages: &self.messages,
            locale: purpose.locale,
            target,
            ttl: purpose.ttl,
            by_sms: purpose.by_sms,
        };
        let access = ticket.show(&purpose.target.entry_uri_template, wording);
        let access_info = convert::access_info(access.map_err(|error| errors::entry_link_too_long(&error))?);
        let context = seal_context(purpose.handoff_id, purpose.generation);
        let sealed = self
            .code_keys
            .seal(&context, &access_info.encode_to_vec(), &self.random)
            .map_err(|error| Refusal::new(ErrorReason::Internal, error.to_string()))?;
        Ok(Drawn { codes: self.hashed(&ticket, purpose), sealed, access_info })
    }

    /// Each code under each account that it is for; under none for whoever has it.
    fn hashed(&self, ticket: &Ticket, purpose: &Purposeful<'_>) -> Vec<DrawnCode> {
        let target = &purpose.target.id;
        let hash = |kind: FaceKind, code: &str, account: &str| {
            self.code_keys.hash(Purpose::Code, &[target, kind.name(), code, account])
        };
        let nobody = purpose.accounts.is_empty().then_some("");
        let accounts: Vec<&str> = purpose.accounts.iter().map(String::as_str).chain(nobody).collect();
        let of_face = |((kind, code), form): (&(FaceKind, Canonical), &Form)| -> Vec<DrawnCode> {
            let under = |account: &&str| DrawnCode {
                hash: hash(*kind, code.reveal(), account),
                face: i64::from(face(*kind) as i32),
                budget: form.budget,
                guessed_under: if account.is_empty() { target } else { *account }.to_owned(),
            };
            accounts.iter().map(under).collect()
        };
        ticket.codes.iter().zip(purpose.forms).flat_map(of_face).collect()
    }

    /// The hashes that an entered code may be stored under.
    pub(super) fn hashes(
        &self,
        platform: &str,
        kind: FaceKind,
        code: &str,
        accounts: &[String],
    ) -> Vec<KeyedHash> {
        accounts
            .iter()
            .flat_map(|account| self.code_keys.hashes(Purpose::Code, &[platform, kind.name(), code, account]))
            .collect()
    }
}

/// The faces to issue: what was asked for, or all that the source delivers and the target accepts.
pub(super) fn usable_faces(
    source: &Platform,
    target: &Platform,
    requested: &[FaceKind],
) -> Result<Vec<FaceKind>, Refusal> {
    let works = |kind: FaceKind| {
        let wire = face(kind) as i32;
        source.delivered_faces.contains(&wire) && target.accepted_faces.contains(&wire)
    };
    let unusable = |why: &str| errors::face_not_usable(&source.id, &target.id, why);
    if let Some(kind) = requested.iter().find(|kind| !works(**kind)) {
        return Err(unusable(&format!("{} does not work from the source to the target", kind.name())));
    }
    let usable: Vec<FaceKind> = match requested {
        [] => faces::ALL.iter().map(|face| face.kind()).filter(|kind| works(*kind)).collect(),
        requested => requested.to_vec(),
    };
    if usable.is_empty() { Err(unusable("no face works on both platforms")) } else { Ok(usable) }
}

pub(super) fn seal_context(handoff_id: &str, generation: i32) -> String {
    format!("access {handoff_id} {generation}")
}
