use segue_store::StoreError;

use super::{Command, Turn};
use crate::{
    domain::{Action, Agent, Contact, Entry, EntryState, NEVER, Origin, Priority, State, WaitsFor},
    error::{Halt, agent_not_found, entry_closed, entry_not_found, invalid_field},
    store::{agents, contacts, entries, room::Recount},
};

/// Records a handoff under way (R7).
#[derive(Debug)]
pub(crate) struct PutEntry {
    /// As asked for; what is held is worked out here.
    pub entry: Entry,
    pub code_hashes: Vec<String>,
}

/// Admits the customer who entered the code (R10, R11).
#[derive(Debug)]
pub(crate) struct Admit {
    pub handoff_id: String,
    pub code_hash: String,
    pub platform: String,
    pub session: String,
    /// For the contact, if it is made.
    pub contact_id: String,
}

/// Ends an entry without admission.
#[derive(Debug)]
pub(crate) struct Release(pub String);

impl Command for PutEntry {
    type Answer = Entry;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Entry, Halt> {
        let known = entries::get(turn.conn, &self.entry.handoff_id).await?;
        if let Some(known) = &known
            && (known.state != EntryState::Live || known.generation >= self.entry.generation)
        {
            return Ok(known.clone());
        }
        let agent = self.check(turn).await?;
        let mut entry = known.clone().unwrap_or_else(|| self.entry.clone());
        entry.generation = self.entry.generation;
        entry.expires_at = self.entry.expires_at;
        turn.hold(&mut entry, &agent).await?;
        match known {
            Some(_) => entries::update_live(turn.conn, &entry).await?,
            None => entries::insert(turn.conn, &entry).await?,
        }
        entries::set_codes(turn.conn, &entry.handoff_id, &self.code_hashes).await?;
        turn.recount(&entry.agent, Recount::Quiet).await?;
        turn.settle().await?;
        Ok(entry)
    }
}

impl PutEntry {
    async fn check(&self, turn: &mut Turn<'_>) -> Result<Agent, Halt> {
        let id = &self.entry.agent;
        let agent = agents::get(turn.conn, id).await?.ok_or_else(|| agent_not_found("agent", id))?;
        for (index, code_hash) in self.code_hashes.iter().enumerate() {
            if entries::is_code_taken(turn.conn, &self.entry.handoff_id, code_hash).await? {
                let field = format!("code_hashes[{index}]");
                return Err(invalid_field(&field, "belongs to another handoff").into());
            }
        }
        Ok(agent)
    }
}

impl Command for Admit {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let entry = entries::by_code(turn.conn, &self.handoff_id, &self.code_hash)
            .await?
            .ok_or_else(|| entry_not_found(&self.handoff_id))?;
        if entry.target_platform != self.platform {
            return Err(invalid_field("platform", "must be the handoff's target platform").into());
        }
        match entry.state {
            EntryState::Released => Err(entry_closed(&self.handoff_id).into()),
            EntryState::Admitted => turn.answer(&entry.contact_id).await,
            EntryState::Live => self.admit(turn, entry).await,
        }
    }
}

impl Admit {
    async fn admit(&self, turn: &mut Turn<'_>, entry: Entry) -> Result<Contact, Halt> {
        let agent = entry.agent.clone();
        let admitted = Entry {
            state: EntryState::Admitted,
            hold_units: 0,
            contact_id: self.contact_id.clone(),
            closed_at: turn.now_ms,
            ..entry.clone()
        };
        entries::update_live(turn.conn, &admitted).await?;
        turn.recount(&agent, Recount::Quiet).await?;
        let source = turn.source_of(&entry).await?;
        let contact = self.contact(turn, entry, source.as_ref()).await?;
        if let Some(source) = source.filter(|contact| contact.state.takes_units()) {
            turn.apply(source, Action::HandOff, &agent).await?;
        }
        turn.enqueue(&contact).await?;
        turn.tally.admitted += 1;
        turn.tally.overflowed += u64::from(contact.open_to_all);
        turn.settle().await?;
        turn.answer(&self.contact_id).await
    }

    /// The contact that goes on. What the source was about goes with it, so that the customer explains nothing again.
    async fn contact(
        &self,
        turn: &mut Turn<'_>,
        entry: Entry,
        source: Option<&Contact>,
    ) -> Result<Contact, Halt> {
        let agent = agents::get(turn.conn, &entry.agent).await?.ok_or(StoreError::Failed)?;
        let serves = agents::on_platform(turn.conn, &agent.id, &entry.target_platform).await?.is_some();
        let can_be_waited_for = serves && agent.presence.is_signed_in();
        let (open_to_all, overflow_at) = match (entry.same_agent_only, can_be_waited_for) {
            (true, _) => (false, NEVER),
            (false, true) => (false, turn.now_ms.saturating_add(turn.rules.overflow_ms)),
            (false, false) => (true, turn.now_ms),
        };
        let skills = match source {
            Some(source) => source.skills.clone(),
            None => {
                let mut abilities = agents::abilities(turn.conn, &agent.id, &agent.id).await?;
                abilities.skills.remove(&agent.id).unwrap_or_default()
            }
        };
        Ok(Contact {
            id: self.contact_id.clone(),
            state: State::Queued,
            priority: Priority::Handoff,
            platform: entry.target_platform,
            session: self.session.clone(),
            agent: agent.id.clone(),
            skills,
            units: 0,
            open_to_all,
            overflow_at,
            subject: source.map(|contact| contact.subject.clone()).unwrap_or_default(),
            attributes: source.map(|contact| contact.attributes.clone()).unwrap_or_default(),
            origin: Origin {
                handoff_id: entry.handoff_id,
                named_agent: agent.id,
                same_agent_only: entry.same_agent_only,
                work_order: entry.work_order,
                platform: entry.source_platform,
                session: entry.source_session,
                remaining_work: entry.remaining_work,
            },
            arrival: turn.number,
            created_at: turn.now_ms,
            updated_at: turn.now_ms,
            waited_until: 0,
            answered_at: 0,
            last_seq: 0,
            position: 0,
            waits_for: WaitsFor::Nothing,
        })
    }
}

impl Command for Release {
    type Answer = EntryState;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<EntryState, Halt> {
        let Some(entry) = entries::get(turn.conn, &self.0).await? else {
            // A put that was overtaken by this release must not come alive later (I6).
            entries::insert(turn.conn, &Entry::tombstone(&self.0, turn.now_ms)).await?;
            return Ok(EntryState::Released);
        };
        if entry.state == EntryState::Live {
            let agent = entry.agent.clone();
            let released =
                Entry { state: EntryState::Released, hold_units: 0, closed_at: turn.now_ms, ..entry };
            entries::update_live(turn.conn, &released).await?;
            turn.recount(&agent, Recount::Quiet).await?;
            turn.settle().await?;
            return Ok(EntryState::Released);
        }
        Ok(entry.state)
    }
}

impl Turn<'_> {
    /// The contact that a handoff started from: its agent's newest of that conversation.
    async fn source_of(&mut self, entry: &Entry) -> Result<Option<Contact>, StoreError> {
        contacts::of_session(self.conn, &entry.agent, &entry.source_platform, &entry.source_session).await
    }

    /// Holds the agent's units for a handoff: what it will take of the agent there, but for what the source contact will
    /// free. Who is signed out has nothing to hold.
    async fn hold(&mut self, entry: &mut Entry, agent: &Agent) -> Result<(), Halt> {
        let served = agents::on_platform(self.conn, &agent.id, &entry.target_platform).await?;
        entry.cost_units = agent.units(served.map_or(entry.cost_units, |served| served.cost_units));
        entry.hold_until = self.rules.hold_until(self.now_ms, entry.expires_at);
        if !agent.presence.is_signed_in() || entry.hold_until <= self.now_ms {
            (entry.hold_units, entry.hold_until) = (0, 0);
            return Ok(());
        }
        let source = self.source_of(entry).await?.filter(|contact| contact.state.takes_units());
        entry.hold_units = Entry::units_to_hold(entry.cost_units, source.map_or(0, |contact| contact.units));
        Ok(())
    }
}
