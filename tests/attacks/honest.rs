//! Callers who do nothing wrong while somebody else attacks.

use std::time::Duration;

use segue_proto::router::v1::{GetAgentRequest, priority_router_service_client::PriorityRouterServiceClient};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tonic::{Code, transport::Channel};

/// Beside each other, each over a connection of its own.
const CALLERS: usize = 4;
/// A timed test tells more about the machine than about the code; this only tells service from none. The figures are printed.
const SLOWEST: Duration = Duration::from_secs(5);

/// Honest callers of the router, until they are asked how it went.
pub struct Callers {
    calling: JoinSet<Vec<Duration>>,
    stop: watch::Sender<bool>,
}

impl Callers {
    /// Callers whose connections are made in a certain way.
    pub async fn over(connect: impl AsyncFn() -> Channel) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut calling = JoinSet::new();
        for _ in 0..CALLERS {
            let client = PriorityRouterServiceClient::new(connect().await);
            let stopped = stopped.clone();
            calling.spawn(async move {
                let mut took = vec![];
                while !*stopped.borrow() {
                    let begin = Instant::now();
                    let answer = client.clone().get_agent(GetAgentRequest { id: "A1".to_owned() }).await;
                    // Nobody made an agent: what counts is that the router says so.
                    assert_eq!(answer.unwrap_err().code(), Code::NotFound, "an honest call was not served");
                    took.push(begin.elapsed());
                    assert!(took.last() < Some(&SLOWEST), "an honest call took {took:?}");
                }
                took
            });
        }
        Self { calling, stop }
    }

    /// Ends them and tells how long their calls took: the median and the 99th percentile.
    pub async fn finish(self) -> (Duration, Duration) {
        self.stop.send_replace(true);
        let mut took = self.calling.join_all().await.concat();
        took.sort();
        assert!(took.len() > 100, "only {} honest calls were served", took.len());
        (took[took.len() / 2], took[took.len() * 99 / 100])
    }
}
