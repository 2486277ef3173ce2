//! The quick access information (R6): the faces, the link and the words for the customer.

use std::time::Duration;

use super::{
    faces::{self, Canonical, FaceKind, drawing::Drawn, qr},
    locale::Locale,
    message::{Autofill, Invitation, Messages},
};
use segue_core::Random;

/// A ticket's codes, one for each face. Secrets.
#[derive(Debug, Clone)]
pub struct Ticket {
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
    /// The texts.
    pub messages: &'a Messages,
    /// The language.
    pub locale: Locale,
    /// The target platform as people know it.
    pub target: &'a str,
    /// How long the code lives.
    pub ttl: Duration,
    /// Whether it goes out as a text message, where a phone can fill in the code by itself.
    pub by_sms: bool,
}

impl Ticket {
    /// Draws a code for each face, of so many symbols.
    pub fn draw(forms: impl IntoIterator<Item = (FaceKind, usize)>, random: &Random) -> Self {
        let codes = forms.into_iter().map(|(kind, length)| (kind, faces::of_kind(kind).draw(length, random)));
        Self { codes: codes.collect() }
    }

    fn code(&self, kind: FaceKind) -> Option<&Canonical> {
        self.codes.iter().find(|(k, _)| *k == kind).map(|(_, code)| code)
    }

    /// Makes the access information; `entry_template` is the target's entry link, empty for none.
    pub fn show(&self, entry_template: &str, wording: Wording<'_>) -> Result<Access, qr::TooLong> {
        let entry_uri = self.entry_uri(entry_template);
        let shown = self.codes.iter().map(|(kind, code)| show(*kind, code, entry_template, wording.locale));
        let faces = shown.collect::<Result<Vec<_>, _>>()?;
        let typed = faces.iter().find(|face| face.kind != FaceKind::Qr);
        let message = wording.messages.invitation(
            wording.locale,
            Invitation {
                target: wording.target,
                code: typed.map_or("", |face| &face.display),
                link: &entry_uri,
                ttl: wording.ttl,
                autofill: wording.by_sms.then(|| self.autofill(entry_template)).flatten(),
            },
        );
        Ok(Access { faces, entry_uri, message })
    }

    /// The plainest code, where the customer goes on to a web page.
    fn autofill<'a>(&'a self, template: &'a str) -> Option<Autofill<'a>> {
        let (_, code) = self.codes.iter().find(|(kind, _)| *kind == FaceKind::Digits)?;
        Some(Autofill { host: web_host(template)?, code: code.reveal() })
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
    let speech = face.speech(code, locale.into());
    let display = face.display(code);
    if let Some(Drawn { svg, png }) = face.draw_picture(code, locale) {
        return Ok(ShownFace { kind, display, speech, svg, png });
    }
    let is_link = template.starts_with("http") && template.contains("{code}");
    let text = if is_link { template.replace("{code}", code.reveal()) } else { display };
    Ok(ShownFace { kind, svg: qr::svg(&text)?, png: qr::png(&text)?, display: text, speech })
}

/// The host of a secure web page. The one-time-code format has no place for a port, and is for secure pages only.
fn web_host(template: &str) -> Option<&str> {
    let rest = template.strip_prefix("https://")?;
    let host = rest.split(['/', '#', '?', ':']).next()?;
    (!host.is_empty() && !host.contains('@')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(template: &str, kinds: &[FaceKind], locale: Locale) -> Access {
        shown(template, kinds, locale, false)
    }

    fn shown(template: &str, kinds: &[FaceKind], locale: Locale, by_sms: bool) -> Access {
        let (messages, ttl) = (&Messages::standard().unwrap(), Duration::from_secs(600));
        let wording = Wording { messages, locale, target: "App", ttl, by_sms };
        let forms = kinds.iter().map(|kind| (*kind, faces::of_kind(*kind).lengths()[0]));
        Ticket::draw(forms, &Random::seeded(1)).show(template, wording).unwrap()
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

    #[test]
    fn a_text_message_has_the_one_time_code_on_its_last_line() {
        let faces = [FaceKind::Digits, FaceKind::Qr];
        let last = |template: &str, by_sms| {
            let access = shown(template, &faces, Locale::En, by_sms);
            let digits = access.faces[0].display.replace(' ', "");
            let line = access.message.lines().next_back().unwrap().to_owned();
            (line, digits)
        };
        let (line, digits) = last("https://app.example/go#{code}", true);
        assert_eq!(line, format!("@app.example #{digits}"));
        for (template, by_sms) in
            [("https://app.example/#{code}", false), ("tel:1,,{code}", true), ("", true)]
        {
            assert!(!last(template, by_sms).0.starts_with('@'), "{template}");
        }
    }
}
