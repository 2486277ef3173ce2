//! The lengths and probabilities in `docs/access-codes.md` are worked out here, by the code that decides about faces.

use std::time::Duration;

use code_issuer::domain::{
    faces::{self, Face},
    limits::Limits,
    strength::{Scope, Strength, Threat, success_at_most},
};

const DOCUMENT: &str = "docs/access-codes.md";
const START: &str =
    "<!-- worked out: SEGUE_BLESS=1 cargo test -p segue-tests --test issuer strength_table -->\n";
const END: &str = "<!-- end -->\n";
const LIVE: [u64; 3] = [1_000, 100_000, 10_000_000];
const LIFE: Duration = Duration::from_secs(600);
/// What one machine managed in two windows, at 1,710 wrong codes a second.
const FLOOD: u64 = 1_710 * 1_200;

#[test]
fn the_documented_lengths_are_those_of_the_code() {
    let path = segue_testkit::repository().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).expect(DOCUMENT);
    let (before, rest) = text.split_once(START).expect("the table's start");
    let (kept, after) = rest.split_once(END).expect("the table's end");
    let table = table();
    if std::env::var_os("SEGUE_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{START}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(kept, table, "{DOCUMENT} is out of date: {START}");
    }
}

fn table() -> String {
    let mut table =
        "| face | bound | 10^3 live codes | 10^5 | 10^7 | bound, in a flood | 10^3, in a flood |\n\
                     |---|---|---|---|---|---|---|\n"
            .to_owned();
    for face in faces::ALL {
        let bound = |claimed| cell(*face, true, Threat::to_bound(&Limits::default(), 1, claimed, LIFE));
        let unbound = |live: u64, wrong_guesses| {
            // The code that is issued is one of the live ones.
            let scope = Scope { live_codes: live - 1, wrong_guesses };
            cell(*face, false, Threat::to_unbound(&Limits::default(), scope, LIFE))
        };
        let cells =
            [&[bound(0)][..], &LIVE.map(|live| unbound(live, 0)), &[bound(FLOOD), unbound(1_000, FLOOD)]];
        table += &format!("| {} | {} |\n", face.kind().name(), cells.concat().join(" | "));
    }
    table
}

/// How many symbols a code has, its bits, and how likely it is that guessing succeeds.
fn cell(face: &dyn Face, bound: bool, threat: Threat) -> String {
    let strength = Strength::choose(&[face.kind()], bound, threat);
    let form = strength.forms.first();
    form.map_or("left out".to_owned(), |form| {
        let probability = success_at_most(threat.codes, threat.guesses(), form.bits);
        format!("{}: {:.1}, {probability:.0e}", form.length, form.bits)
    })
}
