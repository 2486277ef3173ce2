use segue_proto::router::v1::{
    AssignmentChange as Change, ContactState as State, GetContactRequest, WatchAssignmentsRequest,
    WatchAssignmentsResponse, WatchContactRequest, WatchContactResponse,
};
use segue_testkit::wait_for;
use tonic::{Code, Streaming};

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_desk_goes_on_where_it_was,
    a_desk_goes_on_at_another_replica,
    a_desk_that_was_away_too_long_starts_again,
    a_customer_sees_the_line_move,
    streams_end_with_the_service,
);

pub type Desk = Streaming<WatchAssignmentsResponse>;

pub async fn watch(world: &World, agent: &str, resume_token: &str) -> Desk {
    let request = WatchAssignmentsRequest {
        agent: agent.to_owned(),
        resume_token: resume_token.to_owned(),
        ..Default::default()
    };
    world.rpc().watch_assignments(request).await.unwrap().into_inner()
}

pub async fn next(desk: &mut Desk) -> WatchAssignmentsResponse {
    let message = tokio::time::timeout(segue_testkit::WAIT, desk.message()).await;
    message.expect("no event in time").unwrap().expect("the stream has ended")
}

/// The change, the contact, and the contact's state in the next message.
pub async fn event(desk: &mut Desk) -> (Change, String, State, String) {
    let message = loop {
        let message = next(desk).await;
        if message.assignment.is_some() {
            break message;
        }
    };
    let assignment = message.assignment.expect("only a token");
    let contact = assignment.contact.clone().unwrap();
    (assignment.change(), contact.id.clone(), contact.state(), message.resume_token)
}

/// The token that comes after the open contacts.
pub async fn caught_up(desk: &mut Desk) -> String {
    let message = next(desk).await;
    assert_eq!(message.assignment, None);
    message.resume_token
}

async fn a_desk_goes_on_where_it_was(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let first = world.assigned(request("chat", "s1")).await.id;
    let mut desk = watch(&world, "a1", "").await;
    let (change, id, state, early) = event(&mut desk).await;
    assert_eq!((change, id.as_str(), state), (Change::Assigned, first.as_str(), State::Assigned));
    caught_up(&mut desk).await;
    let second = world.submit(request("chat", "s2")).await.id;
    let (change, id, state, token) = event(&mut desk).await;
    assert_eq!((change, id.as_str(), state), (Change::Offered, second.as_str(), State::Offered));
    drop(desk);
    world.decline(&second, "a1").await;
    world.put_entry(world.entry("h1", "a1", "s1")).await;
    let handoff = world.admit("h1").await;
    let mut desk = watch(&world, "a1", &token).await;
    let (change, id, state, _) = event(&mut desk).await;
    assert_eq!((change, id.as_str(), state), (Change::Withdrawn, second.as_str(), State::Queued));
    let (change, id, state, _) = event(&mut desk).await;
    assert_eq!((change, id.as_str(), state), (Change::Ended, first.as_str(), State::HandedOff));
    let assignment = next(&mut desk).await.assignment.unwrap();
    assert_eq!((assignment.change(), assignment.handoff_id.as_str()), (Change::Assigned, "h1"));
    assert_eq!((assignment.work_order.as_str(), assignment.contact), ("WO-h1", Some(handoff)));
    let work = assignment.remaining_work.unwrap();
    assert_eq!((work.summary.as_str(), work.context["identity"].as_str()), ("show the bill", "verified"));
    assert_eq!(work.conversation_summary, "fell ill abroad, has the bill");
    assert_eq!(assignment.source.unwrap().session, "s1");
    // A token from among the open contacts starts with them again, so that none is lost.
    let mut desk = watch(&world, "a1", &early).await;
    assert_eq!(event(&mut desk).await.0, Change::Assigned);
    caught_up(&mut desk).await;
}

async fn a_desk_goes_on_at_another_replica(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let mut desk = watch(&world, "a1", "").await;
    let token = caught_up(&mut desk).await;
    let other = world.replica().await;
    let mut moved = watch(&other, "a1", &token).await;
    let first = world.submit(request("chat", "s1")).await.id;
    for stream in [&mut desk, &mut moved] {
        assert_eq!(event(stream).await.1, first);
    }
    other.accept(&first, "a1").await;
    let (_, _, _, here) = event(&mut desk).await;
    let (_, _, _, there) = event(&mut moved).await;
    assert_eq!(here, there);
}

async fn a_desk_that_was_away_too_long_starts_again(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let token = caught_up(&mut watch(&world, "a1", "").await).await;
    let forgotten = world.assigned(request("chat", "s1")).await.id;
    let contact = world.assigned(request("chat", "s2")).await.id;
    world.complete(&forgotten, "a1").await;
    world.advance(31 * 24 * 60 * 60);
    // Its events go with the contact. Once they are gone, the token leads to what is open.
    wait_for("what is over to be forgotten", || async {
        let request = GetContactRequest { id: forgotten.clone() };
        world.rpc().get_contact(request).await.is_err()
    })
    .await;
    let mut desk = watch(&world, "a1", &token).await;
    let (change, id, ..) = event(&mut desk).await;
    assert_eq!((change, id), (Change::Assigned, contact));
    caught_up(&mut desk).await;
}

async fn a_customer_sees_the_line_move(world: World) {
    let first = world.submit(request("voice", "s1")).await.id;
    let second = world.submit(request("voice", "s2")).await.id;
    let watched = WatchContactRequest { id: second.clone() };
    let mut stream = world.rpc().watch_contact(watched).await.unwrap().into_inner();
    let seen = async |stream: &mut Streaming<WatchContactResponse>| {
        let message = stream.message().await.unwrap().unwrap();
        let contact = message.contact.unwrap();
        (contact.state(), contact.position, message.wait.unwrap().seconds)
    };
    assert_eq!(seen(&mut stream).await, (State::Queued, 2, 0));
    world.advance(5);
    world.abandon(&first).await;
    assert_eq!(seen(&mut stream).await, (State::Queued, 1, 5));
    world.agent("a1", &[], &[("voice", 100)]).await;
    assert_eq!(seen(&mut stream).await, (State::Offered, 0, 5));
    world.accept(&second, "a1").await;
    assert_eq!(seen(&mut stream).await.0, State::Assigned);
    world.advance(60);
    world.complete(&second, "a1").await;
    assert_eq!(seen(&mut stream).await, (State::Completed, 0, 5));
    assert_eq!(stream.message().await.unwrap(), None);
}

async fn streams_end_with_the_service(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let mut desk = watch(&world, "a1", "").await;
    caught_up(&mut desk).await;
    world.stop.now();
    let ended = desk.message().await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
}
