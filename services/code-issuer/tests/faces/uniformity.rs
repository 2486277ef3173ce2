use std::collections::BTreeMap;

use code_issuer::domain::faces::{ALL, FaceKind};
use segue_core::Random;

const DRAWS: u32 = 20_000;

/// Pearson's chi-squared for every position of every face. With more than a few degrees of freedom k it is near normal with mean
/// k and variance 2k; five standard deviations, at a fixed seed, is far beyond chance for about sixty positions.
#[test]
fn every_symbol_is_as_likely_as_the_others() {
    let random = Random::seeded(2026);
    for face in ALL.iter().filter(|face| face.kind() != FaceKind::Qr) {
        let length = face.lengths()[0];
        let mut counts = vec![BTreeMap::<String, u32>::new(); length];
        for _ in 0..DRAWS {
            let code = face.draw(length, &random);
            for (place, symbol) in symbols(face.kind(), code.reveal()).into_iter().enumerate() {
                *counts[place].entry(symbol).or_default() += 1;
            }
        }
        for (place, counts) in counts.iter().enumerate() {
            let size = alphabet(face.kind(), place);
            assert!(counts.len() <= size, "{:?} has {size} symbols", face.kind());
            let expected = f64::from(DRAWS) / as_f64(size);
            let seen: f64 =
                counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
            let chi_squared = seen + as_f64(size - counts.len()) * expected;
            let freedom = as_f64(size - 1);
            let deviations = (chi_squared - freedom) / (2.0 * freedom).sqrt();
            println!(
                "{:?} {place}: chi-squared {chi_squared:.1} of {freedom} ({deviations:+.2})",
                face.kind()
            );
            assert!(deviations.abs() < 5.0);
        }
    }
}

fn symbols(kind: FaceKind, code: &str) -> Vec<String> {
    match kind {
        FaceKind::Words | FaceKind::Characters => code.split(' ').map(str::to_owned).collect(),
        _ => code.chars().map(String::from).collect(),
    }
}

fn alphabet(kind: FaceKind, place: usize) -> usize {
    match kind {
        FaceKind::Digits if place == 0 => 8,
        FaceKind::Digits => 10,
        FaceKind::Letters => 20,
        FaceKind::Words => 1_296,
        FaceKind::Characters => 2_048,
        FaceKind::Picture => 64,
        FaceKind::Qr => 0,
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
