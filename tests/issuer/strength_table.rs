//! The probabilities in `docs/access-codes.md` are worked out here, by the code that decides about faces.

use std::time::Duration;

use code_issuer::domain::{
    faces::{self, Binding},
    limits::Limits,
    strength::{Scope, guesses_bound, guesses_unbound, needed_bound, needed_unbound, success_at_most},
};

const DOCUMENT: &str = "docs/access-codes.md";
const START: &str =
    "<!-- worked out: SEGUE_BLESS=1 cargo test -p segue-tests --test issuer strength_table -->\n";
const END: &str = "<!-- end -->\n";
const LIVE: [u64; 3] = [1_000, 100_000, 10_000_000];
const LIFE: Duration = Duration::from_secs(600);

#[test]
fn the_documented_probabilities_are_those_of_the_code() {
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
    let head = "| face | code | bits | 10^3 live codes | 10^5 | 10^7 |\n|---|---|---|---|---|---|\n";
    let forms = [(Binding::Bound, "bound"), (Binding::Unbound, "unbound"), (Binding::Long, "long")];
    let rows = faces::ALL.iter().flat_map(|face| {
        forms.map(|(binding, form)| {
            let bits = face.bits(binding);
            let cells = LIVE.map(|live| cell(binding, live, bits)).join(" | ");
            format!("| {} | {form} | {bits:.1} | {cells} |\n", face.kind().name())
        })
    });
    head.to_owned() + &rows.collect::<String>()
}

/// How likely it is that guessing succeeds; struck out where such a code is not issued.
fn cell(binding: Binding, live: u64, bits: f64) -> String {
    let limits = Limits::default();
    let (probability, needed) = if binding == Binding::Bound {
        let guesses = guesses_bound(&limits, 1, 0, LIFE);
        (success_at_most(1, guesses, bits), needed_bound(&limits, 1, 0, LIFE))
    } else {
        // The code that is issued is one of the live ones.
        let scope = Scope { live_codes: live - 1, wrong_guesses: 0 };
        let guesses = guesses_unbound(&limits, 0, LIFE);
        (success_at_most(live, guesses, bits), needed_unbound(&limits, scope, LIFE))
    };
    if bits >= needed { format!("{probability:.0e}") } else { format!("~~{probability:.0e}~~") }
}
