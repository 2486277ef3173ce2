//! What somebody learns who does not own the ticket: nothing from the answers, nothing from how long they take, and
//! nothing from the database without the key.

use std::time::{Duration, Instant};

use segue_core::{Key, KeyRing, Purpose, Random};
use segue_proto::issuer::v1::{CancelHandoffRequest, RedeemCodeRequest};
use segue_testkit::{Storage, request_id};
use segue_tests::Fixture;
use sha2::{Digest as _, Sha256};
use tonic_types::StatusExt as _;

use crate::replicas::{Replicas, unbound, well_formed};

const SAMPLES: usize = 500;
/// Medians of the same work differ by a few per cent; a look-up more or less would show.
const MOST_APART: f64 = 2.0;

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_do_not_work_can_not_be_told_apart() {
    let system = Replicas::start(Storage::SqliteFile, &[]).await;
    let mut issuer = system.first();
    let codes = dead_codes(&system).await;
    let mut times: Vec<(&str, Vec<Duration>)> = codes.iter().map(|(what, ..)| (*what, vec![])).collect();
    let mut shapes = Vec::new();
    // In turn, so that what else the machine does meets all of them alike.
    for sample in 0..SAMPLES {
        for (index, (_, code, platform)) in codes.iter().enumerate() {
            let code = if code.is_empty() { well_formed(sample * 31_337) } else { code.clone() };
            let request = RedeemCodeRequest {
                platform: (*platform).to_owned(),
                // An account of its own each time: what an account has tried before is no part of the comparison.
                account: format!("guesser-{sample}-{index}"),
                ..Fixture::redemption(&code, &format!("s-{sample}-{index}"))
            };
            let started = Instant::now();
            let status = issuer.redeem_code(request).await.expect_err("no code works");
            times[index].1.push(started.elapsed());
            let details = status.get_error_details();
            shapes.push((
                status.code(),
                status.message().to_owned(),
                format!("{details:?}"),
                status.metadata().keys().count(),
            ));
        }
    }
    assert!(
        shapes.windows(2).all(|pair| pair[0] == pair[1]),
        "status, message, details and headers are the same"
    );
    report(&mut times);
    system.stop().await;
}

/// What it is, the code (empty: a new unknown one each time), and the platform it's entered on.
async fn dead_codes(system: &Replicas) -> Vec<(&'static str, String, &'static str)> {
    let mut issuer = system.first();
    let expired = Fixture::digits(&system.fixture.create(unbound("expired")).await);
    system.clock.advance(Duration::from_secs(601));
    let spent = Fixture::digits(&system.fixture.create(unbound("spent")).await);
    let honest = Fixture::redemption(&spent, "honest");
    issuer.redeem_code(RedeemCodeRequest { platform: "web_chat".to_owned(), ..honest }).await.unwrap();
    let cancelled = system.fixture.create(unbound("cancelled")).await;
    let id = cancelled.handoff.as_ref().unwrap().id.clone();
    issuer.cancel_handoff(CancelHandoffRequest { request_id: request_id(), id }).await.unwrap();
    let live = Fixture::digits(&system.fixture.create(unbound("live")).await);
    let bound = Fixture::digits(&system.fixture.create(Fixture::handoff("bound")).await);
    vec![
        ("unknown", String::new(), "web_chat"),
        ("expired", expired, "web_chat"),
        ("spent", spent, "web_chat"),
        ("cancelled", Fixture::digits(&cancelled), "web_chat"),
        ("another platform's", live, "video_desk"),
        ("another account's", bound, "app"),
    ]
}

fn report(times: &mut [(&str, Vec<Duration>)]) {
    let quantile = |sorted: &[Duration], part: usize| sorted[sorted.len() * part / 100];
    println!("{:<20} {:>10} {:>10} {:>10} {:>10}  of {SAMPLES}", "code", "p10", "median", "p90", "p99");
    let mut medians = Vec::new();
    for (what, each) in times.iter_mut() {
        each.sort_unstable();
        let [p10, median, p90, p99] = [10, 50, 90, 99].map(|part| quantile(each, part));
        println!("{what:<20} {p10:>10.1?} {median:>10.1?} {p90:>10.1?} {p99:>10.1?}");
        medians.push(median.as_secs_f64());
    }
    let (least, most) =
        (medians.iter().copied().fold(f64::MAX, f64::min), medians.iter().copied().fold(0.0, f64::max));
    println!("largest median / smallest: {:.2}", most / least);
    assert!(most / least < MOST_APART, "{medians:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_sqlite_file_gives_no_code_away() {
    let system = Replicas::start(Storage::SqliteFile, &[]).await;
    let wanted = codes_in_use(&system).await;
    let path = system.url.trim_start_matches("sqlite://").split('?').next().unwrap().to_owned();
    let mut dump = Vec::new();
    for part in ["", "-wal"] {
        dump.extend(std::fs::read(format!("{path}{part}")).unwrap_or_default());
    }
    nothing_is_found(&dump, &wanted);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_postgres_dump_gives_no_code_away() {
    let system = Replicas::start(Storage::Postgres, &[]).await;
    let wanted = codes_in_use(&system).await;
    let dump = std::process::Command::new("pg_dump").arg("--inserts").arg(&system.url).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    nothing_is_found(&dump.stdout, &wanted);
    system.stop().await;
}

/// A live code, its account, and an address that has guessed.
async fn codes_in_use(system: &Replicas) -> (String, Vec<String>) {
    let code = Fixture::digits(&system.fixture.create(Fixture::handoff("call-1")).await);
    let guess = RedeemCodeRequest {
        source_address: "203.0.113.77".to_owned(),
        ..Fixture::redemption(&well_formed(4_711), "guessing")
    };
    system.first().redeem_code(guess).await.unwrap_err();
    let plain: String = code.chars().filter(char::is_ascii_digit).collect();
    (plain.clone(), vec![code, plain, "203.0.113.77".to_owned(), Fixture::account(), well_formed(4_711)])
}

/// Looks for the secrets in clear, and for every hash that somebody without the key could work out for 10^5 codes, the
/// right one among them.
fn nothing_is_found(dump: &[u8], (code, clear): &(String, Vec<String>)) {
    let has = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    for text in clear {
        assert!(!has(text.as_bytes()), "a secret is stored in clear");
    }
    let hashes = hashes_in(dump);
    assert!(hashes.len() >= 2, "the dump has the codes' hashes");
    let wrong_keys: Vec<KeyRing> =
        (0..2).map(|seed| KeyRing::new(Key::generate(&Random::seeded(seed)), None)).collect();
    let right: usize = code.parse().unwrap();
    let space = (right - right % 100_000..).take(100_000);
    for guess in space.map(|number| number.to_string()) {
        let mut tried: Vec<String> = ["", "app", "digits"]
            .into_iter()
            .map(|salt| {
                Sha256::digest(format!("{salt}{guess}")).iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        tried.extend(wrong_keys.iter().map(|keys| keys.hash(Purpose::Code, &["app", "digits", &guess, ""])));
        assert!(
            tried.iter().all(|hash| hashes.binary_search(hash).is_err()),
            "a hash was reversed without the key"
        );
    }
}

/// Every run of 64 hexadecimal digits.
fn hashes_in(dump: &[u8]) -> Vec<String> {
    let text: String = dump.iter().map(|byte| char::from(*byte)).collect();
    let mut found = Vec::new();
    for run in text.split(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).filter(|run| run.len() >= 64) {
        // SQLite writes columns without a separator, so a hash may have digits of its neighbours at its ends.
        found.extend((0..=run.len() - 64).map(|start| run[start..start + 64].to_owned()));
    }
    found.sort_unstable();
    found
}
