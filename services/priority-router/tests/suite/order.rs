//! The order of service, where others get it wrong; the names tell whose users complained of what (pitfalls, contact
//! centres).

use segue_proto::{
    common::v1::{Customer, Identity},
    router::v1::{ContactState as State, Priority, SetContactPriorityRequest, SubmitContactRequest},
};
use segue_testkit::{request_id, wait_for};

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_changed_priority_counts_for_who_waits,
    classes_hold_across_queues,
    no_agent_is_stuck_with_an_offer,
    a_freed_agent_gets_the_oldest_at_once,
    two_contacts_are_never_made_one,
    chats_do_not_starve_a_call,
    a_call_that_goes_lets_its_agent_go,
    a_kept_agent_is_asked_again_when_the_line_moves,
);

fn of_class(platform: &str, session: &str, priority: Priority) -> SubmitContactRequest {
    SubmitContactRequest { priority: priority.into(), ..request(platform, session) }
}

async fn set_priority(world: &World, id: &str, priority: Priority) {
    let request =
        SetContactPriorityRequest { request_id: request_id(), id: id.to_owned(), priority: priority.into() };
    let contact = world.rpc().set_contact_priority(request).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(contact.priority(), priority);
}

/// Asterisk ignored it for callers already queued.
async fn a_changed_priority_counts_for_who_waits(world: World) {
    let first = world.submit(of_class("voice", "s1", Priority::Normal)).await;
    let second = world.submit(of_class("voice", "s2", Priority::Normal)).await;
    set_priority(&world, &second.id, Priority::Urgent).await;
    assert_eq!(world.contact(&second.id).await.position, 1);
    assert_eq!(world.contact(&first.id).await.position, 2);
    world.agent("a1", &[], &[("voice", 100)]).await;
    assert_eq!(world.contact(&second.id).await.state(), State::Offered);
    // Also for who is offered just now, should the offer come to nothing.
    set_priority(&world, &second.id, Priority::Low).await;
    world.decline(&second.id, "a1").await;
    assert_eq!(world.contact(&first.id).await.agent, "a1");
    assert_eq!(world.contact(&second.id).await.position, 1);
}

/// Asterisk let a caller of priority 20 lose to the longest waiters of another queue.
async fn classes_hold_across_queues(world: World) {
    for number in 0..3 {
        world.submit(of_class("chat", &format!("s{number}"), Priority::Normal)).await;
    }
    world.advance(600);
    let urgent = world.submit(of_class("voice", "urgent", Priority::Urgent)).await;
    world.agent("a1", &[], &[("chat", 100), ("voice", 100)]).await;
    assert_eq!(world.contact(&urgent.id).await.agent, "a1");
}

/// FreeSWITCH left agents stuck in "reserved".
async fn no_agent_is_stuck_with_an_offer(world: World) {
    world.agent("a1", &[], &[("voice", 100)]).await;
    let offered = world.submit(request("voice", "s1")).await;
    let next = world.submit(request("voice", "s2")).await;
    world.abandon(&offered.id).await;
    assert_eq!(world.contact(&next.id).await.agent, "a1", "the customer went while it was offered");
    world.advance(21);
    world.wait_until(&next.id, State::Queued, "").await;
    assert_eq!(world.get_agent("a1").await.used_units, 0, "nobody answered");
    assert_eq!(world.submit(request("voice", "s3")).await.agent, "a1");
}

/// Chatwoot gave a freed agent the newer chat, and caught up only every fifteen minutes. The clock stands still here.
async fn a_freed_agent_gets_the_oldest_at_once(world: World) {
    world.agent("a1", &[], &[("chat", 100)]).await;
    let busy = world.assigned(request("chat", "busy")).await;
    let oldest = world.submit(request("chat", "s1")).await;
    let newer = world.submit(request("chat", "s2")).await;
    world.complete(&busy.id, "a1").await;
    assert_eq!(world.contact(&oldest.id).await.agent, "a1");
    assert_eq!(world.contact(&newer.id).await.position, 1);
}

/// Chatwoot merged two people into one.
async fn two_contacts_are_never_made_one(world: World) {
    let of_customer = |session: &str| SubmitContactRequest {
        customer: Some(Customer {
            identities: vec![Identity {
                kind: "phone".to_owned(),
                value: "+8613800138000".to_owned(),
                unverified: false,
            }],
        }),
        ..request("chat", session)
    };
    let (first, second) = (world.submit(of_customer("s1")).await, world.submit(of_customer("s2")).await);
    assert_ne!(first.id, second.id);
    world.agent("a1", &[], &[("chat", 33)]).await;
    assert_eq!(world.get_agent("a1").await.used_units, 66);
}

/// Chats add up, so a call may never find an agent with nothing to do. After a while one is kept for it.
async fn chats_do_not_starve_a_call(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("voice", 100)]).await;
    world.agent("a2", &[], &[("chat", 33), ("voice", 100)]).await;
    let mut chats = vec![];
    for number in 0..6 {
        chats.push(world.assigned(request("chat", &format!("s{number}"))).await);
    }
    let call = world.submit(request("voice", "call")).await;
    // Before patience ends, a chat passes it.
    let passing = world.submit(request("chat", "passing")).await;
    world.complete(&chats[0].id, &chats[0].agent).await;
    let passed = world.accept(&passing.id, &chats[0].agent).await;
    assert_eq!(world.contact(&call.id).await.state(), State::Queued);
    world.advance(121);
    // Then an agent who is freed takes no more chats, while the other agent goes on with them.
    let (kept, other) = (passed.agent.clone(), chats.iter().find(|chat| chat.agent != passed.agent).unwrap());
    let waiting = world.submit(request("chat", "waiting")).await;
    world.complete(&passed.id, &kept).await;
    assert_eq!(world.contact(&waiting.id).await.state(), State::Queued);
    world.complete(&other.id, &other.agent).await;
    assert_eq!(world.contact(&waiting.id).await.agent, other.agent);
    for chat in chats[1..].iter().filter(|chat| chat.agent == kept) {
        world.complete(&chat.id, &kept).await;
    }
    assert_eq!(world.contact(&call.id).await.agent, kept);
    // With the call gone, nobody is kept any more.
    world.accept(&call.id, &kept).await;
    world.complete(&call.id, &kept).await;
    assert_eq!(world.submit(request("chat", "last")).await.state(), State::Offered);
}

/// A call that nobody can take any more keeps nobody.
async fn a_call_that_goes_lets_its_agent_go(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("voice", 100)]).await;
    let chats = [world.assigned(request("chat", "s1")).await, world.assigned(request("chat", "s2")).await];
    let call = world.submit(request("voice", "call")).await;
    world.advance(121);
    let waiting = world.submit(request("chat", "waiting")).await;
    assert_eq!(waiting.state(), State::Queued, "a1 is kept for the call");
    world.abandon(&call.id).await;
    assert_eq!(world.contact(&waiting.id).await.agent, "a1");
    world.complete(&chats[0].id, "a1").await;
    wait_for("nothing to be left", || async { world.get_agent("a1").await.used_units == 66 }).await;
}

/// An agent who is kept may take what comes before the first of that queue, also when the first is another all at once.
async fn a_kept_agent_is_asked_again_when_the_line_moves(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("voice", 100)]).await;
    world.assigned(request("chat", "busy")).await;
    let call = world.submit(request("voice", "call")).await;
    world.advance(121);
    let kept_out = world.submit(request("chat", "later")).await;
    assert_eq!(kept_out.state(), State::Queued, "a1 is kept for the call");
    let urgent = world.submit(of_class("voice", "urgent", Priority::Urgent)).await;
    let chat = world.submit(of_class("chat", "between", Priority::High)).await;
    assert_eq!(chat.state(), State::Queued, "it comes behind the urgent call");
    world.abandon(&urgent.id).await;
    assert_eq!(world.contact(&chat.id).await.agent, "a1", "it comes before the other call");
    assert_eq!(world.contact(&call.id).await.position, 1);
    assert_eq!(world.contact(&kept_out.id).await.state(), State::Queued);
}
