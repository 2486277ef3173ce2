use segue_proto::{
    common::v1::{Customer, ErrorReason as Reason, Identity, RemainingWork, Session},
    router::v1::*,
};
use segue_testkit::{refused, request_id};
use tonic::Code;

use crate::world::{World, code, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    fields_of_agents_are_checked,
    fields_of_contacts_are_checked,
    fields_of_reads_are_checked,
    service_list_fields_are_checked,
    unknown_things_are_refused,
    wrong_states_and_agents_are_refused,
    codes_are_refused,
    foreign_tokens_are_refused,
);

/// The fields that a call is refused for.
macro_rules! fields {
    ($world:ident.$method:ident($request:expr)) => {{
        let refusal = refused($world.rpc().$method($request).await);
        assert_eq!((refusal.code, refusal.reason), (Code::InvalidArgument, Reason::InvalidField));
        refusal.fields
    }};
}

macro_rules! reason {
    ($world:ident.$method:ident($request:expr)) => {
        refused($world.rpc().$method($request).await).reason
    };
}

async fn fields_of_agents_are_checked(world: World) {
    let platform = |platform: &str, cost_units| AgentPlatform {
        platform: platform.to_owned(),
        cost_units,
        wrap_up_seconds: if cost_units > 1000 { 3601 } else { 0 },
    };
    let agent = Agent {
        id: "no spaces".to_owned(),
        display_name: "x".repeat(129),
        skills: vec![String::new(), "two\nlines".to_owned()],
        platforms: vec![platform("Chat", 1001), platform("chat", 1), platform("chat", 1)],
        capacity_units: -1,
        ..Default::default()
    };
    assert_eq!(
        fields!(world.put_agent(PutAgentRequest { request_id: "x".to_owned(), agent: Some(agent) })),
        [
            "request_id",
            "agent.id",
            "agent.display_name",
            "agent.skills[0]",
            "agent.skills[1]",
            "agent.capacity_units",
            "agent.platforms[0].platform",
            "agent.platforms[0].cost_units",
            "agent.platforms[0].wrap_up_seconds",
            "agent.platforms[2].platform",
        ]
    );
    let crowded = Agent {
        id: "a1".to_owned(),
        skills: vec!["s".to_owned(); 65],
        platforms: (0..65).map(|number| platform(&format!("p{number}"), 1)).collect(),
        ..Default::default()
    };
    let crowded = PutAgentRequest { request_id: request_id(), agent: Some(crowded) };
    assert_eq!(fields!(world.put_agent(crowded)), ["agent.skills", "agent.platforms"]);
    let none = PutAgentRequest { request_id: request_id(), agent: None };
    assert_eq!(fields!(world.put_agent(none)), ["agent"]);
    let presence = |presence| SetPresenceRequest {
        request_id: request_id(),
        agent: "a".to_owned(),
        presence,
        ..Default::default()
    };
    assert_eq!(fields!(world.set_presence(presence(0))), ["presence"]);
    assert_eq!(fields!(world.set_presence(presence(9))), ["presence"]);
}

async fn fields_of_contacts_are_checked(world: World) {
    let mut bad = request("", "");
    bad.customer = Some(Customer {
        identities: vec![Identity { kind: "phone".to_owned(), value: "123".to_owned(), unverified: false }],
    });
    bad.skills = vec!["s".to_owned(); 17];
    bad.priority = Priority::Handoff.into();
    bad.subject = "x".repeat(257);
    bad.attributes.insert("k".to_owned(), "x".repeat(1001));
    assert_eq!(
        fields!(world.submit_contact(bad)),
        [
            "customer.identities[0].value",
            "attributes",
            "priority",
            "platform",
            "session",
            "skills",
            "subject"
        ]
    );
    let mut unknown = request("chat", "s1");
    unknown.priority = 77;
    assert_eq!(fields!(world.submit_contact(unknown)), ["priority"]);
    let empty = AcceptContactRequest::default();
    assert_eq!(fields!(world.accept_contact(empty)), ["request_id", "id", "agent"]);
    assert_eq!(
        fields!(world.decline_contact(DeclineContactRequest::default())),
        ["request_id", "id", "agent"]
    );
    assert_eq!(
        fields!(world.complete_contact(CompleteContactRequest::default())),
        ["request_id", "id", "agent"]
    );
    assert_eq!(fields!(world.abandon_contact(AbandonContactRequest::default())), ["request_id", "id"]);
    assert_eq!(fields!(world.finish_wrap_up(FinishWrapUpRequest::default())), ["request_id", "id", "agent"]);
    assert_eq!(
        fields!(world.set_contact_priority(SetContactPriorityRequest::default())),
        ["request_id", "id", "priority"]
    );
    let handoff = SetContactPriorityRequest {
        request_id: request_id(),
        id: "c1".to_owned(),
        priority: Priority::Handoff.into(),
    };
    assert_eq!(fields!(world.set_contact_priority(handoff)), ["priority"]);
    let listed = world.rpc().list_contacts(ListContactsRequest::default()).await.unwrap().into_inner();
    assert!(listed.contacts.is_empty(), "nothing refused was kept");
}

async fn fields_of_reads_are_checked(world: World) {
    assert_eq!(fields!(world.get_contact(GetContactRequest::default())), ["id"]);
    assert_eq!(fields!(world.watch_contact(WatchContactRequest::default())), ["id"]);
    assert_eq!(fields!(world.get_agent(GetAgentRequest::default())), ["id"]);
    assert_eq!(fields!(world.watch_assignments(WatchAssignmentsRequest::default())), ["agent"]);
    let page =
        ListContactsRequest { page_size: 1001, state: 99, agent: "%".to_owned(), ..Default::default() };
    assert_eq!(fields!(world.list_contacts(page)), ["page_size", "state", "agent"]);
    let page = ListContactsRequest { platform: "A B".to_owned(), priority: 9, ..Default::default() };
    assert_eq!(fields!(world.list_contacts(page)), ["priority", "platform"]);
    let page = ListAgentsRequest { page_size: -1, presence: 99, ..Default::default() };
    assert_eq!(fields!(world.list_agents(page)), ["page_size", "presence"]);
    let page = ListAgentsRequest {
        platform: "A B".to_owned(),
        skill: "two\nlines".to_owned(),
        ..Default::default()
    };
    assert_eq!(fields!(world.list_agents(page)), ["platform", "skill"]);
    let events = ListContactEventsRequest { page_size: -1, ..Default::default() };
    assert_eq!(fields!(world.list_contact_events(events)), ["id", "page_size"]);
    let stats = |window_seconds| GetQueueStatsRequest { platform: "A B".to_owned(), window_seconds };
    assert_eq!(fields!(world.get_queue_stats(stats(59))), ["platform", "window_seconds"]);
    assert_eq!(fields!(world.get_queue_stats(stats(86_460))), ["platform", "window_seconds"]);
    assert_eq!(fields!(world.get_queue_stats(stats(61))), ["platform", "window_seconds"]);
    assert_eq!(
        fields!(world.acknowledge_assignments(AcknowledgeAssignmentsRequest::default())),
        ["agent", "resume_token"]
    );
    let page =
        ListServiceListRequest { page_size: -1, state: 99, agent: "%".to_owned(), ..Default::default() };
    assert_eq!(fields!(world.list_service_list(page)), ["page_size", "state", "agent"]);
}

async fn service_list_fields_are_checked(world: World) {
    assert_eq!(
        fields!(world.put_service_list_entry(PutServiceListEntryRequest::default())),
        [
            "source",
            "expire_time",
            "handoff_id",
            "generation",
            "work_order",
            "agent",
            "target_platform",
            "code_hashes"
        ]
    );
    let mut bad = world.entry("h1", "a1", "s1");
    bad.source = Some(Session { platform: "?".to_owned(), session: "x".repeat(129) });
    bad.cost_units = 1001;
    bad.code_hashes = vec!["not hexadecimal".to_owned(); 65];
    bad.agent_policy = 9;
    bad.remaining_work = Some(RemainingWork { summary: "x".repeat(2001), ..Default::default() });
    let found = fields!(world.put_service_list_entry(bad));
    for field in [
        "source.platform",
        "source.session",
        "agent_policy",
        "remaining_work.summary",
        "cost_units",
        "code_hashes",
        "code_hashes[0]",
    ] {
        assert!(found.iter().any(|other| other == field), "{field} in {found:?}");
    }
    assert_eq!(
        fields!(world.admit_handoff(AdmitHandoffRequest::default())),
        ["handoff_id", "code_hash", "platform", "session"]
    );
    let none = ReleaseServiceListEntryRequest::default();
    assert_eq!(fields!(world.release_service_list_entry(none)), ["handoff_id"]);
}

async fn unknown_things_are_refused(world: World) {
    let named = || (request_id(), "contact_1".to_owned(), "a1".to_owned());
    let not_found = Reason::ContactNotFound;
    assert_eq!(reason!(world.get_contact(GetContactRequest { id: "contact_1".to_owned() })), not_found);
    assert_eq!(reason!(world.watch_contact(WatchContactRequest { id: "contact_1".to_owned() })), not_found);
    let (request_id, id, agent) = named();
    assert_eq!(reason!(world.accept_contact(AcceptContactRequest { request_id, id, agent })), not_found);
    let (request_id, id, agent) = named();
    assert_eq!(reason!(world.decline_contact(DeclineContactRequest { request_id, id, agent })), not_found);
    let (request_id, id, agent) = named();
    assert_eq!(reason!(world.complete_contact(CompleteContactRequest { request_id, id, agent })), not_found);
    let (request_id, id, _) = named();
    assert_eq!(reason!(world.abandon_contact(AbandonContactRequest { request_id, id })), not_found);
    let (request_id, id, agent) = named();
    assert_eq!(reason!(world.finish_wrap_up(FinishWrapUpRequest { request_id, id, agent })), not_found);
    let (request_id, id, _) = named();
    let priority = Priority::High.into();
    assert_eq!(
        reason!(world.set_contact_priority(SetContactPriorityRequest { request_id, id, priority })),
        not_found
    );
    let (_, id, agent) = named();
    let events = ListContactEventsRequest { id, ..Default::default() };
    assert_eq!(reason!(world.list_contact_events(events)), not_found);
    let not_found = Reason::AgentNotFound;
    let acknowledge =
        AcknowledgeAssignmentsRequest { agent: agent.clone(), resume_token: "token".to_owned() };
    assert_eq!(reason!(world.acknowledge_assignments(acknowledge)), not_found);
    assert_eq!(reason!(world.get_agent(GetAgentRequest { id: agent.clone() })), not_found);
    let (request_id, _, agent) = named();
    let presence = Presence::Away.into();
    assert_eq!(
        reason!(world.set_presence(SetPresenceRequest { request_id, agent, presence, ..Default::default() })),
        not_found
    );
    let watch = WatchAssignmentsRequest { agent: "a1".to_owned(), ..Default::default() };
    assert_eq!(reason!(world.watch_assignments(watch)), not_found);
    assert_eq!(reason!(world.put_service_list_entry(world.entry("h1", "a1", "s1"))), not_found);
    let listed = world.rpc().list_service_list(ListServiceListRequest::default()).await.unwrap();
    assert!(listed.into_inner().entries.is_empty());
}

async fn wrong_states_and_agents_are_refused(world: World) {
    let queued = world.submit(request("voice", "s1")).await.id;
    assert_eq!(refused(world.try_accept(&queued, "a1").await).reason, Reason::ContactState);
    world.agent("a1", &[], &[("voice", 100)]).await;
    for refusal in [
        refused(world.try_accept(&queued, "a2").await),
        refused(world.try_decline(&queued, "a2").await),
        refused(world.try_complete(&queued, "a2").await),
    ] {
        assert_eq!((refusal.code, refusal.reason), (Code::PermissionDenied, Reason::ContactNotYours));
        assert_eq!(refusal.fields, ["agent"]);
    }
    let refusal = refused(world.try_complete(&queued, "a1").await);
    assert_eq!((refusal.code, refusal.reason), (Code::FailedPrecondition, Reason::ContactState));
    world.accept(&queued, "a1").await;
    assert_eq!(refused(world.try_accept(&queued, "a1").await).reason, Reason::ContactState);
    assert_eq!(refused(world.try_decline(&queued, "a1").await).reason, Reason::ContactState);
    let set_priority = |id: &str| SetContactPriorityRequest {
        request_id: request_id(),
        id: id.to_owned(),
        priority: Priority::High.into(),
    };
    assert_eq!(reason!(world.set_contact_priority(set_priority(&queued))), Reason::ContactState);
    let foreign =
        FinishWrapUpRequest { request_id: request_id(), id: queued.clone(), agent: "a2".to_owned() };
    assert_eq!(reason!(world.finish_wrap_up(foreign)), Reason::ContactNotYours);
    world.put_agent("a3", &[], &[("video", 100)]).await;
    world.put_entry(world.entry("h1", "a3", "unknown")).await;
    let handoff = world.admit("h1").await;
    let fixed = refused(world.rpc().set_contact_priority(set_priority(&handoff.id)).await);
    assert_eq!((fixed.code, fixed.reason), (Code::FailedPrecondition, Reason::ContactIsHandoff));
    assert_eq!(fixed.fields, ["id"]);
    world.complete(&queued, "a1").await;
    assert_eq!(refused(world.try_complete(&queued, "a1").await).reason, Reason::ContactState);
    assert_eq!(refused(world.try_abandon(&queued).await).reason, Reason::ContactState);
    // A refused request may be made again under the same id when it is right.
    let other = world.submit(request("voice", "s2")).await.id;
    let accept = AcceptContactRequest { request_id: request_id(), id: other.clone(), agent: "a1".to_owned() };
    world.decline(&other, "a1").await;
    assert_eq!(reason!(world.accept_contact(accept.clone())), Reason::ContactState);
    world.advance(31);
    world.wait_until(&other, ContactState::Offered, "a1").await;
    world.rpc().accept_contact(accept).await.unwrap();
}

async fn codes_are_refused(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let mut entry = world.entry("h1", "a1", "s1");
    entry.cost_units = 10;
    world.put_entry(entry).await;
    world.put_entry(world.entry("h2", "a1", "s2")).await;
    let admit = |handoff_id: &str, code_hash: String, platform: &str| AdmitHandoffRequest {
        handoff_id: handoff_id.to_owned(),
        code_hash,
        platform: platform.to_owned(),
        session: "to".to_owned(),
    };
    let not_found = Reason::ServiceListEntryNotFound;
    assert_eq!(reason!(world.admit_handoff(admit("h1", code("no such"), "video"))), not_found);
    assert_eq!(reason!(world.admit_handoff(admit("h1", code("h2"), "video"))), not_found);
    assert_eq!(reason!(world.admit_handoff(admit("h3", code("h3"), "video"))), not_found);
    assert_eq!(fields!(world.admit_handoff(admit("h1", code("h1"), "chat"))), ["platform"]);
    let mut taken = world.entry("h3", "a1", "s3");
    taken.code_hashes.push(code("h2"));
    let found = fields!(world.put_service_list_entry(taken));
    assert!(found.len() == 1 && found[0].starts_with("code_hashes["), "{found:?}");
    world.release("h2").await;
    let closed = refused(world.try_admit("h2").await);
    assert_eq!((closed.code, closed.reason), (Code::FailedPrecondition, Reason::ServiceListEntryClosed));
    assert_eq!(world.get_agent("a1").await.used_units, 0, "nobody was admitted");
    world.admit("h1").await;
}

async fn foreign_tokens_are_refused(world: World) {
    for id in ["a1", "a2"] {
        world.agent(id, &[], &[("chat", 50)]).await;
        world.put_entry(world.entry(&format!("h-{id}"), id, "s1")).await;
        world.submit(request("chat", id)).await;
    }
    world.submit(request("chat", "third")).await;
    let page_token = world
        .rpc()
        .list_contacts(ListContactsRequest { page_size: 1, ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .next_page_token;
    let invalid = Reason::InvalidPageToken;
    let filtered = ListContactsRequest {
        page_token: page_token.clone(),
        state: ContactState::Queued.into(),
        ..Default::default()
    };
    assert_eq!(reason!(world.list_contacts(filtered)), invalid);
    let events = ListContactEventsRequest {
        id: "c1".to_owned(),
        page_token: page_token.clone(),
        ..Default::default()
    };
    assert_eq!(reason!(world.list_contact_events(events)), invalid);
    let agents = ListAgentsRequest { page_token: page_token.clone(), ..Default::default() };
    assert_eq!(reason!(world.list_agents(agents)), invalid);
    let entries = ListServiceListRequest { page_token, ..Default::default() };
    assert_eq!(reason!(world.list_service_list(entries)), invalid);
    let nonsense = ListContactsRequest { page_token: "nonsense".to_owned(), ..Default::default() };
    assert_eq!(reason!(world.list_contacts(nonsense)), invalid);

    let open = |agent: &str, resume_token: &str| WatchAssignmentsRequest {
        agent: agent.to_owned(),
        resume_token: resume_token.to_owned(),
        ..Default::default()
    };
    let acknowledge = |agent: &str, resume_token: &str| AcknowledgeAssignmentsRequest {
        agent: agent.to_owned(),
        resume_token: resume_token.to_owned(),
    };
    let mut desk = world.rpc().watch_assignments(open("a1", "")).await.unwrap().into_inner();
    let token = desk.message().await.unwrap().unwrap().resume_token;
    for refusal in [
        refused(world.rpc().watch_assignments(open("a2", &token)).await),
        refused(world.rpc().watch_assignments(open("a1", "nonsense")).await),
        refused(world.rpc().acknowledge_assignments(acknowledge("a2", &token)).await),
        refused(world.rpc().acknowledge_assignments(acknowledge("a1", "nonsense")).await),
    ] {
        assert_eq!((refusal.code, refusal.reason), (Code::InvalidArgument, Reason::InvalidResumeToken));
        assert_eq!(refusal.fields, ["resume_token"]);
    }
}
