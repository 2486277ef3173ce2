//! What creating and reissuing have in common: drawing a ticket, hashing it, sealing what the customer gets.

use std::time::Duration;

use prost::Message as _;
use segue_core::{KeyedHash, Purpose};
use segue_proto::{
    common::v1::{AccessInfo, CodeFace, ErrorReason, Face},
    selector::v1::Platform,
};
use segue_runtime::Refusal;
use segue_store::StoreError;

use super::Flow;
use crate::{
    domain::{
        access::{Access, Ticket, Wording},
        faces::{self, Canonical, FaceKind},
        handoff::{Delivery, State},
        locale::Locale,
        strength::Form,
    },
    store::{CodeHash, Record},
};

/// How often a ticket is drawn again when a code is taken. With the strengths there are, once is rare.
pub(super) const DRAWS: usize = 8;

/// A handoff and, while its code lives, the access information.
pub(crate) struct Issued {
    pub record: Record,
    pub access_info: Option<AccessInfo>,
}

/// What codes are drawn for.
pub(super) struct Purposeful<'a> {
    pub handoff_id: &'a str,
    pub generation: i32,
    pub target: &'a Platform,
    /// Whom the codes are for; empty: for whoever has them.
    pub accounts: Vec<&'a str>,
    pub forms: &'a [Form],
    pub locale: Locale,
    pub ttl: Duration,
    /// Whether the source hands on text messages.
    pub by_sms: bool,
}

/// Drawn codes, as they are stored and as they are shown.
pub(super) struct Drawn {
    pub codes: Vec<CodeHash>,
    pub sealed: Vec<u8>,
    pub access_info: AccessInfo,
}

impl Flow {
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
        let access = ticket.show(&purpose.target.entry_uri_template, wording).map_err(|error| {
            Refusal::new(ErrorReason::FaceNotUsable, error.to_string())
                .field("faces", "QR needs a shorter entry link")
        })?;
        let access_info = access_info(access);
        let context = seal_context(purpose.handoff_id, purpose.generation);
        let sealed = self
            .code_keys
            .seal(&context, &access_info.encode_to_vec(), &self.random)
            .map_err(|error| Refusal::new(ErrorReason::Internal, error.to_string()))?;
        let hash = |kind: FaceKind, code: &str, account: &str| {
            self.code_keys.hash(Purpose::Code, &[&purpose.target.id, kind.name(), code, account])
        };
        // One stands for all accounts when there is none.
        let nobody = purpose.accounts.is_empty().then_some("");
        let accounts: Vec<&str> = purpose.accounts.iter().copied().chain(nobody).collect();
        let of_face = |((kind, code), form): (&(FaceKind, Canonical), &Form)| -> Vec<CodeHash> {
            let code_hash = |account: &&str| CodeHash {
                hash: hash(*kind, code.reveal(), account),
                face: i64::from(face(*kind) as i32),
                budget: form.budget,
                guessed_under: if account.is_empty() { &purpose.target.id } else { *account }.to_owned(),
            };
            accounts.iter().map(code_hash).collect()
        };
        let codes = ticket.codes.iter().zip(purpose.forms).flat_map(of_face).collect();
        Ok(Drawn { codes, sealed, access_info })
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

    /// The access information of a handoff, while its code lives.
    pub(super) async fn reopen(&self, record: &Record) -> Result<Option<AccessInfo>, StoreError> {
        if record.state_at(self.store.now_ms()) != State::Issued {
            return Ok(None);
        }
        let Some(sealed) = self.store.access_info(&record.id, record.generation).await? else {
            return Ok(None);
        };
        let context = seal_context(&record.id, record.generation);
        let opened = self.code_keys.open(&context, &sealed).map_err(|_| StoreError::Failed)?;
        AccessInfo::decode(opened.as_slice()).map(Some).map_err(|_| StoreError::Failed)
    }

    /// A handoff for an answer that may be a repetition.
    pub(super) async fn issued(&self, record: Record) -> Result<Issued, StoreError> {
        let access_info = self.reopen(&record).await?;
        Ok(Issued { record, access_info })
    }
}

/// How the code gets to the customer at first.
pub(super) fn first_delivery(source: &Platform) -> Delivery {
    if source.adapter_uri.is_empty() { Delivery::ByAgent } else { Delivery::Pending }
}

/// Whether the platform is text messages: it says so by the feature `sms`, or by its entry link.
pub(super) fn is_sms(platform: &Platform) -> bool {
    platform.features.iter().any(|feature| feature.name == "sms")
        || platform.entry_uri_template.starts_with("sms:")
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
    let unusable = |why: &str| {
        Refusal::new(ErrorReason::FaceNotUsable, format!("no code can be made: {why}"))
            .field("faces", why)
            .metadata("source", source.id.clone())
            .metadata("target", target.id.clone())
    };
    if let Some(kind) = requested.iter().find(|kind| !works(**kind)) {
        return Err(unusable(&format!("{} does not work from the source to the target", kind.name())));
    }
    let usable: Vec<FaceKind> = match requested {
        [] => faces::ALL.iter().map(|face| face.kind()).filter(|kind| works(*kind)).collect(),
        requested => requested.to_vec(),
    };
    if usable.is_empty() { Err(unusable("no face works on both platforms")) } else { Ok(usable) }
}

/// A face on the wire.
pub(super) fn face(kind: FaceKind) -> Face {
    match kind {
        FaceKind::Digits => Face::Digits,
        FaceKind::Letters => Face::Letters,
        FaceKind::Words => Face::Words,
        FaceKind::Characters => Face::Characters,
        FaceKind::Picture => Face::Picture,
        FaceKind::Qr => Face::Qr,
    }
}

fn access_info(access: Access) -> AccessInfo {
    let faces = access.faces.into_iter().map(|shown| CodeFace {
        kind: face(shown.kind).into(),
        display: shown.display,
        speech: shown.speech,
        svg: shown.svg,
        png: shown.png,
    });
    AccessInfo { faces: faces.collect(), entry_uri: access.entry_uri, message: access.message }
}

fn seal_context(handoff_id: &str, generation: i32) -> String {
    format!("access {handoff_id} {generation}")
}
