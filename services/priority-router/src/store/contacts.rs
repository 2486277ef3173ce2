use std::{collections::HashMap, sync::Arc};

use segue_store::{
    Conn,
    Kind::{self, Bytes, Int, Text},
    Rows, StoreError, Value, Writes,
};
use sqlx::{Row as _, any::AnyRow};

use super::{NEVER, join_skills, of_code, some_time, split_skills};
use crate::domain::{
    Contact, ContactId, ContactState, Ending, Name, Named, Others, Priority, QueueName, Stage,
};

/// What a contact's row keeps and nothing is decided by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub subject: String,
    /// The submitter's data, encoded as the contract's message.
    pub attributes: Vec<u8>,
    pub work_order: String,
    /// Where a handoff came from.
    pub source_platform: String,
    pub source_session: String,
    /// The remaining work of a handoff, encoded as the contract's message.
    pub remaining_work: Vec<u8>,
}

/// A contact with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub id: ContactId,
    pub contact: Contact,
    pub texts: Arc<Texts>,
}

impl Stored {
    /// Whether it is not over.
    pub(crate) fn is_open(&self) -> bool {
        !self.contact.state().is_final()
    }
}

/// A contact that was admitted, for its row.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    pub id: ContactId,
    pub contact: &'a Contact,
    /// The contact that it goes on from, if that was open until now.
    pub source: Option<ContactId>,
}

/// The columns that [`routed_contact`] reads.
macro_rules! routed_columns {
    () => {
        "c.id, c.state, c.priority, c.platform, c.session, c.agent, c.units, c.due_at, c.open_to_all,
         c.overflow_at, c.handoff_id, c.named_agent, c.same_agent_only, c.asked, c.skills, c.arrival,
         c.created_at, c.updated_at, c.waited_until, c.answered_at, c.ttl_ms, c.expires_at, c.last_seq"
    };
}

/// The columns that [`stored`] reads; a text, as statements are put together at compile time.
macro_rules! contact_columns {
    () => {
        concat!(
            $crate::store::contacts::routed_columns!(),
            ", c.subject, c.attributes, c.work_order, c.source_platform, c.source_session, c.remaining_work"
        )
    };
}
pub(super) use {contact_columns, routed_columns};

macro_rules! select_contacts {
    ($rest:expr) => {
        concat!("SELECT ", contact_columns!(), " FROM contacts c ", $rest)
    };
}

const ROUTED: &[(&str, Kind)] = &[
    ("id", Text),
    ("state", Int),
    ("priority", Int),
    ("platform", Text),
    ("session", Text),
    ("agent", Text),
    ("units", Int),
    ("due_at", Int),
    ("open_to_all", Int),
    ("overflow_at", Int),
    ("handoff_id", Text),
    ("named_agent", Text),
    ("same_agent_only", Int),
    ("asked", Int),
    ("skills", Text),
    ("arrival", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("closed_at", Int),
    ("ended_as", Int),
    ("waited_until", Int),
    ("answered_at", Int),
    ("ttl_ms", Int),
    ("expires_at", Int),
    ("last_seq", Int),
    ("subject", Text),
    ("attributes", Bytes),
    ("remaining_work", Bytes),
    ("source", Text),
];

macro_rules! insert_contacts {
    ($texts:literal, $from:literal) => {
        concat!(
            "INSERT INTO contacts (id, state, priority, platform, session, agent, units, due_at, open_to_all,
                                   overflow_at, handoff_id, named_agent, same_agent_only, asked, skills, arrival,
                                   created_at, updated_at, closed_at, ended_as, waited_until, answered_at, ttl_ms,
                                   expires_at, last_seq, subject, attributes, work_order, source_platform,
                                   source_session, remaining_work)
             SELECT v.id, v.state, v.priority, v.platform, v.session, v.agent, v.units, v.due_at, v.open_to_all,
                    v.overflow_at, v.handoff_id, v.named_agent, v.same_agent_only, v.asked, v.skills, v.arrival,
                    v.created_at, v.updated_at, v.closed_at, v.ended_as, v.waited_until, v.answered_at, v.ttl_ms,
                    v.expires_at, v.last_seq, ",
            $texts,
            " FROM v ",
            $from,
            " WHERE v.id IS NOT NULL"
        )
    };
}

/// Adds contacts that were submitted.
pub(crate) fn insert<'a>(
    writes: &mut Writes,
    contacts: impl Iterator<Item = (ContactId, &'a Contact, &'a Texts)>,
) {
    let mut rows = Rows::new(ROUTED);
    for (id, contact, texts) in contacts {
        rows.push(routed(id, contact, texts, None));
    }
    let insert = insert_contacts!("v.subject, v.attributes, '', '', '', v.remaining_work", "");
    writes.add(rows, insert);
}

/// Adds contacts that came with a code, and answers their texts. What the source was about goes with them, so that the customer
/// explains nothing again.
pub(crate) async fn insert_admitted(
    conn: &mut Conn,
    contacts: &[Admitted<'_>],
) -> Result<HashMap<ContactId, Arc<Texts>>, StoreError> {
    let (mut rows, nothing) = (Rows::new(ROUTED), Texts::default());
    for Admitted { id, contact, source } in contacts {
        rows.push(routed(*id, contact, &nothing, *source));
    }
    let insert = concat!(
        insert_contacts!(
            "COALESCE(s.subject, v.subject), COALESCE(s.attributes, v.attributes), COALESCE(e.work_order, ''),
             COALESCE(e.source_platform, ''), COALESCE(e.source_session, ''),
             COALESCE(e.remaining_work, v.remaining_work)",
            "LEFT JOIN service_list e ON e.handoff_id = v.handoff_id
             LEFT JOIN contacts s ON s.id = COALESCE(v.source, e.source_contact)"
        ),
        " RETURNING id, subject, attributes, work_order, source_platform, source_session, remaining_work"
    );
    texts_by_id(&rows.fetch(conn, insert).await?)
}

/// Writes what changed of contacts, and returns their texts ([`texts_by_id`]).
pub(crate) fn update<'a>(writes: &mut Writes, contacts: impl Iterator<Item = (ContactId, &'a Contact)>) {
    let (mut rows, nothing) = (Rows::new(ROUTED), Texts::default());
    for (id, contact) in contacts {
        rows.push(routed(id, contact, &nothing, None));
    }
    let update = "UPDATE contacts SET
             state = v.state, priority = v.priority, session = v.session, agent = v.agent, units = v.units,
             due_at = v.due_at, open_to_all = v.open_to_all, overflow_at = v.overflow_at,
             handoff_id = v.handoff_id, named_agent = v.named_agent, same_agent_only = v.same_agent_only,
             asked = v.asked, skills = v.skills, updated_at = v.updated_at, closed_at = v.closed_at,
             ended_as = v.ended_as, waited_until = v.waited_until, answered_at = v.answered_at, expires_at = v.expires_at,
             last_seq = v.last_seq
         FROM v WHERE contacts.id = v.id
         RETURNING contacts.id AS id, contacts.subject AS subject, contacts.attributes AS attributes,
                   contacts.work_order AS work_order, contacts.source_platform AS source_platform,
                   contacts.source_session AS source_session, contacts.remaining_work AS remaining_work";
    writes.fetch(rows, update);
}

/// Gives open contacts that became a handoff's what the handoff brings.
pub(crate) async fn adopt(conn: &mut Conn, contacts: &[(ContactId, &Name)]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[("id", Text), ("handoff_id", Text)]);
    for (id, handoff) in contacts {
        rows.push([id.to_string().into(), (***handoff).into()]);
    }
    let update = "UPDATE contacts SET work_order = e.work_order, source_platform = e.source_platform,
                                      source_session = e.source_session, remaining_work = e.remaining_work
                  FROM v JOIN service_list e ON e.handoff_id = v.handoff_id WHERE contacts.id = v.id";
    rows.execute(conn, update).await?;
    Ok(())
}

/// Contacts by their ids, in no order.
pub(crate) async fn of_ids(
    conn: &mut Conn,
    ids: impl Iterator<Item = ContactId>,
) -> Result<Vec<Stored>, StoreError> {
    let mut rows = Rows::new(&[("id", Text)]);
    for id in ids {
        rows.push([id.to_string().into()]);
    }
    let found = rows.fetch(conn, select_contacts!("JOIN v ON v.id = c.id")).await?;
    found.iter().map(stored).collect()
}

/// A contact.
pub(crate) async fn get(conn: &mut Conn, id: ContactId) -> Result<Option<Stored>, StoreError> {
    let query = sqlx::query(select_contacts!("WHERE c.id = $1")).bind(id.to_string());
    query.fetch_optional(conn).await?.as_ref().map(stored).transpose()
}

/// All open contacts, without their texts: one may have 100 KiB of them.
pub(crate) async fn open(conn: &mut Conn) -> Result<Vec<(ContactId, Contact)>, StoreError> {
    let select = concat!("SELECT ", routed_columns!(), " FROM contacts c WHERE c.closed_at = 0");
    let rows = sqlx::query(select).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((id_of(row)?, routed_contact(row)?))).collect()
}

/// The newest contact of a session. Ids sort by age.
pub(crate) async fn newest_of_session(
    conn: &mut Conn,
    platform: &str,
    session: &str,
) -> Result<Option<Stored>, StoreError> {
    let newest = select_contacts!("WHERE c.platform = $1 AND c.session = $2 ORDER BY c.id DESC LIMIT 1");
    let row = sqlx::query(newest).bind(platform).bind(session).fetch_optional(conn).await?;
    row.as_ref().map(stored).transpose()
}

/// What a list shows; what is empty or 0 is any.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub state: i64,
    pub agent: &'a str,
    pub platform: &'a str,
    pub priority: i64,
}

/// Contacts for a list, newest first, before an id.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Stored>, StoreError> {
    macro_rules! listed {
        ($driving:literal) => {
            select_contacts!(concat!(
                "WHERE ",
                $driving,
                " AND ($3 = CAST('' AS TEXT) OR c.agent = $3) AND ($4 = CAST(0 AS BIGINT) OR c.state = $4)
                  AND ($5 = CAST('' AS TEXT) OR c.platform = $5)
                  AND ($6 = CAST(0 AS BIGINT) OR c.priority = $6) AND ($1 = '' OR c.id < $1)
                  ORDER BY c.id DESC LIMIT $2"
            ))
        };
    }
    // A text for each kind of filter, so that each can go along an index.
    let is_open = ContactState::of_code(filter.state).is_some_and(|state| !state.is_final());
    let query = match (filter.agent.is_empty(), is_open, filter.platform.is_empty(), filter.state) {
        (false, ..) => listed!("c.agent = $3"),
        (true, true, ..) => listed!("c.closed_at = 0"),
        (true, false, false, _) => listed!("c.platform = $5"),
        (true, false, true, 0) => listed!("c.id > ''"),
        (true, false, true, _) => listed!("c.ended_as > 0 AND c.ended_as = $4"),
    };
    let rows = sqlx::query(query)
        .bind(before)
        .bind(limit)
        .bind(filter.agent)
        .bind(filter.state)
        .bind(filter.platform)
        .bind(filter.priority)
        .fetch_all(conn)
        .await?;
    rows.iter().map(stored).collect()
}

fn routed(id: ContactId, contact: &Contact, texts: &Texts, source: Option<ContactId>) -> [Value; 29] {
    let row = Columns::of(contact);
    [
        id.to_string().into(),
        contact.state().code().into(),
        contact.class.code().into(),
        (*contact.queue.platform).into(),
        (*contact.session).into(),
        row.agent.into(),
        row.units.into(),
        row.due_at.into(),
        row.open_to_all.into(),
        row.overflow_at.into(),
        contact.handoff.as_deref().unwrap_or_default().into(),
        contact.named.as_ref().map_or("", |named| &*named.agent).into(),
        row.same_agent_only.into(),
        contact.named.as_ref().is_some_and(|named| named.asked).into(),
        join_skills(&contact.queue.skills).into(),
        contact.arrival.into(),
        contact.created_at.into(),
        contact.updated_at.into(),
        row.closed_at.into(),
        if contact.state().is_final() { contact.state().code() } else { 0 }.into(),
        contact.waited_until.unwrap_or_default().into(),
        contact.answered_at.unwrap_or_default().into(),
        contact.ttl_ms.into(),
        contact.expires_at.into(),
        contact.last_seq.into(),
        texts.subject.as_str().into(),
        texts.attributes.clone().into(),
        texts.remaining_work.clone().into(),
        source.map(|source| source.to_string()).into(),
    ]
}

/// Columns that a row has for what the domain says by its types.
struct Columns<'c> {
    agent: &'c str,
    units: i64,
    due_at: i64,
    closed_at: i64,
    open_to_all: bool,
    overflow_at: i64,
    same_agent_only: bool,
}

impl<'c> Columns<'c> {
    fn of(contact: &'c Contact) -> Self {
        let named = contact.named.as_ref();
        let waits_for = named.map_or("", |named| &*named.agent);
        let (agent, units, due_at, closed_at) = match &contact.stage {
            Stage::Waiting => (waits_for, 0, NEVER, 0),
            Stage::Offered { agent, units, until } => (&**agent, *units, *until, 0),
            Stage::Assigned { agent, units } => (&**agent, *units, NEVER, 0),
            Stage::Over { agent, .. } => {
                (agent.as_deref().unwrap_or_default(), 0, NEVER, contact.updated_at.max(1))
            }
        };
        let (open_to_all, overflow_at, same_agent_only) = match named.map(|named| named.others) {
            None => (true, NEVER, false),
            Some(Others::Since(at)) => (true, at, false),
            Some(Others::From(at)) => (false, at, false),
            Some(Others::Never) => (false, NEVER, true),
        };
        Self { agent, units, due_at, closed_at, open_to_all, overflow_at, same_agent_only }
    }
}

/// What [`update`] returns.
pub(crate) fn texts_by_id(rows: &[AnyRow]) -> Result<HashMap<ContactId, Arc<Texts>>, StoreError> {
    rows.iter().map(|row| Ok((id_of(row)?, Arc::new(texts(row)?)))).collect()
}

fn id_of(row: &AnyRow) -> Result<ContactId, StoreError> {
    row.try_get::<String, _>("id")?.parse().map_err(|_| StoreError::Failed)
}

fn texts(row: &AnyRow) -> Result<Texts, StoreError> {
    Ok(Texts {
        subject: row.try_get("subject")?,
        attributes: row.try_get("attributes")?,
        work_order: row.try_get("work_order")?,
        source_platform: row.try_get("source_platform")?,
        source_session: row.try_get("source_session")?,
        remaining_work: row.try_get("remaining_work")?,
    })
}

pub(super) fn stored(row: &AnyRow) -> Result<Stored, StoreError> {
    Ok(Stored { id: id_of(row)?, contact: routed_contact(row)?, texts: Arc::new(texts(row)?) })
}

fn routed_contact(row: &AnyRow) -> Result<Contact, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(StoreError::from);
    let handoff = text("handoff_id")?;
    Ok(Contact {
        stage: stage(row)?,
        class: of_code(Priority::of_code(row.try_get("priority")?))?,
        queue: QueueName { platform: text("platform")?.into(), skills: split_skills(&text("skills")?) },
        session: text("session")?.into(),
        named: named(row)?,
        handoff: (!handoff.is_empty()).then(|| handoff.into()),
        arrival: row.try_get("arrival")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        waited_until: some_time(row.try_get("waited_until")?),
        answered_at: some_time(row.try_get("answered_at")?),
        ttl_ms: row.try_get("ttl_ms")?,
        expires_at: row.try_get("expires_at")?,
        last_seq: row.try_get("last_seq")?,
    })
}

fn stage(row: &AnyRow) -> Result<Stage, StoreError> {
    let agent: String = row.try_get("agent")?;
    let with = (!agent.is_empty()).then(|| Name::from(agent));
    let ended = |ending| Ok(Stage::Over { ending, agent: with.clone() });
    let units = row.try_get("units")?;
    match of_code(ContactState::of_code(row.try_get("state")?))? {
        ContactState::Queued => Ok(Stage::Waiting),
        ContactState::Offered => {
            Ok(Stage::Offered { agent: of_code(with)?, units, until: row.try_get("due_at")? })
        }
        ContactState::Assigned => Ok(Stage::Assigned { agent: of_code(with)?, units }),
        ContactState::Completed => ended(Ending::Completed),
        ContactState::Abandoned => ended(Ending::Abandoned),
        ContactState::HandedOff => ended(Ending::HandedOff),
        ContactState::Expired => ended(Ending::Expired),
    }
}

fn named(row: &AnyRow) -> Result<Option<Named>, StoreError> {
    let agent: String = row.try_get("named_agent")?;
    if agent.is_empty() {
        return Ok(None);
    }
    let (only, open): (i64, i64) = (row.try_get("same_agent_only")?, row.try_get("open_to_all")?);
    let others = match (only != 0, open != 0, row.try_get("overflow_at")?) {
        (true, ..) | (false, false, NEVER) => Others::Never,
        (false, true, at) => Others::Since(at),
        (false, false, at) => Others::From(at),
    };
    Ok(Some(Named { agent: agent.into(), others, asked: row.try_get::<i64, _>("asked")? != 0 }))
}
