use segue_proto::{
    common::v1::{Customer, ErrorReason, Identity},
    router::v1::{
        AbandonContactRequest, AcceptContactRequest, AdmitHandoffRequest, CompleteContactRequest,
        ContactState as State, DeclineContactRequest, FinishWrapUpRequest, ListContactEventsRequest,
        ListContactsRequest, Presence, Priority, PutAgentRequest, ServiceListEntryState as EntryState,
        SetContactPriorityRequest, SetPresenceRequest,
    },
};
use segue_runtime::timestamp;
use segue_testkit::{refused, request_id};

use crate::world::{START_MS, World, code, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    every_write_is_done_once,
    the_newer_writes_are_done_once_too,
    a_repeated_answer_has_the_work_order_of_its_time,
    admission_and_release_are_done_once,
    a_late_record_stays_released,
    a_newer_code_replaces_the_older,
    a_code_is_drawn_again_after_its_handoff,
);

/// Calls twice with the same request: the same answer. Then with the same id and other content: refused.
macro_rules! once {
    ($world:ident.$method:ident($request:expr), $change:expr) => {{
        let mut request = $request;
        let first = $world.rpc().$method(request.clone()).await.unwrap().into_inner();
        let again = $world.replica().await.rpc().$method(request.clone()).await.unwrap().into_inner();
        assert_eq!(first, again);
        $change(&mut request);
        let reused = refused($world.rpc().$method(request).await);
        assert_eq!(
            (reused.reason, reused.fields),
            (ErrorReason::RequestIdReused, vec!["request_id".to_owned()])
        );
        first
    }};
}

async fn every_write_is_done_once(world: World) {
    let agent = world.put_agent("a1", &[], &[("voice", 100)]).await;
    once!(
        world.put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent.clone()) }),
        |r: &mut PutAgentRequest| r.agent.as_mut().unwrap().capacity_units = 50
    );
    let available = Presence::Available.into();
    once!(
        world.set_presence(SetPresenceRequest {
            request_id: request_id(),
            agent: "a1".to_owned(),
            presence: available,
            ..Default::default()
        }),
        |r: &mut SetPresenceRequest| r.presence = Presence::Away.into()
    );
    let mut submit = request("voice", "s1");
    // The customer is no part of what is compared, nor of what is kept.
    submit.customer = Some(Customer {
        identities: vec![Identity {
            kind: "phone".to_owned(),
            value: "+8613800138000".to_owned(),
            unverified: false,
        }],
    });
    let submitted =
        once!(world.submit_contact(submit), |r: &mut segue_proto::router::v1::SubmitContactRequest| {
            r.session = "s2".to_owned()
        });
    let listed = world.rpc().list_contacts(ListContactsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.contacts.len(), 1);
    let (id, agent) = (submitted.contact.unwrap().id, "a1".to_owned());
    let other = |text: &mut String| *text = "a2".to_owned();
    let named = || (request_id(), id.clone(), agent.clone());
    let (request_id, id, agent) = named();
    once!(
        world.decline_contact(DeclineContactRequest { request_id, id, agent }),
        |r: &mut DeclineContactRequest| other(&mut r.agent)
    );
    world.advance(31);
    let id = listed.contacts[0].id.clone();
    world.wait_until(&id, State::Offered, "a1").await;
    let (request_id, agent) = (segue_testkit::request_id(), "a1".to_owned());
    once!(
        world.accept_contact(AcceptContactRequest { request_id, id: id.clone(), agent: agent.clone() }),
        |r: &mut AcceptContactRequest| other(&mut r.agent)
    );
    let request_id = segue_testkit::request_id();
    once!(
        world.complete_contact(CompleteContactRequest { request_id, id, agent }),
        |r: &mut CompleteContactRequest| other(&mut r.agent)
    );
    let id = world.submit(request("voice", "s9")).await.id;
    once!(
        world.abandon_contact(AbandonContactRequest { request_id: segue_testkit::request_id(), id }),
        |r: &mut AbandonContactRequest| r.id = format!("contact_{:032x}", 7)
    );
}

async fn admission_and_release_are_done_once(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let entry = world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let mut repeated = world.entry("h1", "a1", "unknown");
    repeated.code_hashes = vec![code("another")];
    assert_eq!(world.put_entry(repeated).await, entry, "the same generation changes nothing");
    let contact = world.admit("h1").await;
    let other = world.replica().await;
    assert_eq!(other.admit("h1").await, contact);
    world.complete(&contact.id, "a1").await;
    assert_eq!(world.admit("h1").await.state(), State::Completed, "the contact as it is now");
    assert_eq!(world.release("h1").await, EntryState::Admitted);
    let late = world.put_entry(world.entry("h1", "a1", "unknown")).await;
    assert_eq!((late.state(), late.contact_id.as_str()), (EntryState::Admitted, contact.id.as_str()));
    world.put_entry(world.entry("h2", "a1", "unknown")).await;
    assert_eq!(world.release("h2").await, EntryState::Released);
    assert_eq!(world.release("h2").await, EntryState::Released);
}

async fn a_late_record_stays_released(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    assert_eq!(world.release("h1").await, EntryState::Released);
    let entry = world.put_entry(world.entry("h1", "a1", "unknown")).await;
    assert_eq!((entry.state(), entry.held_units), (EntryState::Released, 0));
    assert_eq!(world.get_agent("a1").await.held_units, 0);
    assert_eq!(refused(world.try_admit("h1").await).reason, ErrorReason::ServiceListEntryNotFound);
}

async fn a_newer_code_replaces_the_older(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    world.advance(60);
    let mut newer = world.entry("h1", "a1", "unknown");
    newer.generation = 3;
    newer.code_hashes = vec![code("newer"), code("newer-qr")];
    newer.expire_time = timestamp(START_MS + 900_000);
    let entry = world.put_entry(newer).await;
    assert_eq!(entry.expire_time, timestamp(START_MS + 900_000));
    assert_eq!(entry.hold_expire_time, timestamp(START_MS + 240_000));
    let mut older = world.entry("h1", "a1", "unknown");
    older.generation = 2;
    assert_eq!(world.put_entry(older).await, entry);
    assert_eq!(refused(world.try_admit("h1").await).reason, ErrorReason::ServiceListEntryNotFound);
    let admit = AdmitHandoffRequest {
        handoff_id: "h1".to_owned(),
        code_hash: code("newer-qr").to_uppercase(),
        platform: "video".to_owned(),
        session: "to".to_owned(),
    };
    let contact = world.rpc().admit_handoff(admit).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(contact.state(), State::Assigned);
}

async fn a_code_is_drawn_again_after_its_handoff(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 10)]).await;
    let with_code = |handoff_id: &str| {
        let mut entry = world.entry(handoff_id, "a1", "unknown");
        entry.cost_units = 10;
        entry.code_hashes = vec![code("drawn")];
        entry
    };
    let admit = async |handoff_id: &str| {
        let admit = AdmitHandoffRequest {
            handoff_id: handoff_id.to_owned(),
            code_hash: code("drawn"),
            platform: "video".to_owned(),
            session: format!("to-{handoff_id}"),
        };
        Ok::<_, tonic::Status>(world.rpc().admit_handoff(admit).await?.into_inner().contact.unwrap())
    };
    world.put_entry(with_code("released")).await;
    world.release("released").await;
    world.put_entry(with_code("first")).await;
    let first = admit("first").await.unwrap();
    world.put_entry(with_code("second")).await;
    // The code is now the second's; a lost answer to the first admission is given again nevertheless.
    assert_eq!(admit("first").await.unwrap().id, first.id);
    assert_eq!(refused(admit("released").await).reason, ErrorReason::ServiceListEntryClosed);
    let taken = world.rpc().put_service_list_entry(with_code("third")).await;
    assert_eq!(refused(taken).fields, ["code_hashes[0]"], "while it is live it is nobody else's");
    let second = admit("second").await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!((second.handoff_id.as_str(), admit("first").await.unwrap().id), ("second", first.id));
}

async fn the_newer_writes_are_done_once_too(world: World) {
    let mut agent = world.agent("a1", &[], &[("voice", 100)]).await;
    agent.platforms[0].wrap_up_seconds = 600;
    world.rpc().put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent) }).await.unwrap();
    let waiting = world.assigned(request("voice", "s1")).await.id;
    let other = world.submit(request("voice", "s2")).await.id;
    let priority = Priority::High.into();
    once!(
        world.set_contact_priority(SetContactPriorityRequest {
            request_id: request_id(),
            id: other.clone(),
            priority
        }),
        |r: &mut SetContactPriorityRequest| r.priority = Priority::Low.into()
    );
    let request = ListContactEventsRequest { id: other, ..Default::default() };
    let events = world.rpc().list_contact_events(request).await.unwrap().into_inner().events;
    assert_eq!(events.len(), 2, "{events:?}");
    world.complete(&waiting, "a1").await;
    let (request_id, id, agent) = (request_id(), waiting, "a1".to_owned());
    once!(
        world.finish_wrap_up(FinishWrapUpRequest { request_id, id, agent }),
        |r: &mut FinishWrapUpRequest| r.agent = "a2".to_owned()
    );
}

/// A contact may become a handoff's: what it was answered before it still is.
async fn a_repeated_answer_has_the_work_order_of_its_time(world: World) {
    // The agent is away, so the contact waits.
    world.put_agent("a1", &[], &[("chat", 33), ("video", 33)]).await;
    let id = world.submit(request("video", "to-h1")).await.id;
    let class = Priority::High.into();
    let set = SetContactPriorityRequest { request_id: request_id(), id: id.clone(), priority: class };
    let complete =
        CompleteContactRequest { request_id: request_id(), id: id.clone(), agent: "a1".to_owned() };
    let waiting = world.rpc().set_contact_priority(set.clone()).await.unwrap().into_inner();
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    assert_eq!(world.admit("h1").await.id, id);
    world.set_presence("a1", Presence::Available).await;
    world.wait_until(&id, State::Assigned, "a1").await;
    let over = world.rpc().complete_contact(complete.clone()).await.unwrap().into_inner();

    let answers = [&waiting.contact, &over.contact];
    let work_orders = answers.map(|contact| contact.as_ref().unwrap().work_order.clone());
    assert_eq!(work_orders, ["", "WO-h1"]);
    assert_eq!(world.rpc().set_contact_priority(set).await.unwrap().into_inner(), waiting);
    assert_eq!(world.rpc().complete_contact(complete).await.unwrap().into_inner(), over);
}
