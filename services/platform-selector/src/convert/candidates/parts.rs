//! What explanations are put together from: each reason of a selection once, however many platforms have it.

use std::collections::HashMap;

use prost::Message as _;

use super::{
    fields::{CANDIDATE_REASON, put},
    to_reason,
};
use crate::domain::selection::{
    Reason, Unknown,
    sentence::{Language, clause},
};

/// The parts that were made.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    places: HashMap<Key, usize>,
    made: Vec<Part<'a>>,
}

/// A reason as it is sent.
#[derive(Debug)]
struct Part<'a> {
    reason: Reason<'a>,
    /// As a field of a candidate.
    encoded: Vec<u8>,
    /// Made when they are first needed.
    clauses: [Option<String>; Language::ALL.len()],
}

/// A reason by what tells it from the others of one selection. Terms and what was found are told apart by where they are: two of them
/// that are equal are two parts, and neither moves while the selection lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Plain(i32),
    Unknown(Unknown),
    Missing(usize),
    Mismatch(usize, usize),
    Met(usize, i32),
    Loaded(i32, i32),
}

impl<'a> Parts<'a> {
    /// Adds reasons as fields of a candidate.
    pub(super) fn put_reasons(&mut self, bytes: &mut Vec<u8>, reasons: &[Reason<'a>]) {
        for reason in reasons {
            let place = self.place(reason);
            bytes.extend_from_slice(self.made.get(place).map_or(&[], |part| &part.encoded));
        }
    }

    /// A reason as a part of a sentence.
    pub(super) fn clause(&mut self, reason: &Reason<'a>, language: Language) -> &str {
        let place = self.place(reason);
        let Some(part) = self.made.get_mut(place) else { return "" };
        let [english, chinese] = &mut part.clauses;
        let made = match language {
            Language::En => english,
            Language::ZhCn => chinese,
        };
        made.get_or_insert_with(|| clause(&part.reason, language))
    }

    fn place(&mut self, reason: &Reason<'a>) -> usize {
        *self.places.entry(key(reason)).or_insert_with(|| {
            let mut encoded = vec![];
            put(&mut encoded, CANDIDATE_REASON, &[&to_reason(reason).encode_to_vec()]);
            self.made.push(Part { reason: *reason, encoded, clauses: [None, None] });
            self.made.len() - 1
        })
    }
}

fn key(reason: &Reason<'_>) -> Key {
    match *reason {
        Reason::FeatureMissing { needed, .. } => Key::Missing(address(needed)),
        Reason::FeatureMismatch { needed, found, .. } => Key::Mismatch(address(needed), address(found)),
        Reason::PreferenceMet { wished, weight, .. } => Key::Met(address(wished), weight),
        Reason::Loaded { percent, takes } => Key::Loaded(percent, takes),
        Reason::AccountUnknown(why) => Key::Unknown(why),
        Reason::Chosen
        | Reason::IsSource
        | Reason::Disabled
        | Reason::AdapterDown
        | Reason::NotServedByAgent
        | Reason::NotRequested
        | Reason::OutOfHours
        | Reason::NoCommonFace
        | Reason::AccountRequired
        | Reason::NoAccount => Key::Plain(super::code(reason).into()),
    }
}

fn address<T>(it: &T) -> usize {
    std::ptr::from_ref(it).addr()
}
