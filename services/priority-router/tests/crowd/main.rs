//! Ten thousand desks on one replica (a few hundred in the edit-test loop): each is told of its own, and one that doesn't
//! read holds up nobody.

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use priority_router::{Config, Rules, bind};
    use segue_core::Random;
    use segue_proto::{
        common::v1::Session,
        router::v1::{
            AssignmentChange as Change, priority_router_service_client::PriorityRouterServiceClient, *,
        },
    };
    use segue_runtime::{Parts, ServerConfig, Stop, timestamp};
    use segue_testkit::{Databases, Storage, request_id, wait_for};
    use tokio::task::JoinSet;
    use tonic::transport::{Channel, Endpoint};

    const DESKS: usize = if cfg!(debug_assertions) { 300 } else { 10_000 };
    /// Those who are told something.
    const TOLD: usize = 100;
    const CONNECTIONS: usize = 50;
    const CALLERS: usize = 64;
    /// More than a stream is read ahead by, so that its reader is what it waits for.
    const UNREAD: usize = 100;

    type Client = PriorityRouterServiceClient<Channel>;

    #[derive(Clone)]
    struct Crowd {
        clients: Arc<Vec<Client>>,
        /// Desks whose stream has begun.
        watching: Arc<AtomicUsize>,
        /// Desks that were told what they should be.
        told: Arc<AtomicUsize>,
        /// Desks that were told something else.
        wrongly_told: Arc<AtomicUsize>,
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_desk_is_told_of_its_own() {
        let (databases, stop) = (Databases::start(Storage::SqliteFile), Stop::new());
        let config = Config {
            server: ServerConfig::loopback(0),
            database: segue_store::Settings::of_url(databases.create()),
            rules: Rules::default(),
        };
        let running = bind(config, Parts::real(stop.clone())).await.unwrap();
        let mut clients = vec![];
        for _ in 0..CONNECTIONS {
            let endpoint = Endpoint::from_shared(running.uri()).unwrap();
            clients.push(PriorityRouterServiceClient::new(endpoint.connect().await.unwrap()));
        }
        let crowd = Crowd {
            clients: Arc::new(clients),
            watching: Arc::default(),
            told: Arc::default(),
            wrongly_told: Arc::default(),
        };
        crowd.sign_in().await;
        let before = resident_kib();
        let mut desks = JoinSet::new();
        for number in 0..DESKS {
            desks.spawn(crowd.clone().watch(number));
        }
        wait_for("all desks to watch", || async { crowd.watching.load(Ordering::Relaxed) == DESKS }).await;
        println!("{DESKS} streams, {:.1} KiB each", (resident_kib() - before) as f64 / DESKS as f64);

        // A desk that reads nothing has much to read.
        let slow = WatchAssignmentsRequest { agent: "slow".to_owned(), ..Default::default() };
        let unread = crowd.client(0).watch_assignments(slow).await.unwrap().into_inner();
        for number in 0..UNREAD {
            crowd.hand_off(&format!("slow-{number}"), "slow").await;
        }
        for number in 0..TOLD {
            let desk = number * (DESKS / TOLD);
            crowd.hand_off(&format!("h-{desk}"), &agent(desk)).await;
        }
        wait_for("those to be told", || async { crowd.told.load(Ordering::Relaxed) == TOLD }).await;
        assert_eq!(crowd.wrongly_told.load(Ordering::Relaxed), 0);
        // Nor has the slow one lost anything.
        let mut unread = unread;
        let mut late = 0;
        while late < UNREAD {
            late += usize::from(unread.message().await.unwrap().unwrap().assignment.is_some());
        }
        desks.shutdown().await;
        stop.now();
        drop((crowd, unread));
        tokio::time::timeout(Duration::from_secs(60), running.stopped()).await.unwrap().unwrap();
    }

    fn agent(number: usize) -> String {
        format!("a{number}")
    }

    /// Memory of this process, in which the service runs too.
    fn resident_kib() -> i64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    impl Crowd {
        fn client(&self, number: usize) -> Client {
            self.clients[number % CONNECTIONS].clone()
        }

        async fn sign_in(&self) {
            let next = Arc::new(AtomicUsize::new(0));
            let mut callers = JoinSet::new();
            for _ in 0..CALLERS {
                let (crowd, next) = (self.clone(), next.clone());
                callers.spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number > DESKS {
                            return;
                        }
                        let id = if number == DESKS { "slow".to_owned() } else { agent(number) };
                        crowd.put(id, number).await;
                    }
                });
            }
            while let Some(done) = callers.join_next().await {
                done.unwrap();
            }
        }

        async fn put(&self, id: String, number: usize) {
            let served = AgentPlatform { platform: "video".to_owned(), cost_units: 1, wrap_up_seconds: 0 };
            let agent = Some(Agent { id: id.clone(), platforms: vec![served], ..Agent::default() });
            self.client(number).put_agent(PutAgentRequest { request_id: request_id(), agent }).await.unwrap();
            // Away: nobody gets another's.
            let presence = Presence::Away.into();
            let request =
                SetPresenceRequest { request_id: request_id(), agent: id, presence, ..Default::default() };
            self.client(number).set_presence(request).await.unwrap();
        }

        async fn watch(self, number: usize) {
            let request = WatchAssignmentsRequest { agent: agent(number), ..Default::default() };
            let mut stream = self.client(number).watch_assignments(request).await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap();
            self.watching.fetch_add(1, Ordering::Relaxed);
            while let Ok(Some(event)) = stream.message().await {
                let Some(assignment) = event.assignment else { continue };
                let is_own =
                    assignment.change() == Change::Assigned && assignment.handoff_id == format!("h-{number}");
                let counter = if is_own { &self.told } else { &self.wrongly_told };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }

        async fn hand_off(&self, handoff_id: &str, agent: &str) {
            let code_hash = u128::from_be_bytes(Random::secure().bytes());
            let code_hash = format!("{code_hash:032x}");
            let now_ms = segue_core::Clock::now_ms(&segue_core::SystemClock);
            let entry = PutServiceListEntryRequest {
                handoff_id: handoff_id.to_owned(),
                generation: 1,
                work_order: "WO-1".to_owned(),
                agent: agent.to_owned(),
                source: Some(Session { platform: "chat".to_owned(), session: "s".to_owned() }),
                target_platform: "video".to_owned(),
                cost_units: 1,
                code_hashes: vec![code_hash.clone()],
                expire_time: timestamp(now_ms + 600_000),
                ..Default::default()
            };
            self.client(0).put_service_list_entry(entry).await.unwrap();
            let admit = AdmitHandoffRequest {
                handoff_id: handoff_id.to_owned(),
                code_hash,
                platform: "video".to_owned(),
                session: handoff_id.to_owned(),
            };
            self.client(0).admit_handoff(admit).await.unwrap();
        }
    }
}
