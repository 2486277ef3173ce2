//! What typing errors the check symbols catch. The rates are in `docs/access-codes.md`.

use code_issuer::domain::faces::{self, FaceKind};
use segue_core::Random;

use crate::of_face;

/// A face with a check symbol, its alphabet, and how many errors of each kind may pass in 1,000.
struct Checked {
    kind: FaceKind,
    alphabet: Vec<char>,
    jumps: u32,
    twins: u32,
    random: u32,
}

fn checked() -> [Checked; 3] {
    let picture = of_emoji();
    [
        Checked {
            kind: FaceKind::Digits,
            alphabet: ('0'..='9').collect(),
            jumps: 120,
            twins: 120,
            random: 110,
        },
        Checked {
            kind: FaceKind::Letters,
            alphabet: "BCDFGHJKLMNPQRSTVWXZ".chars().collect(),
            jumps: 0,
            twins: 0,
            random: 70,
        },
        Checked { kind: FaceKind::Picture, alphabet: picture, jumps: 0, twins: 0, random: 20 },
    ]
}

fn of_emoji() -> Vec<char> {
    let rows = include_str!("../../words/emoji.tsv").lines();
    rows.map(|row| row.chars().next().unwrap()).collect()
}

fn codes(kind: FaceKind, count: usize) -> Vec<Vec<char>> {
    let random = Random::seeded(5);
    let face = faces::of_kind(kind);
    let drawn = (0..count).map(|number| face.draw(face.lengths()[number % face.lengths().len()], &random));
    drawn.map(|code| code.reveal().chars().collect()).collect()
}

fn passes(kind: FaceKind, symbols: &[char]) -> bool {
    !of_face(kind, &symbols.iter().collect::<String>()).is_empty()
}

fn with(code: &[char], changes: &[(usize, char)]) -> Vec<char> {
    let mut changed = code.to_vec();
    for (place, symbol) in changes {
        changed[*place] = *symbol;
    }
    changed
}

/// All symbols at all positions; what an error adds decides, so a few codes stand for all (see `check.rs`).
#[test]
fn every_single_error_and_every_exchange_of_neighbours_is_caught() {
    for face in checked() {
        for code in codes(face.kind, 5) {
            for place in 0..code.len() {
                for wrong in face.alphabet.iter().filter(|wrong| **wrong != code[place]) {
                    assert!(!passes(face.kind, &with(&code, &[(place, *wrong)])), "{:?}", face.kind);
                }
                if place > 0 && code[place] != code[place - 1] {
                    let exchanged = with(&code, &[(place, code[place - 1]), (place - 1, code[place])]);
                    assert!(!passes(face.kind, &exchanged), "{:?}", face.kind);
                }
            }
        }
    }
}

/// Passed and tried.
#[derive(Default)]
struct Rate(u32, u32);

impl Rate {
    fn count(&mut self, passed: bool) {
        self.0 += u32::from(passed);
        self.1 += 1;
    }

    fn at_most(&self, per_thousand: u32, name: &str, kind: FaceKind) {
        println!("{kind:?}: {} of {} {name} pass unnoticed", self.0, self.1);
        assert!(self.1 > 500 && self.0 * 1_000 <= per_thousand * self.1, "{name}");
    }
}

#[test]
fn other_errors_pass_no_more_often_than_published() {
    for face in checked() {
        let (mut jumps, mut twins, mut others) = (Rate::default(), Rate::default(), Rate::default());
        let random = Random::seeded(6);
        let any = |count: usize| usize::try_from(random.below(u32::try_from(count).unwrap())).unwrap();
        for code in codes(face.kind, 400) {
            for place in 2..code.len() {
                if code[place] != code[place - 2] {
                    let jump = with(&code, &[(place, code[place - 2]), (place - 2, code[place])]);
                    jumps.count(passes(face.kind, &jump));
                }
                let other = face.alphabet[any(face.alphabet.len())];
                if code[place] == code[place - 1] && other != code[place] {
                    twins.count(passes(face.kind, &with(&code, &[(place, other), (place - 1, other)])));
                }
            }
            let wrong: Vec<char> = code.iter().map(|_| face.alphabet[any(face.alphabet.len())]).collect();
            others.count(wrong != code && passes(face.kind, &wrong));
            let two = with(&code, &[(1, wrong[1]), (code.len() - 1, wrong[2])]);
            others.count(two != code && two[1] != code[1] && passes(face.kind, &two));
        }
        jumps.at_most(face.jumps, "jump transpositions (abc for cba)", face.kind);
        others.at_most(face.random, "random errors", face.kind);
        println!("{:?}: {} of {} twin errors (aa for bb) pass unnoticed", face.kind, twins.0, twins.1);
        assert!(twins.1 > 30 && twins.0 * 1_000 <= face.twins * twins.1);
    }
}

/// Thirteen heard for thirty and so on: `1a` for `a0`, which English and German speakers mix up.
#[test]
fn phonetic_errors_of_digits_are_mostly_caught() {
    let mut rate = Rate::default();
    for code in codes(FaceKind::Digits, 3_000) {
        for place in 1..code.len() {
            if code[place] == '0' && ('2'..='9').contains(&code[place - 1]) {
                rate.count(passes(
                    FaceKind::Digits,
                    &with(&code, &[(place - 1, '1'), (place, code[place - 1])]),
                ));
            }
        }
    }
    rate.at_most(40, "phonetic errors (13 for 30)", FaceKind::Digits);
}

/// A symbol lost or doubled: of digits and pictures the length tells, as lengths are two apart.
#[test]
fn lost_and_doubled_symbols_are_caught() {
    for face in checked() {
        let mut rate = Rate::default();
        for code in codes(face.kind, 40) {
            for place in 0..code.len() {
                let mut lost = code.clone();
                lost.remove(place);
                let mut doubled = code.clone();
                doubled.insert(place, code[place]);
                rate.count(passes(face.kind, &lost));
                rate.count(passes(face.kind, &doubled));
            }
        }
        let most = if face.kind == FaceKind::Letters { 40 } else { 0 };
        rate.at_most(most, "symbols lost or doubled", face.kind);
    }
}
