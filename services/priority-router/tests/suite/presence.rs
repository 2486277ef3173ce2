use segue_proto::router::v1::{ContactState as State, Presence};

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    signing_out_frees_offers_only,
    an_agent_who_is_away_gets_nothing_new,
    a_changed_agent_takes_what_it_can_now,
    repeating_a_presence_keeps_the_idleness,
);

async fn signing_out_frees_offers_only(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let kept = world.assigned(request("chat", "s1")).await;
    let offered = world.submit(request("chat", "s2")).await;
    let agent = world.set_presence("a1", Presence::Offline).await;
    assert_eq!((agent.presence(), agent.used_units), (Presence::Offline, 33));
    assert!(agent.presence_time.is_some());
    assert_eq!(world.contact(&kept.id).await.state(), State::Assigned);
    assert_eq!(world.contact(&offered.id).await.state(), State::Queued);
    assert_eq!(world.submit(request("chat", "s3")).await.position, 2);
    // Coming back, the agent may be offered the same again: it has not declined it.
    assert_eq!(world.set_presence("a1", Presence::Available).await.used_units, 99);
}

async fn an_agent_who_is_away_gets_nothing_new(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    world.set_presence("a1", Presence::Away).await;
    let contact = world.submit(request("chat", "s1")).await;
    assert_eq!(contact.state(), State::Queued);
    world.put_entry(world.entry("h1", "a1", "elsewhere")).await;
    world.put_agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Assigned, "a1"));
    assert_eq!(world.contact(&contact.id).await.state(), State::Queued);
}

async fn a_changed_agent_takes_what_it_can_now(world: World) {
    let agent = world.agent("a1", &["b", "a", "b"], &[("voice", 100), ("chat", 33)]).await;
    assert_eq!(agent.skills, ["a", "b"]);
    assert_eq!(agent.platforms.iter().map(|p| p.platform.as_str()).collect::<Vec<_>>(), ["chat", "voice"]);
    let mut wanted = request("video", "s1");
    wanted.skills = vec!["claims".to_owned()];
    let contact = world.submit(wanted).await;
    assert_eq!(contact.state(), State::Queued);
    let agent = world.put_agent("a1", &["claims"], &[("video", 100)]).await;
    assert_eq!((agent.presence(), agent.used_units), (Presence::Available, 100));
    assert_eq!(agent.platforms.len(), 1);
    assert_eq!(world.contact(&contact.id).await.agent, "a1");
}

async fn repeating_a_presence_keeps_the_idleness(world: World) {
    world.agent("a1", &[], &[("chat", 100)]).await;
    world.agent("a2", &[], &[("chat", 100)]).await;
    world.advance(1);
    let repeated = world.set_presence("a1", Presence::Available).await;
    assert_eq!(repeated.presence_time, segue_runtime::timestamp(crate::world::START_MS + 1000));
    assert_eq!(
        world.submit(request("chat", "s1")).await.agent,
        "a1",
        "idle the longest, whatever its desk says"
    );
    world.agent("a3", &[], &[("chat", 100)]).await;
    world.set_presence("a2", Presence::Away).await;
    world.set_presence("a2", Presence::Available).await;
    assert_eq!(world.submit(request("chat", "s2")).await.agent, "a3", "a2 was away meanwhile");
}
