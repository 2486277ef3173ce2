use std::collections::BTreeSet;

use segue_store::{
    Conn,
    Kind::{Int, Text},
    Rows, StoreError, Value,
};

use super::{
    codes, guesses,
    handoffs::{self, handoff_columns},
    wrong_codes,
};
use crate::domain::{
    code::Code,
    handoff::Handoff,
    turn::{Known, Needs},
};

/// Reads what commands need: at most one statement for each table, however many they are.
pub(crate) async fn known(conn: &mut Conn, needs: &Needs, now_ms: i64) -> Result<Known, StoreError> {
    let codes = codes::known(conn, &needs.hashes).await?;
    let under: BTreeSet<&str> = {
        let of_codes = codes.iter().map(|code| code.guessed_under.as_str());
        of_codes.chain(needs.under.iter().map(String::as_str)).filter(|under| !under.is_empty()).collect()
    };
    let wrong = wrong_codes::known_of_life(conn, &under, now_ms).await?;
    let handoffs = handoffs(conn, needs, &codes).await?;
    let guesses = guesses::known(conn, needs, now_ms).await?;
    Ok(Known { handoffs, codes, guesses, wrong })
}

/// By what a handoff is looked for.
const BY_ID: i64 = 1;
const BY_SOURCE: i64 = 2;
const BY_AGENT: i64 = 3;
const BY_REDEMPTION: i64 = 4;

async fn handoffs(conn: &mut Conn, needs: &Needs, codes: &[Code]) -> Result<Vec<Handoff>, StoreError> {
    let mut rows = Rows::new(&[("way", Int), ("one", Text), ("two", Text)]);
    let whole = codes.iter().filter(|code| needs.hashes.get(&code.hash) == Some(&true));
    let ids: BTreeSet<&String> = whole.map(|code| &code.handoff).chain(&needs.handoffs).collect();
    for id in ids {
        rows.push([BY_ID.into(), id.as_str().into(), Value::Null]);
    }
    for source in &needs.sources {
        rows.push([BY_SOURCE.into(), source.platform.as_str().into(), source.session.as_str().into()]);
    }
    for agent in &needs.agents {
        rows.push([BY_AGENT.into(), agent.as_str().into(), Value::Null]);
    }
    for request in &needs.redemptions {
        rows.push([BY_REDEMPTION.into(), request.as_str().into(), Value::Null]);
    }
    let found = rows
        .fetch(
            conn,
            // The conditions of the partial indexes stand in the text, as only then these are used.
            concat!(
                "SELECT ",
                handoff_columns!(),
                " FROM v JOIN handoffs h ON h.id = v.one WHERE v.way = 1 UNION ALL SELECT ",
                handoff_columns!(),
                " FROM v JOIN handoffs h ON h.source_platform = v.one AND h.source_session = v.two
                      AND h.state IN ('ISSUED', 'REDEEMED') WHERE v.way = 2 UNION ALL SELECT ",
                handoff_columns!(),
                " FROM v JOIN handoffs h ON h.agent = v.one AND h.state = 'ISSUED' WHERE v.way = 3 UNION ALL SELECT ",
                handoff_columns!(),
                " FROM v JOIN handoffs h ON h.redeem_request_id = v.one AND h.redeem_request_id <> '' WHERE v.way = 4",
            ),
        )
        .await?;
    found.iter().map(handoffs::read).collect()
}
