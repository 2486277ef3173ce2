use segue_proto::router::v1::{
    ContactEvent, ContactEventKind as Kind, ContactState as State, GetQueueStatsRequest,
    ListContactEventsRequest, Priority, QueueStats, WatchContactRequest,
};
use segue_testkit::Storage;

use crate::world::{START_MS, World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    lines_are_counted,
    a_contact_has_a_log,
    a_wait_is_estimated,
);

pub async fn stats(world: &World, platform: &str, window_seconds: i32) -> Vec<QueueStats> {
    let request = GetQueueStatsRequest { platform: platform.to_owned(), window_seconds };
    let answer = world.rpc().get_queue_stats(request).await.unwrap().into_inner();
    assert_eq!(answer.service_level_seconds, 20);
    answer.stats
}

pub async fn events(world: &World, id: &str, page_size: i32) -> Vec<ContactEvent> {
    let (mut all, mut page_token) = (vec![], String::new());
    loop {
        let request = ListContactEventsRequest { id: id.to_owned(), page_size, page_token };
        let page = world.rpc().list_contact_events(request).await.unwrap().into_inner();
        all.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

async fn lines_are_counted(world: World) {
    assert_eq!(stats(&world, "", 0).await, []);
    world.agent("a1", &[], &[("voice", 100)]).await;
    let in_time = world.assigned(request("voice", "s1")).await;
    let late = world.submit(request("voice", "s2")).await;
    let gone = world.submit(request("voice", "s3")).await;
    world.advance(30);
    world.complete(&in_time.id, "a1").await;
    world.accept(&late.id, "a1").await;
    world.abandon(&gone.id).await;
    let mut urgent = request("voice", "s4");
    urgent.priority = Priority::Urgent.into();
    world.submit(urgent).await;
    world.submit(request("chat", "s5")).await;
    world.advance(10);

    let all = stats(&world, "", 0).await;
    let order: Vec<_> = all.iter().map(|line| (line.platform.as_str(), line.priority())).collect();
    assert_eq!(order, [("chat", Priority::Normal), ("voice", Priority::Urgent), ("voice", Priority::Normal)]);
    let voice = &stats(&world, "voice", 120).await[1];
    assert_eq!((voice.answered, voice.answered_in_time, voice.abandoned), (2, 1, 1));
    assert!((voice.service_level - 1.0 / 3.0).abs() < 1e-9, "{voice:?}");
    assert_eq!(voice.average_wait.map(|wait| wait.seconds), Some(15));
    assert_eq!(voice.average_handle_time.map(|time| time.seconds), Some(30));
    assert_eq!((voice.waiting, voice.oldest_wait), (0, None));
    let waits = &all[1];
    assert_eq!((waits.waiting, waits.oldest_wait.map(|wait| wait.seconds)), (1, Some(10)));
    assert!((waits.service_level - 1.0).abs() < 1e-9, "nothing was late yet");
    // What was longer ago than the window is not counted.
    world.advance(3600);
    let voice = stats(&world, "voice", 60).await;
    assert!(voice.iter().all(|line| line.answered + line.abandoned == 0), "{voice:?}");
}

async fn a_contact_has_a_log(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let source = world.submit(request("chat", "s1")).await;
    world.advance(21);
    world.wait_until(&source.id, State::Queued, "").await;
    world.advance(31);
    world.wait_until(&source.id, State::Offered, "a1").await;
    world.accept(&source.id, "a1").await;
    world.put_entry(world.entry("h1", "a1", "s1")).await;
    let handoff = world.admit("h1").await;
    let log = events(&world, &source.id, 2).await;
    let kinds: Vec<_> = log.iter().map(ContactEvent::kind).collect();
    assert_eq!(
        kinds,
        [Kind::Queued, Kind::Offered, Kind::TimedOut, Kind::Offered, Kind::Assigned, Kind::HandedOff]
    );
    let last = log.last().unwrap();
    assert_eq!((last.sequence, last.agent.as_str(), last.state()), (6, "a1", State::HandedOff));
    assert_eq!(last.time, segue_runtime::timestamp(START_MS + 52_000));
    let log = events(&world, &handoff.id, 0).await;
    assert_eq!(log.iter().map(ContactEvent::kind).collect::<Vec<_>>(), [Kind::Queued, Kind::Assigned]);
    assert_eq!(log[1].priority(), Priority::Handoff);
}

async fn a_wait_is_estimated(world: World) {
    for agent in ["a1", "a2"] {
        world.agent(agent, &[], &[("voice", 100)]).await;
    }
    let estimate = async |id: &str| {
        let mut stream =
            world.rpc().watch_contact(WatchContactRequest { id: id.to_owned() }).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap().estimated_wait.map(|wait| wait.seconds)
    };
    let calls = [world.assigned(request("voice", "s1")).await, world.assigned(request("voice", "s2")).await];
    let waiting = world.submit(request("voice", "s3")).await;
    assert_eq!(estimate(&waiting.id).await, None, "nothing is known yet");
    assert_eq!(estimate(&calls[0].id).await, None, "it doesn't wait");
    world.advance(300);
    for call in &calls {
        world.complete(&call.id, &call.agent).await;
    }
    world.accept(&waiting.id, &world.contact(&waiting.id).await.agent).await;
    world.assigned(request("voice", "s4")).await;
    for number in 0..4 {
        world.submit(request("voice", &format!("t{number}"))).await;
    }
    let fifth = world.submit(request("voice", "t4")).await;
    // Five places, two agents, 300 s a call.
    assert_eq!((fifth.position, estimate(&fifth.id).await), (5, Some(750)));
    if world.storage != Storage::SqliteMemory {
        assert_eq!(estimate(&world.replica().await.contact(&fifth.id).await.id).await, Some(750));
    }
}
