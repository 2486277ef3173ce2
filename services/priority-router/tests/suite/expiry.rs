//! How long contacts wait, and whether anybody could ever take them.

use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{
        AssignmentChange as Change, ContactEvent, ContactEventKind as Kind, ContactState as State,
        SubmitContactRequest, TransferContactRequest, WaitReason, WatchContactRequest,
        transfer_contact_request::To,
    },
};
use segue_runtime::timestamp;
use segue_testkit::{refused, request_id};
use tonic::Code;

use crate::{
    statistics::{events, stats},
    streams::{caught_up, event, watch},
    world::{START_MS, World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_contact_expires_and_its_watcher_is_told,
    an_offer_that_expires_is_taken_back,
    the_time_begins_anew_when_an_agent_had_it,
    a_time_to_live_has_a_default_and_bounds,
    a_contact_that_nobody_could_take_says_so,
);

/// A contact that waits for so long.
fn for_seconds(platform: &str, session: &str, seconds: i64) -> SubmitContactRequest {
    let time_to_live = Some(prost_types::Duration { seconds, nanos: 0 });
    SubmitContactRequest { time_to_live, ..request(platform, session) }
}

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    timestamp(START_MS + seconds * 1000)
}

async fn a_contact_expires_and_its_watcher_is_told(world: World) {
    let contact = world.submit(for_seconds("voice", "s1", 60)).await;
    let shorter = world.submit(for_seconds("voice", "s2", 59)).await;
    assert_eq!((contact.state(), contact.expire_time), (State::Queued, at(60)));
    let watched = WatchContactRequest { id: contact.id.clone() };
    let mut stream = world.rpc().watch_contact(watched).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap().contact.unwrap();
    assert_eq!((first.state(), first.expire_time), (State::Queued, at(60)));
    world.advance(59);
    world.wait_until(&shorter.id, State::Expired, "").await;
    assert_eq!(world.contact(&contact.id).await.state(), State::Queued, "its time is not over yet");
    world.advance(1);
    let last = loop {
        let seen = stream.message().await.unwrap().unwrap().contact.unwrap();
        if seen.state() != State::Queued {
            break seen;
        }
    };
    assert_eq!((last.state(), last.position, last.expire_time), (State::Expired, 0, None));
    assert_eq!(stream.message().await.unwrap(), None, "the stream ends with the contact");
    let over = world.contact(&contact.id).await;
    assert_eq!((over.state(), over.wait_reason()), (State::Expired, WaitReason::Unspecified));
    assert_eq!((over.expire_time, over.update_time), (None, at(60)));
    let log = events(&world, &contact.id, 0).await;
    assert_eq!(log.iter().map(ContactEvent::kind).collect::<Vec<_>>(), [Kind::Queued, Kind::Expired]);
    assert_eq!(log[1].state(), State::Expired);
    let voice = stats(&world, "voice", 0).await;
    assert_eq!((voice[0].waiting, voice[0].abandoned, voice[0].answered), (0, 2, 0));

    world.agent("a1", &[], &[("voice", 100)]).await;
    assert_eq!(world.get_agent("a1").await.used_units, 0, "it is given to nobody");
    assert_eq!(refused(world.try_abandon(&contact.id).await).reason, Reason::ContactState);
    assert_eq!(refused(world.try_accept(&contact.id, "a1").await).reason, Reason::ContactState);
    // Its session may be gone on with.
    assert_ne!(world.submit(request("voice", "s1")).await.id, contact.id);
}

async fn an_offer_that_expires_is_taken_back(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let mut desk = watch(&world, "a1", "").await;
    caught_up(&mut desk).await;
    let contact = world.submit(for_seconds("chat", "s1", 10)).await;
    assert_eq!((contact.state(), contact.expire_time), (State::Offered, at(10)));
    let (change, id, ..) = event(&mut desk).await;
    assert_eq!((change, &id), (Change::Offered, &contact.id));
    world.advance(10);
    let (change, id, state, _) = event(&mut desk).await;
    assert_eq!((change, &id, state), (Change::Ended, &contact.id, State::Expired));
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    assert_eq!(refused(world.try_accept(&contact.id, "a1").await).reason, Reason::ContactState);
}

async fn the_time_begins_anew_when_an_agent_had_it(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let contact = world.submit(for_seconds("chat", "s1", 60)).await;
    world.advance(5);
    let declined = world.decline(&contact.id, "a1").await;
    assert_eq!((declined.state(), declined.expire_time), (State::Queued, at(60)), "an offer changes nothing");
    world.advance(31);
    world.wait_until(&contact.id, State::Offered, "a1").await;
    assert_eq!(world.accept(&contact.id, "a1").await.expire_time, None);
    world.advance(3600);
    let request = TransferContactRequest {
        request_id: request_id(),
        id: contact.id.clone(),
        agent: "a1".to_owned(),
        to: Some(To::ToLine(segue_proto::router::v1::Line {})),
        reason: "end of the shift".to_owned(),
        ..Default::default()
    };
    let waiting = world.transfer(request).await;
    assert_eq!((waiting.state(), waiting.expire_time), (State::Queued, at(3636 + 60)));
    assert_eq!(waiting.create_time, at(0));
    world.advance(60);
    world.wait_until(&contact.id, State::Expired, "").await;
}

async fn a_time_to_live_has_a_default_and_bounds(world: World) {
    let usual = world.submit(request("voice", "s1")).await;
    assert_eq!(usual.expire_time, at(24 * 60 * 60));
    let month = 30 * 24 * 60 * 60;
    let longest = world.submit(for_seconds("voice", "s2", month)).await;
    assert_eq!(longest.expire_time, at(month));
    for seconds in [-1, 0, 9, month + 1] {
        let wrong = for_seconds("voice", "s3", seconds);
        let refusal = refused(world.rpc().submit_contact(wrong).await);
        assert_eq!((refusal.code, refusal.reason), (Code::InvalidArgument, Reason::InvalidField));
        assert_eq!(refusal.fields, ["time_to_live"], "{seconds} s");
    }
}

async fn a_contact_that_nobody_could_take_says_so(world: World) {
    let mut wanted = request("voice", "s1");
    wanted.skills = vec!["claims".to_owned()];
    let contact = world.submit(wanted).await;
    assert_eq!((contact.state(), contact.wait_reason()), (State::Queued, WaitReason::NoAgentOnPlatform));
    let unserved = async || stats(&world, "voice", 0).await[0].unserved;
    let reason = async || world.contact(&contact.id).await.wait_reason();
    assert_eq!(unserved().await, 1);
    // Who is signed out could take it one day.
    world.put_agent("a1", &["other"], &[("voice", 100)]).await;
    assert_eq!((reason().await, unserved().await), (WaitReason::NoAgentWithSkills, 1));
    world.put_agent("a2", &["claims"], &[("chat", 33)]).await;
    assert_eq!((reason().await, unserved().await), (WaitReason::NoAgentWithSkills, 1));
    world.put_agent("a2", &["claims"], &[("voice", 100)]).await;
    assert_eq!((reason().await, unserved().await), (WaitReason::AnyAgent, 0));
    let other = world.submit(request("voice", "s2")).await;
    assert_eq!(other.wait_reason(), WaitReason::AnyAgent);
    world.try_delete_agent("a2").await.unwrap();
    assert_eq!((reason().await, unserved().await), (WaitReason::NoAgentWithSkills, 1));
    world.try_delete_agent("a1").await.unwrap();
    assert_eq!((reason().await, unserved().await), (WaitReason::NoAgentOnPlatform, 2));
    assert_eq!(stats(&world, "voice", 0).await[0].waiting, 2);
}
