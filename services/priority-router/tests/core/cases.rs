//! What the sequences don't reach: names that the model has not, replicas that die, and rows of before a rule.

use std::{collections::BTreeSet, sync::Arc};

use priority_router::{
    Rules,
    domain::{
        Abilities, Agent, Answer, CodeHash, Command, Contact, ContactId, Decision, EventKind, Given, Leaving,
        Name, Past, Presence, Priority, PutEntry, Refused, ReplicaId, Row, Rows, Served, Stage, State,
        StreamId, Submit,
    },
};

const NOW: i64 = 1_700_000_000_000;

struct World {
    state: State,
    now: i64,
    ids: u128,
}

impl World {
    fn new() -> Self {
        Self { state: State::new(Rules::default()), now: NOW, ids: 0 }
    }

    fn run(&mut self, command: &Command) -> Result<Decision, Refused> {
        self.ids += 1;
        let given = Given { id: ContactId(self.ids), past: Past::default() };
        self.state.decide(command, self.now, &given)
    }

    /// An agent with 100 units, and what contacts take of it.
    fn put_agent(&mut self, agent: &str, platforms: &[(&str, i64)]) {
        let served = |(platform, cost_units): &(&str, i64)| {
            (Name::from(*platform), Served { cost_units: *cost_units, wrap_up_seconds: 0 })
        };
        let abilities = Arc::new(Abilities {
            display_name: "".into(),
            capacity_units: 100,
            skills: BTreeSet::from(["claims".into()]),
            platforms: platforms.iter().map(served).collect(),
        });
        self.run(&Command::PutAgent { agent: agent.into(), abilities }).unwrap();
    }

    fn sign_in(&mut self, agent: &str) {
        self.sign_in_to(agent, &[("chat", 50)]);
    }

    fn sign_in_to(&mut self, agent: &str, platforms: &[(&str, i64)]) {
        self.put_agent(agent, platforms);
        let presence = Presence::Available;
        self.run(&Command::SetPresence { agent: agent.into(), presence, leaving: Leaving::AtOnce }).unwrap();
    }

    fn submit(&mut self, session: &str) -> ContactId {
        self.submit_to("chat", session)
    }

    fn submit_to(&mut self, platform: &str, session: &str) -> ContactId {
        let submit = Submit {
            platform: platform.into(),
            session: session.into(),
            skills: BTreeSet::from(["claims".into()]),
            class: Priority::Normal,
            ttl_ms: None,
            rejoins: None,
        };
        match self.run(&Command::Submit(submit)).unwrap().answer {
            Answer::Contact(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn accept(&mut self, contact: ContactId, agent: &str) -> Result<Decision, Refused> {
        self.run(&Command::Accept { contact, agent: agent.into() })
    }

    fn stage(&self, contact: ContactId) -> Stage {
        self.state.contact(contact).unwrap().contact.stage
    }

    /// Loads the rows as a program of before a rule may have left them.
    fn load_changed(&mut self, change: impl Fn(Row) -> Row) {
        self.state.commit();
        let rows = self.state.rows();
        let changed = rows.rows.into_iter().map(change).collect();
        self.state = State::load(Rules::default(), Rows { rows: changed, ..rows });
    }

    fn connect(&mut self, replica: u128, stream: u128, agent: &str) {
        let (replica, stream) = (ReplicaId(replica), StreamId(stream));
        self.run(&Command::Connect { replica, stream, agent: agent.into() }).unwrap();
    }

    fn presence(&self, agent: &str) -> Presence {
        self.state.agent(agent).unwrap().agent.presence
    }

    fn due(&mut self, most: usize) -> (usize, bool) {
        let decision = self.run(&Command::Due { most }).unwrap();
        (decision.changes.len(), decision.answer == Answer::More(true))
    }
}

fn entry(handoff: &str, code: &str) -> Command {
    Command::PutEntry(PutEntry {
        handoff: handoff.into(),
        generation: 1,
        agent: "a".into(),
        source_platform: "chat".into(),
        source_session: "from".into(),
        target_platform: "chat".into(),
        cost_units: 50,
        same_agent_only: false,
        expires_at: NOW + 600_000,
        codes: vec![CodeHash(code.into())],
    })
}

fn admit(handoff: &str, code: &str, platform: &str) -> Command {
    let (code, session) = (CodeHash(code.into()), "to".into());
    Command::Admit { handoff: handoff.into(), code, platform: platform.into(), session }
}

#[test]
fn a_code_belongs_to_one_live_handoff() {
    let mut world = World::new();
    world.sign_in("a");
    world.run(&entry("h1", "x")).unwrap();
    assert_eq!(world.run(&entry("h2", "x")).unwrap_err(), Refused::CodeTaken(0));
    world.run(&Command::Release { handoff: "h1".into() }).unwrap();
    world.run(&entry("h2", "x")).unwrap();
}

#[test]
fn a_code_admits_to_its_own_handoff_and_platform_only() {
    let mut world = World::new();
    world.sign_in("a");
    world.run(&entry("h1", "x")).unwrap();
    assert_eq!(world.run(&admit("h1", "y", "chat")).unwrap_err(), Refused::EntryNotFound);
    assert_eq!(world.run(&admit("h1", "x", "voice")).unwrap_err(), Refused::WrongPlatform);
    let first = world.run(&admit("h1", "x", "chat")).unwrap().answer;
    // The batch is not committed yet: the tables don't tell of the admission.
    assert_eq!(world.run(&admit("h1", "x", "chat")).unwrap().answer, first);
    assert_eq!(world.run(&admit("h1", "y", "chat")).unwrap_err(), Refused::EntryNotFound);
}

#[test]
fn an_offer_is_checked_again_when_it_is_accepted() {
    let mut world = World::new();
    world.sign_in("a");
    let contact = world.submit("s");
    // The agent is away, and the offer stands.
    world.load_changed(|row| match row {
        Row::Agent(name, Some(agent)) => Row::Agent(name, Some(Agent { presence: Presence::Away, ..agent })),
        other => other,
    });
    assert_eq!(world.accept(contact, "a").unwrap_err(), Refused::OfferFell);
}

#[test]
fn the_capacity_is_checked_again_when_an_offer_is_accepted() {
    let mut world = World::new();
    world.sign_in("a");
    let contacts = [world.submit("s1"), world.submit("s2")];
    world.accept(contacts[0], "a").unwrap();
    // The agent has less capacity than it has contacts, and the offer stands.
    world.load_changed(|row| match row {
        Row::Agent(name, Some(agent)) => {
            let abilities = Arc::new(Abilities { capacity_units: 60, ..(*agent.abilities).clone() });
            Row::Agent(name, Some(Agent { abilities, ..agent }))
        }
        other => other,
    });
    assert_eq!(world.accept(contacts[1], "a").unwrap_err(), Refused::OfferFell);
}

#[test]
fn the_oldest_of_several_contacts_of_a_conversation_counts() {
    let mut world = World::new();
    let older = world.submit("s1");
    world.submit("s2");
    world.load_changed(|row| match row {
        Row::Contact(id, contact) => Row::Contact(id, Contact { session: "s".into(), ..contact }),
        other => other,
    });
    assert_eq!(world.submit("s"), older);
}

#[test]
fn an_agent_has_a_hundred_contacts_at_most_also_when_they_cost_nothing() {
    let mut world = World::new();
    world.sign_in_to("a", &[("chat", 0)]);
    let mut contacts = vec![];
    for session in 0..100 {
        let contact = world.submit(&format!("s{session}"));
        world.accept(contact, "a").unwrap();
        contacts.push(contact);
    }
    let waits = world.submit("one more");
    assert_eq!(world.stage(waits), Stage::Waiting);
    world.run(&Command::Complete { contact: contacts[0], agent: "a".into() }).unwrap();
    assert!(matches!(world.stage(waits), Stage::Offered { .. }));
}

#[test]
fn at_most_five_agents_are_kept_for_a_queue() {
    let mut world = World::new();
    let agents: Vec<String> = (0..7).map(|agent| format!("a{agent}")).collect();
    for agent in &agents {
        world.sign_in_to(agent, &[("mail", 60), ("chat", 40), ("voice", 100)]);
        let mail = world.submit_to("mail", agent);
        world.accept(mail, agent).unwrap();
    }
    for call in 0..7 {
        world.submit_to("voice", &format!("call {call}"));
    }
    world.now += Rules::default().patience_ms;
    let chats: Vec<_> = (0..7).map(|chat| world.submit(&format!("chat {chat}"))).collect();
    let is_kept = |agent: &&String| world.state.agent(agent).unwrap().agent.kept_for.is_some();
    assert_eq!(agents.iter().filter(is_kept).count(), 5);
    let is_offered = |chat: &&ContactId| matches!(world.stage(**chat), Stage::Offered { .. });
    assert_eq!(chats.iter().filter(is_offered).count(), 2);
}

#[test]
fn a_contact_that_ended_in_the_same_batch_is_known() {
    let mut world = World::new();
    world.sign_in("a");
    let contact = world.submit("s");
    world.run(&Command::Abandon { contact }).unwrap();
    let refused = world.run(&Command::Abandon { contact }).unwrap_err();
    assert_eq!(refused, Refused::ContactState(priority_router::domain::ContactState::Abandoned));
    world.state.commit();
    assert_eq!(world.run(&Command::Abandon { contact }).unwrap_err(), Refused::ContactNotFound);
}

#[test]
fn a_clock_that_is_behind_changes_no_order() {
    let mut world = World::new();
    let first = world.submit("s1");
    world.now -= 60_000;
    let second = world.submit("s2");
    world.sign_in("a");
    let contact = |id| world.state.contact(id).unwrap().contact;
    assert!(contact(first).place() < contact(second).place());
    assert_eq!(contact(second).created_at, NOW);
}

#[test]
fn a_dead_replica_is_cleared_away_some_at_a_time() {
    let mut world = World::new();
    for agent in 0..20 {
        world.sign_in(&format!("a{agent}"));
        world.connect(1, agent, &format!("a{agent}"));
    }
    world.now += 15_000;
    let mut turns = 0;
    while world.due(6).1 {
        turns += 1;
    }
    // Twenty streams and the replica.
    assert_eq!(turns, 3);
    assert_eq!(world.presence("a0"), Presence::Available, "its lease runs");
    world.now += 15_000;
    while world.due(6).1 {}
    assert_eq!(world.presence("a19"), Presence::Offline);
}

#[test]
fn what_time_brings_is_bounded_in_each_turn() {
    let mut world = World::new();
    for session in 0..50 {
        world.submit(&format!("s{session}"));
    }
    world.now += Rules::default().contact_ttl_ms;
    let mut turns = 1;
    loop {
        let (changed, is_more) = world.due(7);
        assert!(changed <= 7, "{changed}");
        if !is_more {
            break;
        }
        turns += 1;
    }
    assert_eq!(turns, 8);
    assert_eq!(world.state.next_due(), None);
}

#[test]
fn a_replica_that_leaves_gives_its_desks_the_lease() {
    let mut world = World::new();
    world.sign_in("a");
    world.connect(1, 1, "a");
    world.run(&Command::Leave { replica: ReplicaId(1) }).unwrap();
    while world.due(10).1 {}
    assert_eq!(world.presence("a"), Presence::Available);
    assert!(!world.state.agent("a").unwrap().is_connected());
    world.connect(2, 2, "a");
    world.now += 60_000;
    world
        .run(&Command::Renew { replica: ReplicaId(2), for_ms: 90_000, streams: vec![], closed: vec![] })
        .unwrap();
    while world.due(10).1 {}
    assert_eq!(world.presence("a"), Presence::Available);
}

#[test]
fn a_replica_taken_for_dead_opens_its_streams_again() {
    let mut world = World::new();
    world.sign_in("a");
    let contact = world.submit("s");
    world.accept(contact, "a").unwrap();
    world.connect(1, 1, "a");
    world.now += 15_000;
    while world.due(10).1 {}
    world.now += 15_000;
    while world.due(10).1 {}
    assert_eq!(world.presence("a"), Presence::Offline);
    let streams = vec![(StreamId(1), Name::from("a"))];
    world.run(&Command::Renew { replica: ReplicaId(1), for_ms: 15_000, streams, closed: vec![] }).unwrap();
    assert_eq!(world.presence("a"), Presence::Available);
    let with = world.stage(contact);
    assert!(matches!(with, Stage::Assigned { .. }), "{with:?}");
}

#[test]
fn a_deleted_agent_has_no_stream() {
    let mut world = World::new();
    world.sign_in("a");
    world.connect(1, 1, "a");
    world.run(&Command::DeleteAgent { agent: "a".into() }).unwrap();
    world.state.commit();
    let rows = world.state.rows().rows;
    assert!(!rows.iter().any(|row| matches!(row, Row::Stream(..))), "{rows:?}");
    // Its end is not that of a desk of whoever has the number next.
    world.sign_in("b");
    world.connect(1, 2, "b");
    world.run(&Command::Disconnect { stream: StreamId(1) }).unwrap();
    assert!(world.state.agent("b").unwrap().is_connected());
}

/// By the usual rules a hold ends before the grace does.
#[test]
fn nothing_is_held_after_the_grace() {
    let rules = Rules { reconnect_grace_ms: 60_000, ..Rules::default() };
    let mut world = World { state: State::new(rules), ..World::new() };
    world.sign_in("a");
    world.connect(1, 1, "a");
    world.run(&entry("h1", "x")).unwrap();
    let held = |world: &World| world.state.agent("a").unwrap().held_units;
    world.run(&Command::Disconnect { stream: StreamId(1) }).unwrap();
    world.now += rules.lease_ms;
    while world.due(10).1 {}
    assert_eq!((world.presence("a"), held(&world)), (Presence::Offline, 50), "it may come back");
    world.now += rules.reconnect_grace_ms;
    while world.due(10).1 {}
    assert_eq!(held(&world), 0);
}

#[test]
fn who_comes_back_in_a_new_conversation_stays_with_the_agent() {
    let mut world = World::new();
    world.sign_in("a");
    let contact = world.submit("s1");
    world.accept(contact, "a").unwrap();
    let submit = Submit {
        platform: "chat".into(),
        session: "s2".into(),
        skills: BTreeSet::new(),
        class: Priority::Normal,
        ttl_ms: None,
        rejoins: Some(contact),
    };
    let decision = world.run(&Command::Submit(submit)).unwrap();
    assert_eq!(decision.answer, Answer::Contact(contact));
    assert_eq!(decision.events[0].kind, EventKind::Rejoined);
    assert_eq!(world.submit("s2"), contact, "the conversation has an open contact");
    assert_ne!(world.submit("s1"), contact, "the old one has none any more");
}

#[test]
fn unacknowledged_events_are_counted() {
    let mut world = World::new();
    world.sign_in("a");
    let contact = world.submit("s");
    world.accept(contact, "a").unwrap();
    let acknowledge = |seq| Command::Acknowledge { agent: "a".into(), seq };
    assert_eq!(world.run(&acknowledge(1)).unwrap().answer, Answer::Unacknowledged(1));
    assert_eq!(world.run(&acknowledge(0)).unwrap().answer, Answer::Unacknowledged(1));
}

#[test]
fn undoing_brings_back_a_queue_that_has_emptied() {
    let mut world = World::new();
    let contact = world.submit("s");
    let before = world.state.canonical();
    world.state.commit();
    world.run(&Command::Abandon { contact }).unwrap();
    world.state.undo();
    assert_eq!(world.state.canonical(), before);
}
