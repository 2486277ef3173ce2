//! Codes with a text around them: a label, a sentence, a link, a whole message of ours that was copied.
//!
//! A code is taken from a text only where it's the only one. What shows that it is one is its check symbol, the form of a link's
//! token, or a label before it: a face without a check symbol would find codes in any three words.

use super::{ALL, Canonical, Face, FaceKind, Input, candidates, of_kind};

type Found = Vec<(FaceKind, Canonical)>;

/// What is said before a code.
const LABELS: [&str; 6] = ["code", "pin", "password", "码", "碼", "口令"];
/// What stands between a label and its code.
const AFTER_LABEL: [&str; 6] = [":", "：", " is ", "是", "为", "為"];

/// The codes of any face that stand after a label, to the end of their line or sentence.
pub(super) fn after_label(text: &str) -> Found {
    let mut found = vec![];
    for line in text.lines() {
        for mark in AFTER_LABEL {
            // Of many the first and the last: the work for a text stays in proportion to its length.
            let first = line.find(mark);
            let last = line.rfind(mark).filter(|last| Some(*last) != first);
            for at in first.into_iter().chain(last) {
                let (label, value) = (line[..at].to_lowercase(), &line[at + mark.len()..]);
                if LABELS.iter().any(|known| label.contains(known)) {
                    let value = start_of(value);
                    let sentence = value.split(['.', '!', '?', '。', '！', '？']).next().unwrap_or(value);
                    add(&mut found, candidates(&Input::new(value)));
                    add(&mut found, candidates(&Input::new(sentence)));
                }
            }
        }
    }
    found
}

/// As much as the longest code takes, spelt letter by letter; the work for a text is bounded by this.
fn start_of(value: &str) -> &str {
    const LONGEST: usize = 320;
    value.char_indices().nth(LONGEST).map_or(value, |(end, _)| &value[..end])
}

/// The one code in the text: the token of a link, which nobody can have guessed, or else the only one with a check symbol.
pub(super) fn only_code_in(text: &str, labelled: Found) -> Option<(FaceKind, Canonical)> {
    let mut tokens = vec![];
    for piece in text.split(|c: char| c.is_whitespace() || "#=/<>()\"'".contains(c)) {
        add(&mut tokens, of(of_kind(FaceKind::Qr), piece));
    }
    if !tokens.is_empty() {
        return only(tokens);
    }
    let mut found = labelled;
    for part in text.lines().chain(text.split(is_end_of_part)) {
        for face in ALL {
            for run in runs(*face, part) {
                add(&mut found, of(*face, &run));
            }
        }
    }
    only(found)
}

fn only(found: Found) -> Option<(FaceKind, Canonical)> {
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

fn of(face: &dyn Face, text: &str) -> Found {
    face.recognise(&Input::new(text)).into_iter().map(|code| (face.kind(), code)).collect()
}

fn add(found: &mut Found, more: Found) {
    for code in more {
        if !found.contains(&code) {
            found.push(code);
        }
    }
}

/// Punctuation that no code is written with.
fn is_end_of_part(c: char) -> bool {
    c.is_control() || ",.;:!?#=&/()<>\"'，。；：！？、（）「」《》“”‘’".contains(c)
}

/// The longest runs of pieces that the face reads.
fn runs(face: &dyn Face, part: &str) -> Vec<String> {
    let (mut runs, mut run) = (vec![], vec![]);
    let normal = super::normalise(part);
    for piece in normal.split(' ').flat_map(pieces) {
        if face.reads(piece) {
            run.push(piece);
        } else if !run.is_empty() {
            runs.push(std::mem::take(&mut run).join(" "));
        }
    }
    runs.push(run.join(" "));
    runs
}

/// A token in pieces of one script each: `码是5278` is two.
fn pieces(token: &str) -> Vec<&str> {
    let (mut pieces, mut start) = (vec![], 0);
    let mut characters = token.char_indices().peekable();
    while let Some((_, one)) = characters.next() {
        let Some((at, next)) = characters.peek().copied() else { break };
        if script(one) != script(next) {
            pieces.push(&token[start..at]);
            start = at;
        }
    }
    pieces.push(&token[start..]);
    pieces
}

#[derive(PartialEq)]
enum Script {
    Ascii,
    /// Chinese numerals stand in the middle of Chinese.
    Numeral,
    Ideograph,
    Other,
}

fn script(c: char) -> Script {
    match c {
        _ if c.is_ascii() => Script::Ascii,
        _ if of_kind(FaceKind::Digits).reads(c.encode_utf8(&mut [0; 4])) => Script::Numeral,
        _ if c.is_alphabetic() => Script::Ideograph,
        _ => Script::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::recognise;

    fn found(text: &str) -> Vec<String> {
        recognise(text).iter().map(|(_, code)| code.reveal().clone()).collect()
    }

    #[test]
    fn a_label_or_a_sentence_is_taken_off() {
        for text in [
            "Your access code: 2048 1357 3",
            "my code is 204813573, thanks",
            "我的接入码是2048 1357 3",
            "快速接入码：二零四八幺三五七三",
            "2048-1357-3 is what it says",
            "Call 95522 or enter 2O48 1357 3.",
            "https://app.example/go#204813573",
            "tel:95522,,204813573",
            "@app.example #204813573",
            "code: two zero four eight, one three five seven, three",
        ] {
            assert_eq!(found(text), ["204813573"], "{text}");
        }
        assert_eq!(found("The code is BCDF-GHJK-C, she says"), ["BCDFGHJKC"]);
        assert_eq!(found("Your code: movie, tupperware and tiara. Thank you!"), ["movie tupperware tiara"]);
        assert_eq!(found("我的接入码是玻璃菠萝蜜蜂"), ["玻璃 菠萝 蜜蜂"]);
        assert_eq!(found("请输入🍎🍄🐰🐙🌲🚲🐰谢谢"), ["🍎🍄🐰🐙🌲🚲🐰"]);
    }

    #[test]
    fn a_link_with_a_token_is_the_code_of_its_message() {
        let message = "Please go on at App.\nYour access code: 2048 1357 3\nOr open: \
                       https://app.example/go#AAECAwQFBgcICQoLDA0ODw\nIt is valid for 10 minutes and once only.";
        assert_eq!(found(message), ["AAECAwQFBgcICQoLDA0ODw"]);
    }

    #[test]
    fn between_two_nothing_is_guessed() {
        for text in [
            "204813573 or 220000001?",
            "codes: 204813573, 220000001",
            "code: 204813574",
            "I have no code yet",
            "please call me at 10:30",
            "movie, tupperware and tiara are what I bought",
        ] {
            assert!(found(text).len() != 1, "{text}: {:?}", found(text));
        }
    }
}
