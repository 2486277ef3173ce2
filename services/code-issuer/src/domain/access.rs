//! The quick access information (R6): the faces, the link and the words for the customer.

use std::time::Duration;

use super::{
    faces::{self, Binding, Canonical, FaceKind, qr},
    locale::Locale,
};
use segue_core::Random;

/// A ticket's codes, one for each face. Secrets.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Whether the codes work for one account only.
    pub binding: Binding,
    /// The codes.
    pub codes: Vec<(FaceKind, Canonical)>,
}

/// One face, ready to be shown.
pub struct ShownFace {
    /// Which face.
    pub kind: FaceKind,
    /// As a person reads it; for QR the text that it holds.
    pub display: String,
    /// As it is read aloud.
    pub speech: String,
    /// The picture as SVG, empty for none.
    pub svg: String,
    /// The picture as PNG, empty for none.
    pub png: Vec<u8>,
}

/// Everything that the customer needs to go on.
pub struct Access {
    /// The faces.
    pub faces: Vec<ShownFace>,
    /// The entry link with the code filled in; empty when there is none.
    pub entry_uri: String,
    /// The text.
    pub message: String,
}

/// What the text tells.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// The language.
    pub locale: Locale,
    /// The target platform as people know it.
    pub target: &'a str,
    /// How long the code lives.
    pub ttl: Duration,
}

impl Ticket {
    /// Draws a code for each face.
    pub fn draw(kinds: &[FaceKind], binding: Binding, random: &Random) -> Self {
        let codes = kinds.iter().map(|kind| (*kind, faces::of_kind(*kind).draw(binding, random))).collect();
        Self { binding, codes }
    }

    fn code(&self, kind: FaceKind) -> Option<&Canonical> {
        self.codes.iter().find(|(k, _)| *k == kind).map(|(_, code)| code)
    }

    /// Makes the access information; `entry_template` is the target's entry link, empty for none.
    pub fn show(&self, entry_template: &str, wording: Wording<'_>) -> Result<Access, qr::TooLong> {
        let entry_uri = self.entry_uri(entry_template);
        let shown = self.codes.iter().map(|(kind, code)| show(*kind, code, entry_template, wording.locale));
        let faces = shown.collect::<Result<Vec<_>, _>>()?;
        Ok(Access { message: message(&faces, &entry_uri, wording), faces, entry_uri })
    }

    /// A phone is dialled with the digits; every other link carries the strongest code there is.
    fn entry_uri(&self, template: &str) -> String {
        let by_phone = template.starts_with("tel:");
        let order =
            if by_phone { [FaceKind::Digits, FaceKind::Qr] } else { [FaceKind::Qr, FaceKind::Digits] };
        let usable = if by_phone { &order[..1] } else { &order[..] };
        let code = usable.iter().find_map(|kind| self.code(*kind));
        code.map_or_else(String::new, |code| template.replace("{code}", code.reveal()))
    }
}

fn show(kind: FaceKind, code: &Canonical, template: &str, locale: Locale) -> Result<ShownFace, qr::TooLong> {
    let face = faces::of_kind(kind);
    let speech = face.speech(code, locale);
    Ok(match kind {
        FaceKind::Digits => {
            ShownFace { kind, display: face.display(code), speech, svg: String::new(), png: vec![] }
        }
        FaceKind::Qr => {
            let is_link = template.starts_with("http") && template.contains("{code}");
            let text = if is_link { template.replace("{code}", code.reveal()) } else { face.display(code) };
            ShownFace { kind, svg: qr::svg(&text)?, png: qr::png(&text)?, display: text, speech }
        }
    })
}

fn message(faces: &[ShownFace], entry_uri: &str, wording: Wording<'_>) -> String {
    let Wording { locale, target, ttl } = wording;
    let minutes = ttl.as_secs().div_ceil(60);
    let digits = faces.iter().find(|face| face.kind == FaceKind::Digits).map(|face| &face.display);
    let mut lines = vec![match locale {
        Locale::En => format!(
            "Please go on at {target}. The same agent takes care of you there, first in line, and knows everything."
        ),
        Locale::ZhCn => {
            format!("请转到{target}继续办理。原坐席会优先为您服务，已了解全部情况，无需重复说明。")
        }
    }];
    if let Some(digits) = digits {
        lines.push(match locale {
            Locale::En => format!("Your access code: {digits}"),
            Locale::ZhCn => format!("快速接入码：{digits}"),
        });
    }
    if !entry_uri.is_empty() {
        lines.push(match locale {
            Locale::En => format!("Or open: {entry_uri}"),
            Locale::ZhCn => format!("或直接打开：{entry_uri}"),
        });
    }
    lines.push(match locale {
        Locale::En => format!("It is valid for {minutes} minutes and once only. Give it to nobody else."),
        Locale::ZhCn => format!("{minutes}分钟内有效，仅限使用一次，请勿告知他人。"),
    });
    lines.join("\n")
}

/// What the customer reads in the old conversation when it ends: where they went on, and what to do if that wasn't them.
pub fn farewell(locale: Locale, target: &str, revoke_grace: Duration) -> String {
    let minutes = revoke_grace.as_secs().div_ceil(60);
    let ended = match locale {
        Locale::En => format!("You are now with your agent at {target}. This conversation has ended."),
        Locale::ZhCn => format!("您已在{target}与坐席继续沟通，本次会话已结束。"),
    };
    match locale {
        _ if minutes == 0 => ended,
        Locale::En => format!("{ended} If that was not you, tell us within {minutes} minutes."),
        Locale::ZhCn => format!("{ended}如非本人操作，请在{minutes}分钟内告知我们。"),
    }
}

/// What is read in the conversation on the target when the switch is taken back.
pub fn revoked(locale: Locale) -> &'static str {
    match locale {
        Locale::En => "This switch was taken back. This conversation has ended.",
        Locale::ZhCn => "本次转接已被撤回，会话已结束。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(template: &str, kinds: &[FaceKind], locale: Locale) -> Access {
        let wording = Wording { locale, target: "App", ttl: Duration::from_secs(600) };
        Ticket::draw(kinds, Binding::Bound, &Random::seeded(1)).show(template, wording).unwrap()
    }

    #[test]
    fn the_link_carries_the_token_in_its_fragment() {
        let access = access("https://app.example/go#{code}", &[FaceKind::Digits, FaceKind::Qr], Locale::En);
        let qr = &access.faces[1];
        assert_eq!(qr.display, access.entry_uri);
        assert_eq!(access.entry_uri.split_once('#').unwrap().1.len(), 22);
        assert!(access.message.contains(&access.faces[0].display) && access.message.contains("10 minutes"));
    }

    #[test]
    fn a_phone_link_dials_the_digits() {
        let access = access("tel:95522,,{code}", &[FaceKind::Digits, FaceKind::Qr], Locale::ZhCn);
        let dialled = access.faces[0].display.replace(' ', "");
        assert_eq!(access.entry_uri, format!("tel:95522,,{dialled}"));
        assert_eq!(access.faces[1].display.len(), 22, "the QR code holds the token alone");
        assert!(access.message.contains("10分钟"));
    }

    #[test]
    fn without_a_template_there_is_no_link() {
        assert_eq!(access("", &[FaceKind::Digits], Locale::En).entry_uri, "");
        assert_eq!(access("tel:1,,{code}", &[FaceKind::Qr], Locale::En).entry_uri, "");
    }
}
