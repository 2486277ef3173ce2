//! What a selection costs beside a bare echo of the same server library, over the number of platforms and with a large
//! directory of accounts: calls per second of both in the same run, and their ratio. `cargo bench -p platform-selector`;
//! the directory has 100,000 accounts, or `SEGUE_BENCH_ACCOUNTS`. `-- postgres` leaves out SQLite.
//!
//! Callers share the cores with the service. With 1,000 platforms an answer has 200 KB, and callers that read all of it into messages take
//! more of the cores than the service does; so it is measured with callers that read messages, and with some that only take the bytes.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people, which may fail loudly")]

#[path = "selection/echo.rs"]
mod echo;
#[path = "selection/raw.rs"]
mod raw;
#[path = "selection/setup.rs"]
mod setup;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures::future::join_all;
use segue_proto::{
    channel::v1::{FindAccountsRequest, channel_service_client::ChannelServiceClient},
    selector::v1::platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_testkit::{Databases, Storage};
use tonic::transport::Endpoint;

const CALLERS: usize = 16;
const MEASURED: Duration = Duration::from_secs(3);
const ACCOUNTS: usize = 100_000;

#[tokio::main]
async fn main() {
    let accounts = std::env::var("SEGUE_BENCH_ACCOUNTS").map_or(ACCOUNTS, |count| count.parse().unwrap());
    let words: Vec<String> = std::env::args().skip(1).collect();
    let only_postgres = words.iter().any(|word| word == "postgres");
    for storage in [Storage::SqliteFile, Storage::Postgres] {
        if only_postgres && storage != Storage::Postgres {
            continue;
        }
        let databases = Databases::start(storage);
        let url = databases.create();
        let rate = setup::accounts(&url, accounts).await;
        println!("{storage:?}: {accounts} accounts imported at {rate:.0} a second");
        for platforms in [10, 100, 1000] {
            let selector = setup::with_platforms(&url, platforms).await;
            // Alternating, so that what else the machine does meets all.
            let (mut read, mut taken) = (vec![], vec![]);
            for _ in 0..3 {
                let echo = echoes_per_second().await;
                let selections = selections_per_second(&selector.uri, accounts).await;
                read.push((selections / echo, selections, echo));
                let selections = answers_per_second(&selector.uri, accounts).await;
                taken.push((selections / echo, selections, echo));
            }
            for (callers, ratios) in [("read as messages", &mut read), ("taken as bytes", &mut taken)] {
                ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
                let (ratio, selections, echo) = ratios[1];
                println!(
                    "{storage:?}, {platforms} platforms, {callers}: {selections:.0} selections/s beside {echo:.0} echoes/s: ratio {ratio:.3} (of three, {:.3} to {:.3})",
                    ratios[0].0, ratios[2].0
                );
            }
            selector.end().await;
        }
    }
}

async fn echoes_per_second() -> f64 {
    let (uri, server) = echo::start().await;
    let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
    let rate = per_second(|caller, count| {
        let mut client = ChannelServiceClient::new(channel.clone());
        let customer = setup::customer(caller * 7919 + count);
        async move {
            let request = FindAccountsRequest { platform: "app".to_owned(), customer: Some(customer) };
            client.find_accounts(request).await.unwrap();
        }
    })
    .await;
    server.abort();
    rate
}

async fn selections_per_second(uri: &str, accounts: usize) -> f64 {
    let channel = Endpoint::from_shared(uri.to_owned()).unwrap().connect().await.unwrap();
    per_second(|caller, count| {
        let client = PlatformSelectorServiceClient::new(channel.clone());
        let mut client = client.max_decoding_message_size(4 * 1024 * 1024);
        let request = setup::question((caller * 7919 + count * 104_729) % accounts.max(1));
        async move {
            let answer = client.select_platform(request).await.unwrap().into_inner();
            assert!(answer.candidates[0].has_account);
        }
    })
    .await
}

/// Selections whose answers are not read.
async fn answers_per_second(uri: &str, accounts: usize) -> f64 {
    let channel = Endpoint::from_shared(uri.to_owned()).unwrap().connect().await.unwrap();
    per_second(|caller, count| {
        let channel = channel.clone();
        let request = setup::question((caller * 7919 + count * 104_729) % accounts.max(1));
        async move { assert!(raw::select(channel, request).await > 0) }
    })
    .await
}

/// Calls of all callers together.
async fn per_second<F, C>(call: C) -> f64
where
    F: Future<Output = ()>,
    C: Fn(usize, usize) -> F,
{
    let start = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let call = &call;
        async move {
            let mut count = 0_u32;
            while start.elapsed() < MEASURED {
                call(caller, count as usize).await;
                count += 1;
            }
            count
        }
    });
    let total: u32 = join_all(callers).await.into_iter().sum();
    f64::from(total) / start.elapsed().as_secs_f64()
}
