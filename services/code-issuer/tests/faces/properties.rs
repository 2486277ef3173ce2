use std::{collections::HashMap, time::Duration};

use code_issuer::domain::{
    access::{Ticket, Wording},
    faces::{self, ALL, Face, FaceKind, of_kind},
    locale::Locale,
    message::Messages,
};
use proptest::prelude::*;
use segue_core::Random;

use crate::of_face;

fn face() -> impl Strategy<Value = FaceKind> {
    (0..ALL.len()).prop_map(|place| ALL[place].kind())
}

/// A face and one of its lengths.
fn form() -> impl Strategy<Value = (FaceKind, usize)> {
    let forms = ALL.iter().flat_map(|face| face.lengths().iter().map(|length| (face.kind(), *length)));
    prop::sample::select(forms.collect::<Vec<_>>())
}

fn shortest(face: &dyn Face) -> usize {
    face.lengths()[0]
}

/// What keyboards, chat programs and people add.
fn decorate(text: &str, noise: &[u8]) -> String {
    const ADDED: [&str; 8] = ["\u{200b}", "\u{feff}", "\u{2060}", "", "\u{200d}", "\u{fe0f}", "", "\u{00ad}"];
    let added = noise.iter().cycle().map(|byte| ADDED[usize::from(*byte) % ADDED.len()]);
    text.chars().zip(added).map(|(c, added)| format!("{c}{added}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_recognised((kind, length) in form(), seed: u64, noise: [u8; 7]) {
        let face = of_kind(kind);
        let code = face.draw(length, &Random::seeded(seed));
        let shown = face.display(&code);
        for entered in [shown.clone(), code.reveal().clone(), format!(" {shown}\n"), decorate(&shown, &noise)] {
            let found = of_face(kind, &entered);
            prop_assert!(found.len() == 1 && found[0] == code, "{entered}");
        }
    }

    #[test]
    fn what_is_read_aloud_is_recognised((kind, length) in form(), seed: u64) {
        let face = of_kind(kind);
        let code = face.draw(length, &Random::seeded(seed));
        for locale in [Locale::En, Locale::ZhCn] {
            let speech = face.speech(&code, locale.into());
            if kind != FaceKind::Qr {
                prop_assert!(of_face(kind, &speech).contains(&code), "{speech}");
            }
        }
    }

    /// A label before it, a sentence around it, the link that it came in, the whole message: there is one code, and it's found.
    #[test]
    fn what_stands_around_a_code_is_taken_off((kind, length) in form(), seed: u64) {
        let face = of_kind(kind);
        let code = face.draw(length, &Random::seeded(seed));
        let shown = face.display(&code);
        let mut texts = vec![format!("Your access code: {shown}"), format!("我的接入码是{shown}")];
        for locale in [Locale::En, Locale::ZhCn] {
            let aloud = face.speech(&code, locale.into());
            texts.extend((!aloud.is_empty()).then(|| format!("The code is {aloud}")));
        }
        if matches!(kind, FaceKind::Digits | FaceKind::Letters | FaceKind::Picture) {
            texts.push(format!("{shown} is what you sent me, thank you!"));
            texts.push(format!("收到{shown}，谢谢！"));
        }
        if matches!(kind, FaceKind::Digits | FaceKind::Qr) {
            texts.push(format!("https://app.example/go#{}", code.reveal()));
            texts.push(format!("Or open: https://app.example/go?code={}", code.reveal()));
        }
        for text in texts {
            let found = faces::recognise(&text);
            // Pinyin without its tones may be several words, said or shown.
            let one = found.len() == 1 || kind == FaceKind::Characters;
            prop_assert!(one && found.contains(&(kind, code.clone())), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_whole_message_is_taken(kind in face(), place: u8, seed: u64, minutes in 1_u64..=60, by_sms: bool, chinese: bool) {
        let kinds = if kind == FaceKind::Qr { vec![kind] } else { vec![kind, FaceKind::Qr] };
        for (template, kinds) in [("https://app.example/go#{code}", &kinds[..]), ("", &kinds[..1])] {
            let forms = kinds.iter().map(|kind| {
                let lengths = of_kind(*kind).lengths();
                (*kind, lengths[usize::from(place) % lengths.len()])
            });
            let ticket = Ticket::draw(forms, &Random::seeded(seed));
            let wording = Wording {
                messages: &Messages::standard().unwrap(),
                locale: if chinese { Locale::ZhCn } else { Locale::En },
                target: "Customer app",
                ttl: Duration::from_secs(minutes * 60),
                by_sms,
            };
            let message = ticket.show(template, wording).unwrap().message;
            let found = faces::recognise(&message);
            // Without a link there is nothing but the picture of a QR code.
            if !template.is_empty() || kind != FaceKind::Qr {
                prop_assert!(found.len() == 1 && ticket.codes.contains(&found[0]), "{message}: {found:?}");
            }
        }
    }

    #[test]
    fn case_and_width_do_not_matter((kind, length) in form(), seed: u64) {
        let face = of_kind(kind);
        let code = face.draw(length, &Random::seeded(seed));
        let shown = face.display(&code);
        let wide: String = shown
            .chars()
            .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap() } else { c })
            .collect();
        if kind != FaceKind::Qr {
            for entered in [shown.to_lowercase(), shown.to_uppercase(), wide, shown.replace(' ', "，")] {
                prop_assert_eq!(of_face(kind, &entered), std::slice::from_ref(&code));
            }
        }
    }

    #[test]
    fn normalising_again_changes_nothing(entered in any::<String>()) {
        let normal = faces::normalise(&entered);
        prop_assert_eq!(faces::normalise(&normal), normal);
    }

    #[test]
    fn whatever_is_entered_is_answered(entered in any::<String>()) {
        prop_assert!(faces::recognise(&entered).len() <= faces::MOST_CANDIDATES);
    }

    #[test]
    fn a_leading_symbol_matters((kind, length) in form(), seed: u64) {
        let face = of_kind(kind);
        let code = face.draw(length, &Random::seeded(seed));
        let symbols: Vec<&str> = match kind {
            FaceKind::Words | FaceKind::Characters => code.reveal().split_inclusive(' ').collect(),
            _ => code.reveal().split("").filter(|symbol| !symbol.is_empty()).collect(),
        };
        let shorter = symbols[1..].concat();
        prop_assert!(!of_face(kind, &shorter).contains(&code), "{shorter}");
    }
}

/// A code as it is shown never means another one, whatever the corrections do.
#[test]
fn no_two_codes_merge() {
    let random = Random::seeded(11);
    for face in ALL {
        let mut seen = HashMap::new();
        for _ in 0..2_000 {
            let code = face.draw(shortest(*face), &random);
            let shown = face.display(&code);
            assert_eq!(of_face(face.kind(), &shown), std::slice::from_ref(&code));
            if let Some(other) = seen.insert(faces::normalise(&shown), code.clone()) {
                assert!(other == code || face.kind() == FaceKind::Qr, "{shown}");
            }
        }
    }
}

/// Of all six faces, one only takes a code for its own.
#[test]
fn faces_do_not_take_each_others_codes() {
    let random = Random::seeded(12);
    for face in ALL {
        for length in face.lengths() {
            for _ in 0..200 {
                let found = faces::recognise(&face.display(&face.draw(*length, &random)));
                assert!(found.len() == 1 && found[0].0 == face.kind());
            }
        }
    }
}
