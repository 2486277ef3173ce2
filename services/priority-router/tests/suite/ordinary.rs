use segue_proto::router::v1::{ContactState as State, ListAgentsRequest, Presence, Priority};
use segue_testkit::refused;

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_contact_lives,
    the_line_moves_in_order,
    classes_and_ageing,
    capacity_is_never_exceeded,
    the_longest_idle_agent_is_offered,
    skills_and_platforms_decide,
    skills_are_one_in_all_spellings,
    a_declined_contact_keeps_its_place,
    an_offer_times_out,
    a_customer_goes,
);

async fn a_contact_lives(world: World) {
    let waiting = world.submit(request("chat", "s1")).await;
    assert_eq!((waiting.state(), waiting.position, waiting.priority()), (State::Queued, 1, Priority::Normal));
    let agent = world.agent("a1", &[], &[("chat", 33)]).await;
    assert_eq!((agent.used_units, agent.capacity_units), (33, 100));
    let offered = world.contact(&waiting.id).await;
    assert_eq!((offered.state(), offered.agent.as_str(), offered.position), (State::Offered, "a1", 0));
    let assigned = world.accept(&waiting.id, "a1").await;
    assert_eq!((assigned.state(), assigned.agent.as_str()), (State::Assigned, "a1"));
    let completed = world.complete(&waiting.id, "a1").await;
    assert_eq!((completed.state(), completed.agent.as_str()), (State::Completed, "a1"));
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    let mut with_details = request("chat", "s2");
    with_details.subject = "claim".to_owned();
    with_details.attributes.insert("policy".to_owned(), "P-1".to_owned());
    let offered = world.submit(with_details).await;
    assert_eq!((offered.state(), offered.subject.as_str()), (State::Offered, "claim"));
    assert_eq!(offered.attributes["policy"], "P-1");
}

async fn the_line_moves_in_order(world: World) {
    let mut ids = vec![];
    for number in 0..6 {
        let contact = world.submit(request("voice", &format!("s{number}"))).await;
        assert_eq!(contact.position, number + 1);
        ids.push(contact.id);
    }
    world.agent("a1", &[], &[("voice", 100)]).await;
    for id in &ids {
        let next = world.accept(id, "a1").await;
        assert_eq!(next.state(), State::Assigned);
        world.complete(id, "a1").await;
    }
}

async fn classes_and_ageing(world: World) {
    let mut ids = vec![];
    // An old LOW contact and then one of each class: the old one has waited longer than URGENT's head start over LOW.
    let of_class = |session: &str, priority: Priority| {
        let mut request = request("voice", session);
        request.priority = priority.into();
        request
    };
    ids.push(world.submit(of_class("old", Priority::Low)).await.id);
    world.advance(26 * 60);
    for priority in [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent] {
        ids.push(world.submit(of_class(&format!("{priority:?}"), priority)).await.id);
    }
    world.agent("a1", &[], &[("voice", 100)]).await;
    for index in [0, 4, 3, 2, 1] {
        world.accept(&ids[index], "a1").await;
        world.complete(&ids[index], "a1").await;
    }
}

async fn capacity_is_never_exceeded(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("voice", 100)]).await;
    let mut offered = vec![];
    for number in 0..3 {
        offered.push(world.submit(request("chat", &format!("c{number}"))).await);
    }
    assert!(offered.iter().all(|contact| contact.state() == State::Offered));
    assert_eq!(world.get_agent("a1").await.used_units, 99);
    let fourth = world.submit(request("chat", "c3")).await;
    let call = world.submit(request("voice", "v1")).await;
    assert_eq!((fourth.state(), call.state()), (State::Queued, State::Queued));
    world.accept(&offered[0].id, "a1").await;
    world.complete(&offered[0].id, "a1").await;
    assert_eq!(world.contact(&fourth.id).await.state(), State::Offered);
    assert_eq!(world.contact(&call.id).await.state(), State::Queued);
    assert_eq!(world.get_agent("a1").await.used_units, 99);
}

async fn the_longest_idle_agent_is_offered(world: World) {
    for id in ["a3", "a1", "a2"] {
        world.agent(id, &[], &[("voice", 100)]).await;
    }
    let mut agents = vec![];
    for number in 0..3 {
        let contact = world.assigned(request("voice", &format!("s{number}"))).await;
        agents.push((contact.agent, contact.id));
    }
    assert_eq!(agents.iter().map(|(agent, _)| agent.as_str()).collect::<Vec<_>>(), ["a3", "a1", "a2"]);
    for index in [1, 0] {
        world.complete(&agents[index].1, &agents[index].0).await;
    }
    assert_eq!(world.submit(request("voice", "s4")).await.agent, "a1");
    assert_eq!(world.submit(request("voice", "s5")).await.agent, "a3");
}

async fn skills_and_platforms_decide(world: World) {
    world.agent("a1", &["claims"], &[("chat", 33)]).await;
    world.agent("a2", &["claims", "english"], &[("video", 100)]).await;
    let ask = |platform: &str, skills: &[&str]| {
        let mut request = request(platform, &skills.join("-"));
        request.session += platform;
        request.skills = skills.iter().map(|skill| (*skill).to_owned()).collect();
        request
    };
    assert_eq!(world.submit(ask("chat", &["claims"])).await.agent, "a1");
    assert_eq!(world.submit(ask("chat", &["english", "claims"])).await.state(), State::Queued);
    assert_eq!(world.submit(ask("video", &["english", "claims"])).await.agent, "a2");
    let nobody = world.submit(ask("email", &[])).await;
    assert_eq!((nobody.state(), nobody.position), (State::Queued, 1));
}

async fn a_declined_contact_keeps_its_place(world: World) {
    world.agent("a1", &[], &[("voice", 100)]).await;
    let first = world.submit(request("voice", "s1")).await;
    world.advance(1);
    let second = world.submit(request("voice", "s2")).await;
    let declined = world.decline(&first.id, "a1").await;
    assert_eq!((declined.state(), declined.agent.as_str(), declined.position), (State::Queued, "", 1));
    // The agent gets the next one meanwhile, and another agent gets the declined one.
    assert_eq!(world.contact(&second.id).await.agent, "a1");
    world.agent("a2", &[], &[("voice", 100)]).await;
    assert_eq!(world.contact(&first.id).await.agent, "a2");
    // With nobody else it comes back to the same agent when the back-off is over.
    world.set_presence("a2", Presence::Offline).await;
    world.accept(&second.id, "a1").await;
    world.complete(&second.id, "a1").await;
    assert_eq!(world.contact(&first.id).await.state(), State::Queued);
    world.advance(31);
    world.wait_until(&first.id, State::Offered, "a1").await;
}

async fn an_offer_times_out(world: World) {
    world.agent("a1", &[], &[("voice", 100)]).await;
    let contact = world.submit(request("voice", "s1")).await;
    assert_eq!(contact.agent, "a1");
    world.agent("a2", &[], &[("voice", 100)]).await;
    world.advance(21);
    world.wait_until(&contact.id, State::Offered, "a2").await;
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    world.accept(&contact.id, "a2").await;
}

async fn a_customer_goes(world: World) {
    world.agent("a1", &[], &[("voice", 100)]).await;
    let first = world.submit(request("voice", "s1")).await;
    let second = world.submit(request("voice", "s2")).await;
    let third = world.submit(request("voice", "s3")).await;
    let gone = world.abandon(&second.id).await;
    assert_eq!((gone.state(), gone.position), (State::Abandoned, 0));
    assert_eq!(world.contact(&third.id).await.position, 1);
    world.abandon(&first.id).await;
    assert_eq!(world.contact(&third.id).await.state(), State::Offered);
    world.accept(&third.id, "a1").await;
    assert_eq!(world.abandon(&third.id).await.state(), State::Abandoned);
    assert_eq!(world.get_agent("a1").await.used_units, 0);
}

/// Unlike spellings would make lines that nobody serves.
async fn skills_are_one_in_all_spellings(world: World) {
    let agent =
        world.put_agent("a1", &["claims ", "Re\u{301}clamations", "V\u{200b}IP"], &[("chat", 33)]).await;
    assert_eq!(agent.skills, ["claims", "r\u{e9}clamations", "vip"]);
    world.set_presence("a1", Presence::Available).await;
    let mut asked = request("chat", "s1");
    asked.skills = [" Claims", "cla\u{200b}ims", "R\u{c9}CLAMATIONS", "vip"].map(str::to_owned).to_vec();
    asked.subject = "an invoice\r\nand a receipt".to_owned();
    asked.attributes.insert("note".to_owned(), "one\r\ntwo".to_owned());
    let contact = world.submit(asked).await;
    assert_eq!((contact.state(), contact.agent.as_str()), (State::Offered, "a1"));
    assert_eq!(contact.skills, ["claims", "r\u{e9}clamations", "vip"]);
    assert_eq!(contact.subject, "an invoice\nand a receipt");
    assert_eq!(contact.attributes["note"], "one\ntwo");
    let skilled = ListAgentsRequest { skill: "CLAIMS".to_owned(), ..Default::default() };
    assert_eq!(world.rpc().list_agents(skilled).await.unwrap().into_inner().agents.len(), 1);
    let mut unseen = request("chat", "s2");
    unseen.skills = vec!["\u{200b}".to_owned()];
    assert_eq!(refused(world.rpc().submit_contact(unseen).await).fields, ["skills[0]"]);
}
