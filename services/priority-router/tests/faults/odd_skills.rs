//! Customers ask for odd skills, each for others, and go. The queues that they stood in are forgotten with them, or every later
//! completion on their platform would look through those queues. It is compared with completions on a platform where nobody has
//! asked for such skills, one after the other, so that both meet the same noise of the machine.

use std::{sync::Arc, time::Duration};

use priority_router::Rules;
use segue_core::SystemClock;
use segue_proto::router::v1::SubmitContactRequest;
use segue_testkit::{Databases, Storage};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    latencies::Latencies,
    world::{Client, Local, abandon, accept, agent, complete, submission, submit},
};

const SKILL_SETS: usize = if cfg!(debug_assertions) { 4_000 } else { 10_000 };
const CALLERS: usize = 64;
/// The first on the platform of the odd skills.
const AGENTS: [(&str, &str); 2] = [("a1", "chat"), ("a2", "voice")];
const COMPLETIONS: usize = 50;
/// How much longer a completion may take.
const RATIO: f64 = 1.6;
/// Shorter than this it is not told from the machine's noise.
const LEAST: Duration = Duration::from_millis(2);

segue_testkit::on_durable_engines!(are_forgotten);

async fn are_forgotten(storage: Storage) {
    let databases = Databases::alone(storage);
    let router = Local::start(&databases.create(), Rules::default(), Arc::new(SystemClock)).await;
    for (id, platform) in AGENTS {
        agent(&router.client, id, platform, 100).await.unwrap();
    }
    let mut customers = JoinSet::new();
    for number in 0..SKILL_SETS {
        if customers.len() == CALLERS {
            customers.join_next().await.unwrap().unwrap();
        }
        customers.spawn(come_and_go(router.client.clone(), number));
    }
    customers.join_all().await;
    let [odd, other] = completions(&router.client).await;
    odd.print(&format!("{storage:?}, completions after {SKILL_SETS} skill sets"));
    other.print(&format!("{storage:?}, completions on another platform"));
    let [odd, other] = [odd, other].map(|latencies| latencies.percentile(50).max(LEAST));
    let ratio = odd.as_secs_f64() / other.as_secs_f64();
    println!("{storage:?}: a completion takes {ratio:.1} times as long");
    assert!(ratio < RATIO, "{ratio:.1}");
    router.stop().await;
}

async fn come_and_go(client: Client, number: usize) {
    let skills = vec![format!("odd-{number}")];
    let request = SubmitContactRequest { skills, ..submission("chat") };
    let contact = submit(&client, request).await.unwrap();
    abandon(&client, &contact.id).await.unwrap();
}

async fn completions(client: &Client) -> [Latencies; 2] {
    let mut took = [vec![], vec![]];
    for _ in 0..COMPLETIONS {
        for ((id, platform), took) in AGENTS.iter().zip(&mut took) {
            let contact = submit(client, submission(platform)).await.unwrap();
            accept(client, &contact.id, id).await.unwrap();
            let started = Instant::now();
            complete(client, &contact.id, id).await.unwrap();
            took.push(started.elapsed());
        }
    }
    took.map(Latencies::of)
}
