use std::{cmp::Reverse, collections::BTreeMap};

use segue_proto::router::v1::{GetQueueStatsRequest, GetQueueStatsResponse, QueueStats};
use segue_runtime::{Fields, Refusal};
use segue_store::Conn;

use crate::{
    convert::{duration, small},
    decider::Router,
    domain::{Count, State, Waiting},
    store::stats::{self, MINUTE_MS},
};

const USUAL_WINDOW_SECONDS: i32 = 3600;
const MINUTE_SECONDS: i32 = 60;
const DAY_SECONDS: i32 = 24 * 60 * 60;

#[derive(Default)]
struct Line {
    counted: Count,
    waiting: Option<Waiting>,
}

pub(super) async fn get(
    router: &Router,
    request: GetQueueStatsRequest,
) -> Result<GetQueueStatsResponse, Refusal> {
    let mut fields = Fields::new();
    if !request.platform.is_empty() {
        fields.slug("platform", &request.platform);
    }
    let window = match request.window_seconds {
        0 => USUAL_WINDOW_SECONDS,
        given if given % MINUTE_SECONDS == 0 => {
            fields.range("window_seconds", given, MINUTE_SECONDS..=DAY_SECONDS)
        }
        given => {
            fields.violation("window_seconds", "must be in whole minutes");
            given
        }
    };
    fields.finish()?;
    let now_ms = router.now_ms();
    let since_minute = now_ms / MINUTE_MS - i64::from(window / MINUTE_SECONDS) + 1;
    let mut lines: BTreeMap<_, Line> = BTreeMap::new();
    let served = async |conn: &mut Conn| stats::served(conn, &request.platform, since_minute).await;
    for served in router.database.read(served).await? {
        lines.entry((served.platform, Reverse(served.priority))).or_default().counted = served.counted;
    }
    for ((platform, class), waiting) in router.look(State::waiting).await? {
        if request.platform.is_empty() || *request.platform == *platform {
            let line = lines.entry((platform.to_string(), Reverse(class))).or_default();
            line.waiting = Some(waiting);
        }
    }
    let stats = lines
        .into_iter()
        .map(|((platform, Reverse(priority)), line)| QueueStats {
            platform,
            priority: small(priority.code()),
            ..line.shown(now_ms)
        })
        .collect();
    let service_level_seconds = small(router.rules.service_level_ms / 1000);
    Ok(GetQueueStatsResponse { stats, service_level_seconds })
}

impl Line {
    fn shown(&self, now_ms: i64) -> QueueStats {
        let Count { answered, answered_in_time, waited_ms, abandoned, handled, handled_ms } = self.counted;
        let mean = |sum: i64, count: i64| (count > 0).then(|| duration(sum / count));
        QueueStats {
            platform: String::new(),
            priority: 0,
            waiting: small(self.waiting.map_or(0, |waiting| waiting.count)),
            unserved: small(self.waiting.map_or(0, |waiting| waiting.unserved)),
            oldest_wait: self.waiting.map(|waiting| duration(now_ms - waiting.oldest_at)),
            answered: small(answered),
            answered_in_time: small(answered_in_time),
            abandoned: small(abandoned),
            service_level: share(answered_in_time, answered + abandoned),
            average_wait: mean(waited_ms, answered),
            average_handle_time: mean(handled_ms, handled),
        }
    }
}

/// Of nothing, all was in time.
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 1.0 } else { f64::from(small(part)) / f64::from(small(whole)) }
}
