//! Offers that lose their ground, and how many ring at an agent.

use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{
        Agent, AgentPlatform, AssignmentChange as Change, Contact, ContactEvent, ContactEventKind as Kind,
        ContactState as State, Presence, PutAgentRequest,
    },
};
use segue_testkit::{refused, request_id};

use crate::{
    statistics::events,
    streams::{caught_up, event, watch},
    world::{World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    an_offer_falls_with_the_skill,
    an_offer_falls_with_the_platform,
    an_offer_falls_when_its_agent_is_away,
    an_offer_that_fell_is_nobodys_until_somebody_can_take_it,
    what_an_agent_has_taken_stays_without_its_ground,
    less_capacity_takes_back_the_last_offers,
    at_most_three_offers_ring,
);
segue_testkit::on_every_engine!(crate::engines::with_one_ringing_offer => by_setting_one_offer_rings);

const CHAT: &[(&str, i32)] = &[("chat", 33)];
const CLAIMS: &[&str] = &["claims"];

/// A contact that rings at `a1`; `a2` could take it too.
async fn ringing(world: &World) -> Contact {
    world.agent("a1", CLAIMS, CHAT).await;
    let mut wanted = request("chat", "s1");
    wanted.skills = vec!["claims".to_owned()];
    let contact = world.submit(wanted).await;
    assert_eq!((contact.state(), contact.agent.as_str()), (State::Offered, "a1"));
    world.agent("a2", CLAIMS, CHAT).await;
    contact
}

/// The offer rings at `a2` now, and not at `a1` any more.
async fn has_moved(world: &World, contact: &Contact) {
    let now = world.contact(&contact.id).await;
    assert_eq!((now.state(), now.agent.as_str()), (State::Offered, "a2"));
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    assert_eq!(refused(world.try_accept(&contact.id, "a1").await).reason, Reason::ContactNotYours);
    let log = events(world, &contact.id, 0).await;
    let last: Vec<_> = log.iter().skip(2).map(|event| (event.kind(), event.agent.as_str())).collect();
    assert_eq!(last, [(Kind::Withdrawn, "a1"), (Kind::Offered, "a2")]);
    world.accept(&contact.id, "a2").await;
}

async fn with_capacity(world: &World, capacity_units: i32) {
    let platform = AgentPlatform { platform: "chat".to_owned(), cost_units: 33, wrap_up_seconds: 0 };
    let agent =
        Agent { id: "a1".to_owned(), capacity_units, platforms: vec![platform], ..Default::default() };
    let put = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
    world.rpc().put_agent(put).await.unwrap();
}

async fn states<const N: usize>(world: &World, contacts: &[Contact; N]) -> Vec<State> {
    let mut states = vec![];
    for contact in contacts {
        states.push(world.contact(&contact.id).await.state());
    }
    states
}

async fn an_offer_falls_with_the_skill(world: World) {
    let contact = ringing(&world).await;
    let mut desk = watch(&world, "a1", "").await;
    event(&mut desk).await;
    caught_up(&mut desk).await;
    world.put_agent("a1", &["other"], CHAT).await;
    let (change, id, ..) = event(&mut desk).await;
    assert_eq!((change, &id), (Change::Withdrawn, &contact.id));
    has_moved(&world, &contact).await;
}

async fn an_offer_falls_with_the_platform(world: World) {
    let contact = ringing(&world).await;
    world.put_agent("a1", CLAIMS, &[("voice", 100)]).await;
    has_moved(&world, &contact).await;
}

async fn an_offer_falls_when_its_agent_is_away(world: World) {
    let contact = ringing(&world).await;
    world.set_presence("a1", Presence::Away).await;
    has_moved(&world, &contact).await;
}

async fn an_offer_that_fell_is_nobodys_until_somebody_can_take_it(world: World) {
    world.agent("a1", CLAIMS, CHAT).await;
    let mut wanted = request("chat", "s1");
    wanted.skills = vec!["claims".to_owned()];
    let contact = world.submit(wanted).await;
    world.put_agent("a1", &[], CHAT).await;
    let waiting = world.contact(&contact.id).await;
    assert_eq!((waiting.state(), waiting.agent.as_str(), waiting.position), (State::Queued, "", 1));
    assert_eq!(refused(world.try_accept(&contact.id, "a1").await).reason, Reason::ContactState);
    // It was not declined: with its ground the offer comes back.
    world.put_agent("a1", CLAIMS, CHAT).await;
    assert_eq!(world.accept(&contact.id, "a1").await.state(), State::Assigned);
}

async fn what_an_agent_has_taken_stays_without_its_ground(world: World) {
    let contact = ringing(&world).await;
    world.accept(&contact.id, "a1").await;
    world.set_presence("a1", Presence::Away).await;
    world.put_agent("a1", &[], &[("voice", 100)]).await;
    let kept = world.contact(&contact.id).await;
    assert_eq!((kept.state(), kept.agent.as_str()), (State::Assigned, "a1"));
    world.complete(&contact.id, "a1").await;
}

async fn less_capacity_takes_back_the_last_offers(world: World) {
    with_capacity(&world, 100).await;
    world.set_presence("a1", Presence::Available).await;
    let contacts = [
        world.submit(request("chat", "s1")).await,
        world.submit(request("chat", "s2")).await,
        world.submit(request("chat", "s3")).await,
    ];
    assert!(contacts.iter().all(|contact| contact.state() == State::Offered));
    with_capacity(&world, 70).await;
    assert_eq!(states(&world, &contacts).await, [State::Offered, State::Offered, State::Queued]);
    assert_eq!(world.get_agent("a1").await.used_units, 66);
    world.accept(&contacts[0].id, "a1").await;
    with_capacity(&world, 40).await;
    assert_eq!(states(&world, &contacts).await, [State::Assigned, State::Queued, State::Queued]);
    // What is taken stays, though it is more than there is.
    with_capacity(&world, 20).await;
    assert_eq!(states(&world, &contacts).await, [State::Assigned, State::Queued, State::Queued]);
    assert_eq!(world.get_agent("a1").await.used_units, 33);
    let log = events(&world, &contacts[2].id, 0).await;
    let kinds: Vec<_> = log.iter().map(ContactEvent::kind).collect();
    assert_eq!(kinds, [Kind::Queued, Kind::Offered, Kind::Withdrawn]);
    with_capacity(&world, 100).await;
    assert_eq!(states(&world, &contacts).await, [State::Assigned, State::Offered, State::Offered]);
}

async fn at_most_three_offers_ring(world: World) {
    // A platform that takes no attention would ring without an end.
    world.agent("a1", &[], &[("mail", 0)]).await;
    let mut contacts = vec![];
    for number in 0..6 {
        contacts.push(world.submit(request("mail", &format!("s{number}"))).await.id);
    }
    let ringing = async || {
        let mut ringing = vec![];
        for (number, id) in contacts.iter().enumerate() {
            if world.contact(id).await.state() == State::Offered {
                ringing.push(number);
            }
        }
        ringing
    };
    assert_eq!(ringing().await, [0, 1, 2]);
    world.accept(&contacts[0], "a1").await;
    assert_eq!(ringing().await, [1, 2, 3], "an answer makes room for the next");
    world.decline(&contacts[1], "a1").await;
    assert_eq!(ringing().await, [2, 3, 4]);
    world.abandon(&contacts[2]).await;
    assert_eq!(ringing().await, [3, 4, 5]);
    // Another agent has a bound of its own.
    world.agent("a2", &[], &[("mail", 0)]).await;
    assert_eq!(world.contact(&contacts[1]).await.agent, "a2");
}

/// With `ringing-offers` 1.
async fn by_setting_one_offer_rings(world: World) {
    world.agent("a1", &[], CHAT).await;
    let first = world.submit(request("chat", "s1")).await;
    let second = world.submit(request("chat", "s2")).await;
    assert_eq!((first.state(), second.state()), (State::Offered, State::Queued));
    world.accept(&first.id, "a1").await;
    assert_eq!(world.contact(&second.id).await.state(), State::Offered);
    world.agent("a2", &[], CHAT).await;
    assert_eq!(world.submit(request("chat", "s3")).await.agent, "a2");
}
