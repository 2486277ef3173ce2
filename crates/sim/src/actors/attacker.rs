use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use segue_proto::{common::v1::ErrorReason, issuer::v1::RedeemCodeRequest};
use segue_runtime::reason_of;
use tokio::time::sleep;

use super::{Clients, Facts, Patience, patiently};
use crate::{
    dice::Dice,
    world::{PLATFORMS, World},
};

/// The quasigroup of Damm's check digit.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// Guesses codes from one address, without end.
pub async fn attack(world: Arc<World>, facts: Arc<Mutex<Facts>>) {
    let dice = Dice::of(world.seed, "attacker");
    let clients = Clients::new(&world, "attacker");
    let address = "203.0.113.7";
    loop {
        sleep(Duration::from_millis(dice.between(100, 2_000).into())).await;
        let request = RedeemCodeRequest {
            request_id: dice.request_id(),
            code: guess(&dice),
            platform: dice.pick(&PLATFORMS).0.to_owned(),
            session: "attacker".to_owned(),
            source_address: address.to_owned(),
            ..RedeemCodeRequest::default()
        };
        let redeemed = patiently(&dice, Patience(Duration::from_secs(5)), || async {
            clients.issuer.clone().redeem_code(request.clone()).await
        });
        match redeemed.await {
            Ok(_) => facts.lock().violations.push("a guessed code was redeemed".to_owned()),
            Err(status) if reason_of(&status) == Some(ErrorReason::CodeNotAccepted) => {
                *facts.lock().guesses.entry(address.to_owned()).or_default() += 1;
            }
            Err(_) => {}
        }
    }
}

/// A code that is well formed.
fn guess(dice: &Dice) -> String {
    let digits: Vec<u8> =
        (0..10).map(|place| u8::try_from(dice.between(if place == 0 { 2 } else { 0 }, 9)).unwrap()).collect();
    let check = digits.iter().fold(0, |check, digit| DAMM[usize::from(check)][usize::from(*digit)]);
    digits.iter().chain([&check]).map(|digit| char::from(b'0' + digit)).collect()
}
