//! Two replicas of the issuer on one database, under a clock and settings of the test's.

use std::{collections::BTreeMap, sync::Arc};

use segue::{DatabaseUrls, Keys, Ports, System, SystemConfig};
use segue_core::{Clock as _, ManualClock, Random};
use segue_proto::{
    common::v1::{Customer, Identity, RemainingWork},
    issuer::v1::{CreateHandoffRequest, code_issuer_service_client::CodeIssuerServiceClient},
};
use segue_runtime::{Parts, Running, Stop, settings::Reader};
use segue_testkit::{Databases, Storage};
use segue_tests::Fixture;
use tonic::transport::{Channel, Endpoint};

/// Noon in Shanghai on 22 November 2026, when all of the demo's platforms are open.
const NOON: i64 = 1_795_320_000_000;

pub type Issuer = CodeIssuerServiceClient<Channel>;

pub struct Replicas {
    pub fixture: Fixture,
    pub clock: Arc<ManualClock>,
    /// The issuer's database.
    pub url: String,
    environment: BTreeMap<String, String>,
    system: System,
    second: Option<(Running, Stop)>,
    // Ends last.
    pub databases: Databases,
}

impl Replicas {
    /// Starts a system; the second replica starts with `restart`.
    pub async fn start(storage: Storage, settings: &[(&str, &str)]) -> Self {
        Self::start_in(Databases::start(storage), settings).await
    }

    /// The same, with databases that are there.
    pub async fn start_in(databases: Databases, settings: &[(&str, &str)]) -> Self {
        let clock = ManualClock::starting_at(NOON);
        let keys = Keys::generate(&Random::secure());
        let url = databases.create();
        let set = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut environment: BTreeMap<String, String> = settings.iter().map(set).collect();
        let config = SystemConfig {
            ports: Ports::default(),
            databases: DatabaseUrls {
                selector: databases.create(),
                issuer: url.clone(),
                router: databases.create(),
                channel: databases.create(),
            },
            keys: keys.clone(),
            environment: environment.clone(),
        };
        let parts = Parts { clock: clock.clone(), random: Random::secure(), stop: Stop::new() };
        let system = System::start(config, parts).await.unwrap();
        let own = [
            ("SEGUE_LISTEN", "127.0.0.1:0".to_owned()),
            ("SEGUE_DATABASE_URL", url.clone()),
            ("SEGUE_DIRECTORY_KEY", keys.directory),
            ("SEGUE_CODE_KEY", keys.code),
            ("SEGUE_SELECTOR_URI", format!("http://{}", system.addresses.selector)),
            ("SEGUE_ROUTER_URI", format!("http://{}", system.addresses.router)),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let fixture = Fixture::load(&system.addresses).await;
        Self { fixture, clock, url, environment, system, second: None, databases }
    }

    /// What time it is there.
    pub fn clock_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The first replica.
    pub fn first(&self) -> Issuer {
        self.fixture.clients.issuer.clone()
    }

    /// Ends the second replica, if it runs, and starts it anew on the same database.
    pub async fn restart_second(&mut self) -> Issuer {
        self.stop_second().await;
        let declared = code_issuer::Config::SETTINGS;
        let arguments = ["code-issuer".to_owned()];
        let mut reader = Reader::new("code-issuer", declared, arguments, &self.environment);
        let config = code_issuer::Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let stop = Stop::new();
        let parts = Parts { clock: self.clock.clone(), random: Random::secure(), stop: stop.clone() };
        let running = code_issuer::bind(config, parts).await.unwrap();
        let uri = running.uri();
        self.second = Some((running, stop));
        Issuer::new(Endpoint::from_shared(uri).unwrap().connect_lazy())
    }

    async fn stop_second(&mut self) {
        if let Some((running, stop)) = self.second.take() {
            stop.now();
            running.stopped().await.unwrap();
        }
    }

    /// Stops everything.
    pub async fn stop(mut self) {
        self.stop_second().await;
        self.system.stop().await.unwrap();
    }
}

/// Damm's quasigroup as published (2004).
const DAMM: [&[u8; 10]; 10] = [
    b"0317598642",
    b"7092154863",
    b"4206871359",
    b"1750983426",
    b"6123045978",
    b"3674209581",
    b"5869720134",
    b"8945362017",
    b"9438617205",
    b"2581436790",
];

/// Well-formed codes that nobody was given: eight digits and their check digit.
pub fn well_formed(number: usize) -> String {
    let stem = (20_000_000 + number % 80_000_000).to_string();
    let check = stem
        .bytes()
        .fold(b'0', |interim, digit| DAMM[usize::from(interim - b'0')][usize::from(digit - b'0')]);
    format!("{stem}{}", char::from(check))
}

/// A handoff of somebody without an account: whoever has the code can enter it on the web chat.
pub fn unbound(session: &str) -> CreateHandoffRequest {
    let stranger =
        Identity { kind: "phone".to_owned(), value: "+8613900000000".to_owned(), unverified: false };
    CreateHandoffRequest {
        customer: Some(Customer { identities: vec![stranger] }),
        target_platform: "web_chat".to_owned(),
        remaining_work: Some(RemainingWork { summary: "a question".to_owned(), ..RemainingWork::default() }),
        ..Fixture::handoff(session)
    }
}
