use segue_proto::{
    common::v1::{AccessInfo, CodeFace},
    issuer::v1::{CodeStrength, FaceStrength},
};

use super::face;
use crate::domain::{access::Access, strength::Strength};

/// What the customer gets.
pub(crate) fn access_info(access: Access) -> AccessInfo {
    let faces = access.faces.into_iter().map(|shown| CodeFace {
        kind: face(shown.kind).into(),
        display: shown.display,
        speech: shown.speech,
        svg: shown.svg,
        png: shown.png,
    });
    AccessInfo { faces: faces.collect(), entry_uri: access.entry_uri, message: access.message }
}

/// The figures for operators.
pub(crate) fn strength(strength: &Strength) -> CodeStrength {
    let forms = strength.forms.iter();
    CodeStrength {
        needed_bits: strength.needed_bits,
        faces: forms.map(|form| FaceStrength { kind: face(form.kind).into(), bits: form.bits }).collect(),
        bound: strength.bound,
    }
}
