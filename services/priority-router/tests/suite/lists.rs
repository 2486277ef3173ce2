use segue_proto::router::v1::{
    ContactState as State, ListAgentsRequest, ListContactsRequest, ListServiceListRequest, Presence,
    ServiceListEntryState as EntryState,
};

use crate::world::{World, request};

/// All pages of a list, two rows at a time.
macro_rules! pages {
    ($world:ident.$method:ident($request:expr).$field:ident) => {{
        let (mut all, mut request) = (vec![], $request);
        request.page_size = 2;
        loop {
            let page = $world.rpc().$method(request.clone()).await.unwrap().into_inner();
            assert!(page.$field.len() <= 2);
            all.extend(page.$field);
            if page.next_page_token.is_empty() {
                break all;
            }
            request.page_token = page.next_page_token;
        }
    }};
}

pub async fn lists_go_page_by_page(world: World) {
    for id in ["a1", "a2", "a3"] {
        world.put_agent(id, &[id, "all"], &[("chat", 100), ("video", 100)]).await;
    }
    let agents = pages!(world.list_agents(ListAgentsRequest::default()).agents);
    assert_eq!(agents.iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>(), ["a1", "a2", "a3"]);
    assert_eq!((agents[1].skills.join(","), agents[1].platforms.len()), ("a2,all".to_owned(), 2));
    world.set_presence("a2", Presence::Available).await;
    let available = ListAgentsRequest { presence: Presence::Available.into(), ..Default::default() };
    assert_eq!(pages!(world.list_agents(available).agents).len(), 1);

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

pub async fn positions_count_the_line(world: World) {
    let mut with_skill = request("chat", "skilled");
    with_skill.skills = vec!["claims".to_owned()];
    assert_eq!(world.submit(with_skill).await.position, 1, "another queue");
    let first = world.submit(request("chat", "s1")).await;
    let second = world.submit(request("chat", "s2")).await;
    let mut urgent = request("chat", "s3");
    urgent.priority = segue_proto::router::v1::Priority::Urgent.into();
    assert_eq!(world.submit(urgent).await.position, 1);
    assert_eq!(world.contact(&first.id).await.position, 2);
    assert_eq!(world.contact(&second.id).await.position, 3);
}
