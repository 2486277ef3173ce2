use std::collections::BTreeSet;

use segue_proto::router::v1::{
    ContactState as State, ListAgentsRequest, ListContactsRequest, ListServiceListRequest, Presence,
    Priority, ServiceListEntryState as EntryState,
};

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    lists_go_page_by_page,
    positions_count_the_line,
    pages_of_large_rows_fit_into_a_message,
);

/// All pages of a list, two rows at a time if nothing else is said.
macro_rules! pages {
    ($world:ident.$method:ident($request:expr).$field:ident) => {
        pages!($world.$method($request).$field, 2)
    };
    ($world:ident.$method:ident($request:expr).$field:ident, $page_size:expr) => {{
        let (mut all, mut request) = (vec![], $request);
        request.page_size = $page_size;
        loop {
            let page = $world.rpc().$method(request.clone()).await.unwrap().into_inner();
            assert!(page.$field.len() <= 2 || request.page_size != 2);
            assert!(!page.$field.is_empty() || page.next_page_token.is_empty(), "lists get on");
            all.extend(page.$field);
            if page.next_page_token.is_empty() {
                break all;
            }
            request.page_token = page.next_page_token;
        }
    }};
}

async fn lists_go_page_by_page(world: World) {
    for id in ["a1", "a2", "a3"] {
        world.put_agent(id, &[id, "all"], &[("chat", 100), ("video", 100)]).await;
    }
    let agents = pages!(world.list_agents(ListAgentsRequest::default()).agents);
    assert_eq!(agents.iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>(), ["a1", "a2", "a3"]);
    assert_eq!((agents[1].skills.join(","), agents[1].platforms.len()), ("a2,all".to_owned(), 2));
    world.set_presence("a2", Presence::Available).await;
    let available = ListAgentsRequest { presence: Presence::Available.into(), ..Default::default() };
    assert_eq!(pages!(world.list_agents(available).agents).len(), 1);

    let skilled = ListAgentsRequest { skill: "a3".to_owned(), ..Default::default() };
    assert_eq!(pages!(world.list_agents(skilled).agents)[0].id, "a3");
    let on_platform = ListAgentsRequest { platform: "video".to_owned(), ..Default::default() };
    assert_eq!(pages!(world.list_agents(on_platform).agents).len(), 3);
    let nowhere = ListAgentsRequest { platform: "voice".to_owned(), ..Default::default() };
    assert!(pages!(world.list_agents(nowhere).agents).is_empty());

    let mut ids = vec![];
    for number in 0..5 {
        world.advance(1);
        ids.push(world.submit(request("chat", &format!("s{number}"))).await.id);
    }
    ids.reverse();
    let contacts = pages!(world.list_contacts(ListContactsRequest::default()).contacts);
    assert_eq!(contacts.iter().map(|contact| contact.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(contacts[0].position, 4);
    let queued = ListContactsRequest { state: State::Queued.into(), ..Default::default() };
    assert_eq!(pages!(world.list_contacts(queued).contacts).len(), 4);
    let of_agent = ListContactsRequest { agent: "a2".to_owned(), ..Default::default() };
    assert_eq!(pages!(world.list_contacts(of_agent.clone()).contacts)[0].id, ids[4]);
    let none = ListContactsRequest { state: State::Assigned.into(), ..of_agent };
    assert!(pages!(world.list_contacts(none).contacts).is_empty());

    let on_platform = ListContactsRequest { platform: "chat".to_owned(), ..Default::default() };
    assert_eq!(pages!(world.list_contacts(on_platform.clone()).contacts).len(), 5);
    let of_class = ListContactsRequest { priority: Priority::Urgent.into(), ..on_platform };
    assert!(pages!(world.list_contacts(of_class).contacts).is_empty());

    for id in ["z", "m", "a"] {
        world.advance(1);
        world.put_entry(world.entry(id, "a3", "unknown")).await;
    }
    world.put_entry(world.entry("b", "a1", "unknown")).await;
    world.release("m").await;
    let entries = pages!(world.list_service_list(ListServiceListRequest::default()).entries);
    let order: Vec<_> = entries.iter().map(|entry| entry.handoff_id.as_str()).collect();
    assert_eq!(order, ["b", "a", "m", "z"]);
    let live_of_agent = ListServiceListRequest {
        state: EntryState::Live.into(),
        agent: "a3".to_owned(),
        ..Default::default()
    };
    assert_eq!(pages!(world.list_service_list(live_of_agent).entries).len(), 2);
}

async fn positions_count_the_line(world: World) {
    let mut with_skill = request("chat", "skilled");
    with_skill.skills = vec!["claims".to_owned()];
    assert_eq!(world.submit(with_skill).await.position, 1, "another queue");
    let first = world.submit(request("chat", "s1")).await;
    let second = world.submit(request("chat", "s2")).await;
    let mut urgent = request("chat", "s3");
    urgent.priority = Priority::Urgent.into();
    assert_eq!(world.submit(urgent).await.position, 1);
    assert_eq!(world.contact(&first.id).await.position, 2);
    assert_eq!(world.contact(&second.id).await.position, 3);
}

/// The client takes no longer messages than the service sends.
async fn pages_of_large_rows_fit_into_a_message(world: World) {
    let mut submitted = BTreeSet::new();
    for number in 0..14 {
        let mut large = request("chat", &format!("s{number}"));
        large.attributes = (0..32).map(|entry| (format!("key{entry}"), "\u{5ba2}".repeat(1000))).collect();
        submitted.insert(world.submit(large).await.id);
    }
    for page_size in [0, 1000] {
        let listed = pages!(world.list_contacts(ListContactsRequest::default()).contacts, page_size);
        assert_eq!(listed.len(), submitted.len());
        assert!(listed.iter().all(|contact| contact.attributes.len() == 32));
        assert_eq!(listed.into_iter().map(|contact| contact.id).collect::<BTreeSet<_>>(), submitted);
    }
    let skills: Vec<_> = (0..64).map(|skill| format!("{}{skill:02}", "\u{20bb7}".repeat(62))).collect();
    let skills: Vec<_> = skills.iter().map(String::as_str).collect();
    for number in 0..70 {
        world.put_agent(&format!("a{number:02}"), &skills, &[]).await;
    }
    let agents = pages!(world.list_agents(ListAgentsRequest::default()).agents, 0);
    let ids: Vec<_> = agents.into_iter().map(|agent| agent.id).collect();
    assert_eq!(ids, (0..70).map(|number| format!("a{number:02}")).collect::<Vec<_>>());
}
