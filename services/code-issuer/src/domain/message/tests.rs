use std::time::Duration;

use super::{Autofill, Invitation, Messages};
use crate::domain::locale::Locale;

const INVITATION: Invitation<'static> = Invitation {
    target: "App",
    code: "2345 6789 1",
    link: "https://app.example/go#AbC",
    ttl: Duration::from_secs(600),
    autofill: None,
};

fn errors(text: &str) -> Vec<String> {
    Messages::read(text).unwrap_err()
}

#[test]
fn the_text_stands_for_itself() {
    let text = Messages::standard().unwrap().invitation(Locale::En, INVITATION);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("App"), "{text}");
    assert_eq!(lines[1], "Your access code: 2345 6789 1");
    assert_eq!(lines[2], "Or open: https://app.example/go#AbC");
    assert!(lines[3].contains("10 minutes"), "{text}");
    let chinese = Messages::standard().unwrap().invitation(Locale::ZhCn, INVITATION);
    assert!(chinese.contains("快速接入码：2345 6789 1") && chinese.contains("10分钟内有效"), "{chinese}");
}

#[test]
fn lines_without_a_value_are_left_out() {
    let messages = Messages::standard().unwrap();
    let typed = messages.invitation(Locale::En, Invitation { link: "", ..INVITATION });
    assert!(!typed.contains("open") && !typed.contains("QR"), "{typed}");
    let scanned = messages.invitation(Locale::En, Invitation { link: "", code: "", ..INVITATION });
    assert!(scanned.contains("QR") && !scanned.contains("access code"), "{scanned}");
    let called = messages.invitation(Locale::En, Invitation { link: "tel:1,,2", ..INVITATION });
    assert!(called.contains("Or call") && called.contains("tel:1,,2"), "{called}");
}

#[test]
fn a_text_message_ends_with_the_line_for_the_phone() {
    let autofill = Some(Autofill { host: "app.example", code: "234567891" });
    let text = Messages::standard().unwrap().invitation(Locale::ZhCn, Invitation { autofill, ..INVITATION });
    assert_eq!(text.lines().next_back(), Some("@app.example #234567891"));
}

#[test]
fn an_operator_replaces_what_they_like() {
    let messages = Messages::read("[en]\ncode = \"CODE {code}\"\n").unwrap();
    let text = messages.invitation(Locale::En, INVITATION);
    assert!(text.contains("CODE 2345 6789 1") && text.contains("Or open: "), "{text}");
    let standard = Messages::standard().unwrap();
    let zh = |messages: &Messages| messages.invitation(Locale::ZhCn, INVITATION);
    assert_eq!(zh(&messages), zh(&standard));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let wrong = errors(
        "[en]\ncode = \"no placeholder\"\nfarewell = \"{target} {code}\"\nlink = 3\nhello = \"x\"\n\
         scan = \"{who}\"\n[fr]\ncode = \"{code}\"\n[zh-CN]\ndial = \"{link\"\n",
    );
    let expected = [
        "en.hello: is not a text of Segue",
        "[fr]: is not a language of Segue",
        "en.code: {code} is missing",
        "en.link: must be a text",
        "en.scan: {who} is not a placeholder",
        "en.farewell: {code} has no place here",
        "zh-CN.dial: a brace is not closed; write {{ for a brace",
    ];
    let mut sorted = (wrong.clone(), expected.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
    assert_eq!(errors("[en").len(), 1, "not TOML");
    assert_eq!(errors("en = 1"), ["en: must be a table of texts"]);
}

#[test]
fn the_farewell_says_what_to_do_while_something_can_be_done() {
    let messages = Messages::standard().unwrap();
    let text = messages.farewell(Locale::En, "App", Duration::from_secs(120));
    assert!(text.contains("at App") && text.ends_with("tell us within 2 minutes."), "{text}");
    assert!(!messages.farewell(Locale::En, "App", Duration::ZERO).contains("minutes"));
    assert!(messages.farewell(Locale::ZhCn, "App", Duration::from_secs(150)).contains("2分钟"));
    assert!(messages.farewell(Locale::En, "App", Duration::from_secs(90)).ends_with("within 1 minute."));
    assert!(messages.revoked(Locale::En).contains("taken back"));
}
