use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::{Asked, Decider, Recorder, Reply};
use crate::{
    Conn, StoreError,
    requests::{self, Begun, RequestKey},
};

pub(super) type Answers<D> = Vec<Reply<<D as Decider>::Answer>>;

/// How a batch is to be decided.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    /// Whether commands that wait join it.
    pub joins: bool,
    /// Whether it is asked first which requests are known; else they are taken to be fresh.
    pub asks: bool,
}

impl Attempt {
    pub const AGAIN: Self = Self { joins: false, asks: true };
}

/// Decides a batch inside its transaction. Answers, and whether there is anything to commit; none when some of its requests were taken
/// to be fresh and had been made before.
pub(super) async fn decide<D: Decider>(
    decider: &mut D,
    conn: &mut Conn,
    opened: Vec<AnyRow>,
    batch: &[Asked<D>],
    attempt: Attempt,
) -> Result<Option<(Answers<D>, bool)>, StoreError> {
    decider.begin(conn, opened).await?;
    let mut known = HashMap::new();
    if attempt.asks {
        let keys: Vec<&RequestKey> = batch.iter().filter_map(|one| one.key.as_ref()).collect();
        known = requests::known(conn, &keys).await?;
    }
    let fresh: Vec<&Asked<D>> = batch.iter().filter(|one| !known.contains_key(one.name())).collect();
    let keys = fresh.iter().map(|one| one.key.as_ref()).collect();
    let mut recorder = Recorder::new(keys, decider.now_ms(), attempt.asks);
    let commands: Vec<&D::Command> = fresh.iter().map(|one| &one.command).collect();
    let answers = if commands.is_empty() {
        vec![]
    } else {
        match decider.decide(conn, &commands, &mut recorder).await {
            Err(_) if recorder.meets_known => return Ok(None),
            decided => decided?,
        }
    };
    let mut answers = answers.into_iter();
    let mut replies = vec![];
    for one in batch {
        let (name, mut repeated) = (one.name(), None);
        if !known.contains_key(name) {
            let answer = answers.next().ok_or(StoreError::Failed)?;
            repeated = recorder.repeated.remove(name);
            if repeated.is_none() {
                replies.push(Reply::Decided(answer));
                continue;
            }
        }
        replies.push(match repeated.or_else(|| known.remove(name)) {
            Some(Begun::Done(kept)) => Reply::Repeated(kept),
            Some(Begun::Reused) => Reply::Reused,
            Some(Begun::Fresh) | None => return Err(StoreError::Failed),
        });
    }
    Ok(Some((replies, recorder.wrote())))
}
