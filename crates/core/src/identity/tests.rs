use proptest::prelude::*;

use super::*;

fn region(text: &str) -> Option<Region> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

fn value_in(country: &str, kind: &str, text: &str) -> Result<String, IdentityError> {
    Identity::parse(IdentityKind::parse(kind)?, text, region(country)).map(|identity| identity.value)
}

fn value(kind: &str, text: &str) -> Result<String, IdentityError> {
    value_in("", kind, text)
}

#[test]
fn spellings_of_the_same_phone_number_agree() {
    for written in [
        "+86 138-0013-8000",
        "＋86 (138) 0013 8000",
        "tel:+86-138-0013-8000",
        "TEL:+8613800138000",
        "tel:+86-138-0013-8000;ext=5",
        "+86 138 0013 8000 ext. 5",
        "+86\u{a0}138\u{202f}0013\u{2009}8000",
        "+86\u{2011}138\u{2013}0013\u{2014}8000",
        "\u{202a}+86 138 0013 8000\u{202c}",
        "\u{2066}+86 138\u{200b}0013 8000\u{2069}",
        "\u{feff}+8613800138000",
        "+٨٦١٣٨٠٠١٣٨٠٠٠",
    ] {
        assert_eq!(value("phone", written).as_deref(), Ok("+8613800138000"), "{written:?}");
    }
    // A trunk zero is no part of the number, and a zero that is stays.
    assert_eq!(value("phone", "+44 (0)20 7946 0958").unwrap(), "+442079460958");
    assert_eq!(value("phone", "+39 06 1234 5678").unwrap(), "+390612345678");
    // A number that nobody has is one all the same.
    assert_eq!(value("phone", "+86 140-0000-0001").unwrap(), "+8614000000001");
}

#[test]
fn national_numbers_are_those_of_the_region() {
    for (country, written, number) in [
        ("CN", "138 0013 8000", "+8613800138000"),
        ("cn", "0086 138 0013 8000", "+8613800138000"),
        ("GB", "020 7946 0958", "+442079460958"),
        ("DE", "0049 30 123456", "+4930123456"),
        ("US", "(415) 555-2671", "+14155552671"),
        ("CN", "+44 20 7946 0958", "+442079460958"),
        ("CN", "+52 1 55 1234 5678", "+525512345678"),
        ("CN", "+55 11 8765-4321", "+5511987654321"),
    ] {
        assert_eq!(value_in(country, "phone", written).as_deref(), Ok(number), "{written}");
    }
    for written in ["13800138000", "0086 138 0013 8000", "(415) 555-2671"] {
        assert_eq!(value("phone", written), Err(IdentityError::Country), "{written}");
        assert_eq!(Identity::check(IdentityKind::Phone, written), Ok(()));
    }
    assert_eq!(value_in("CN", "phone", "123"), Err(IdentityError::Phone));
    assert_eq!("Atlantis".parse::<Region>(), Err(UnknownRegion));
}

#[test]
fn numbers_that_are_written_in_two_ways_meet() {
    let keys = KeyRing::new(crate::Key::generate(&crate::Random::seeded(1)), None);
    let parse = |text: &str| Identity::parse(IdentityKind::Phone, text, None).unwrap();
    for (one, other, kept) in [
        ("+52 55 1234 5678", "+52 1 55 1234 5678", "+525512345678"),
        ("+54 11 2345 6789", "+54 9 11 2345 6789", "+541123456789"),
        ("+55 11 98765 4321", "+55 11 8765 4321", "+5511987654321"),
    ] {
        let (one, other) = (parse(one), parse(other));
        assert_eq!((one.value.as_str(), other.value.as_str()), (kept, kept));
        // Also those that were stored before one form was kept.
        let stored = keys.hash(Purpose::Identity, &["phone", one.other.as_ref().unwrap()]);
        assert!(one.hashes(&keys).contains(&stored) && one.hashes(&keys).contains(&one.hash(&keys)));
    }
}

#[test]
fn spellings_of_the_same_address_agree() {
    for written in [
        " Li.Wei@Example.COM ",
        "<li.wei@example.com>",
        "Li Wei <li.wei@example.com>",
        "mailto:Li.Wei@example.com",
        "li.wei@example.com.",
        "li.wei\u{200b}@example.com",
        "ｌｉ.wei@example.com",
    ] {
        assert_eq!(value("email", written).as_deref(), Ok("li.wei@example.com"), "{written:?}");
    }
    let unicode = value("email", "用户@例子.公司").unwrap();
    assert_eq!(unicode, "用户@xn--fsqu00a.xn--55qx5d");
    assert_eq!(value("email", "用户@xn--fsqu00a.xn--55qx5d").unwrap(), unicode);
    assert_eq!(value("email", "a@b\u{fc}cher.example").unwrap(), "a@xn--bcher-kva.example");
    assert_eq!(value("member_id", " M\u{200b}-1\u{feff} ").unwrap(), "M-1");
}

#[test]
fn nonsense_is_refused() {
    let odd_numbers = [
        "+",
        "+12",
        "+86138",
        "+0123456789",
        "+99912345678",
        "+861380013800013800",
        "+86 138x",
        "+86 138 0013 8000 x",
        "+86 138 0013 8000 ext 12345678",
        "+86 138+0013 8000",
        "+86 138 0013 8000;phone-context=x",
        "+1 800 FLOWERS",
        "+86 138 0013 8000, +86 138 0013 8001",
        "call me",
    ];
    for odd in odd_numbers {
        assert_eq!(value("phone", odd), Err(IdentityError::Phone), "{odd}");
        assert_eq!(Identity::check(IdentityKind::Phone, odd), Err(IdentityError::Phone), "{odd}");
    }
    for odd in [
        "a@b",
        "@b.com",
        "a@",
        "a",
        "a@@x.com",
        "a@x..com",
        "a@.com",
        "a b@x.com",
        "a@x com",
        ".a@x.com",
        "a.@x.com",
        "a..b@x.com",
        "a@x.com, b@y.com",
        "a@x.com b@y.com",
        "a@x.com <b@y.com>",
        "<a@x.com>, <b@y.com>",
        "a@[192.0.2.1]",
        "\"a\"@x.com",
        "a@-x.com",
        "a@x_y.com",
        "a@x.com..",
        "a(b)@x.com",
        "mailto:a@x.com?subject=b",
    ] {
        assert_eq!(value("email", odd), Err(IdentityError::Email), "{odd}");
    }
    assert_eq!(value("shoe_size", "44"), Err(IdentityError::UnknownKind));
    assert_eq!(value("member_id", "  "), Err(IdentityError::Length));
    assert_eq!(value("member_id", "\u{200b}\u{feff}"), Err(IdentityError::Length));
    assert_eq!(value("member_id", &"x".repeat(257)), Err(IdentityError::Length));
    for kind in ["member_id", "union_id", "account", "phone", "email"] {
        assert_eq!(value(kind, "M\0-1"), Err(IdentityError::Control), "{kind}");
    }
}

/// Neighbours in each list are different people.
const NEAR_MISSES: [(&str, &[&str]); 3] = [
    (
        "phone",
        &[
            "+8613800138000",
            "+8613800138001",
            "+861380013800",
            "+13800138000",
            "+442079460958",
            "+442079460958 x5",
            "+442079460958 x6",
            "+5521234567",
            "+552123456789",
            "+551123456789",
            "+5511923456789",
            "+525512345678",
            "+525512345679",
            "+541123456789",
            "+541123456780",
            "+390612345678",
            "+39612345678",
        ],
    ),
    (
        "email",
        &[
            "a@x.com",
            "a+b@x.com",
            "a.b@x.com",
            "ab@x.com",
            "a@x.co",
            "a@mail.x.com",
            "b@x.com",
            "а@x.com",
            "a@xx.com",
            "user@fa\u{df}.de",
            "user@fass.de",
            "用户@例子.公司",
            "用戶@例子.公司",
            "0@x.com",
            "o@x.com",
            "a-b@x.com",
            "a_b@x.com",
        ],
    ),
    ("member_id", &["M-1", "m-1", "M1", "M 1", "M-01", "M-l", "M-I", "М-1"]),
];

#[test]
fn near_misses_never_merge() {
    let keys = KeyRing::new(crate::Key::generate(&crate::Random::seeded(1)), None);
    for (kind, people) in NEAR_MISSES {
        let hashes: Vec<Vec<KeyedHash>> = people
            .iter()
            .map(|text| {
                Identity::parse(IdentityKind::parse(kind).unwrap(), text, None).unwrap().hashes(&keys)
            })
            .collect();
        for (index, one) in hashes.iter().enumerate() {
            for (other, theirs) in hashes.iter().enumerate().skip(index + 1) {
                let meet = one.iter().any(|hash| theirs.contains(hash));
                assert!(!meet, "{} and {}", people[index], people[other]);
            }
        }
    }
}

#[test]
fn errors_and_debug_texts_hide_the_value() {
    let identity = Identity::parse(IdentityKind::Phone, "+86 138 0013 8000", None).unwrap();
    assert!(!format!("{identity:?}").contains("138"));
    let error = Identity::parse(IdentityKind::Phone, "138 0013 8000", None).unwrap_err();
    assert!(error.to_string().contains("default-region") && !error.to_string().contains("138"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalising_again_changes_nothing(kind in 0_usize..5, text in any::<String>(), in_china: bool) {
        let (kind, _) = IdentityKind::ALL[kind];
        if let Ok(one) = Identity::parse(kind, &text, region(if in_china { "CN" } else { "" })) {
            let again = Identity::parse(kind, &one.value, None).unwrap();
            prop_assert_eq!(&again.value, &one.value);
        }
    }

    #[test]
    fn numbers_and_addresses_are_stable(
        country in prop::sample::select(vec![1_u16, 7, 39, 44, 49, 52, 54, 55, 86, 91]),
        number in 10_000_u64..99_999_999_999, extension in 0_u32..99,
        local in "[a-zA-Z0-9]{1,8}([.+_-][a-z0-9]{1,5}){0,2}", domain in "[a-zA-Z0-9]{1,8}\\.(com|例子|b\u{fc}cher)",
    ) {
        let written = [format!("+{country} {number}"), format!("+{country} {number} ext. {extension}")];
        let all = written.iter().map(|text| ("phone", text.clone())).chain([("email", format!("{local}@{domain}"))]);
        for (kind, text) in all {
            if let Ok(one) = value(kind, &text) {
                prop_assert_eq!(value(kind, &one), Ok(one), "{}", text);
            }
        }
    }
}
