use segue_store::StoreError;

use super::{Command, Turn};
use crate::{
    domain::{Action, Contact, Entry, EntryState, NEVER, Origin, Presence, Priority, State},
    error::{Halt, agent_not_found, entry_closed, entry_not_found, invalid_field},
    store::{agents, contacts, entries},
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
        self.check(turn).await?;
        let mut entry = known.clone().unwrap_or_else(|| self.entry.clone());
        let source = turn.source_of(&entry).await?.filter(|contact| contact.state.takes_units());
        entry.generation = self.entry.generation;
        entry.expires_at = self.entry.expires_at;
        entry.hold_units = Entry::units_to_hold(entry.cost_units, source.map_or(0, |contact| contact.units));
        entry.hold_until = turn.rules.hold_until(turn.now_ms, entry.expires_at);
        match known {
            Some(_) => entries::update_live(turn.conn, &entry).await?,
            None => entries::insert(turn.conn, &entry).await?,
        }
        entries::set_codes(turn.conn, &entry.handoff_id, &self.code_hashes).await?;
        Ok(entry)
    }
}

impl PutEntry {
    async fn check(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        let agent = &self.entry.agent;
        if agents::get(turn.conn, agent, turn.now_ms).await?.is_none() {
            return Err(agent_not_found("agent", agent).into());
        }
        for (index, code_hash) in self.code_hashes.iter().enumerate() {
            if entries::is_code_taken(turn.conn, &self.entry.handoff_id, code_hash).await? {
                let field = format!("code_hashes[{index}]");
                return Err(invalid_field(&field, "belongs to another handoff").into());
            }
        }
        Ok(())
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
        let (agent, source) = (entry.agent.clone(), turn.source_of(&entry).await?);
        let admitted = Entry {
            state: EntryState::Admitted,
            hold_units: 0,
            contact_id: self.contact_id.clone(),
            closed_at: turn.now_ms,
            ..entry.clone()
        };
        entries::update_live(turn.conn, &admitted).await?;
        let contact = self.contact(turn, entry, source.as_ref()).await?;
        if let Some(source) = source.filter(|contact| contact.state.takes_units()) {
            turn.apply(source, Action::HandOff, &agent).await?;
        }
        let overflows_now = contact.overflow_at <= turn.now_ms;
        turn.enqueue(&contact, if overflows_now { NEVER } else { contact.overflow_at }).await?;
        if !turn.fill(&agent).await?.contains(&contact.id) {
            turn.make_room(&contact).await?;
        }
        turn.answer(&self.contact_id).await
    }

    /// The contact that goes on. What the source was about goes with it, so that the customer explains nothing again.
    async fn contact(
        &self,
        turn: &mut Turn<'_>,
        entry: Entry,
        source: Option<&Contact>,
    ) -> Result<Contact, Halt> {
        let agent = agents::get(turn.conn, &entry.agent, turn.now_ms).await?.ok_or(StoreError::Failed)?;
        let mut abilities = agents::abilities(turn.conn, &agent.id, &agent.id).await?;
        let platforms = abilities.platforms.remove(&agent.id).unwrap_or_default();
        let serves = platforms.iter().any(|served| served.platform == entry.target_platform);
        let overflow_at = match (entry.same_agent_only, agent.presence) {
            (true, _) => NEVER,
            (false, Presence::Available | Presence::Away) if serves => {
                turn.now_ms.saturating_add(turn.rules.overflow_ms)
            }
            (false, _) => turn.now_ms,
        };
        let skills = match source {
            Some(source) => source.skills.clone(),
            None => abilities.skills.remove(&agent.id).unwrap_or_default(),
        };
        Ok(Contact {
            id: self.contact_id.clone(),
            state: State::Queued,
            priority: Priority::Handoff,
            platform: entry.target_platform,
            session: self.session.clone(),
            // Who doesn't serve the platform any more is not waited for, unless nobody else may take over.
            agent: if serves || entry.same_agent_only { agent.id.clone() } else { String::new() },
            skills,
            units: agent.handoff_units(entry.cost_units),
            overflow_at,
            subject: source.map(|contact| contact.subject.clone()).unwrap_or_default(),
            attributes: source.map(|contact| contact.attributes.clone()).unwrap_or_default(),
            origin: Origin {
                handoff_id: entry.handoff_id,
                work_order: entry.work_order,
                platform: entry.source_platform,
                session: entry.source_session,
                remaining_work: entry.remaining_work,
            },
            created_at: turn.now_ms,
            updated_at: turn.now_ms,
            waited_until: 0,
            position: 0,
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
            turn.fill(&agent).await?;
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

    /// For a handoff that has to wait: what its agent was offered and has not taken goes to others, as the agent gets
    /// nothing else before it (I5). If it may go to another agent now, it does.
    async fn make_room(&mut self, handoff: &Contact) -> Result<(), Halt> {
        let withdrawn =
            if handoff.agent.is_empty() { vec![] } else { self.withdraw_offers(&handoff.agent).await? };
        let mut given = vec![];
        if !withdrawn.is_empty() {
            given = self.fill(&handoff.agent).await?;
        }
        if handoff.overflow_at <= self.now_ms && !given.contains(&handoff.id) {
            self.place(handoff).await?;
        }
        for contact in withdrawn.iter().filter(|contact| !given.contains(&contact.id)) {
            self.place(contact).await?;
        }
        Ok(())
    }
}
