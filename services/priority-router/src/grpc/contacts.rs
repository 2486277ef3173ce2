use std::collections::BTreeSet;

use prost::Message;
use segue_proto::router::v1::{self as proto, *};
use segue_runtime::{Fields, MAX_IDENTITIES, Refusal, access::administers, caller, page};
use segue_store::{Conn, StoreError, requests::RequestKey};

use super::parse;
use crate::{
    convert::{self, Kept},
    decider::{Answer, Command, IdempotentAnswer, Router, ShownContact, Texts},
    domain::{self, Name, Priority, Submit},
    errors::contact_not_found,
    store::{
        self,
        contacts::{self, Filter},
    },
};

const MAX_ATTRIBUTES: usize = 32;
const MAX_ATTRIBUTE_CHARS: usize = 1000;

pub(super) async fn submit(
    router: &Router,
    mut request: SubmitContactRequest,
) -> Result<SubmitContactResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    if request.customer.is_some() {
        fields.check_customer("customer", request.customer.as_ref(), 0..=MAX_IDENTITIES);
    }
    let (submit, texts) = new_contact(&mut fields, &request);
    fields.finish()?;
    // Not stored, not even as a fingerprint.
    request.customer = None;
    // The rest may be guessed from a plain fingerprint, but needs no guessing: what is personal in it, the subject and the
    // attributes, is for the desk and stands in clear in the contact's row. The router has no keys by design; so the fingerprint
    // must be forgotten no later than the contact (`jobs::purge`).
    let key = RequestKey::plain(&caller(), &request_id, "SubmitContact", &request);
    let command = Command { texts: Texts::Contact(texts), ..about_contact(domain::Command::Submit(submit)) };
    let contact = Some(decide(router, key, command).await?);
    Ok(SubmitContactResponse { contact })
}

pub(super) async fn get(router: &Router, request: GetContactRequest) -> Result<GetContactResponse, Refusal> {
    let mut fields = Fields::new();
    let id = parse::contact_id(&mut fields, "id", &request.id);
    fields.finish()?;
    let found = match id {
        Some(id) => router.contact(id).await?,
        None => None,
    };
    let contact = found.ok_or_else(|| contact_not_found(&request.id))?;
    Ok(GetContactResponse { contact: Some(convert::contact(contact)) })
}

pub(super) async fn of_session(
    router: &Router,
    request: GetSessionContactRequest,
) -> Result<GetSessionContactResponse, Refusal> {
    let mut fields = Fields::new();
    let platform = fields.slug("platform", &request.platform);
    let session = fields.session_id("session", &request.session);
    fields.finish()?;
    let (of, within) = (platform.clone(), session.clone());
    // Each look waits for the decision under way, so this one takes all that an answer may need.
    let open = router.look(move |state| {
        let id = state.open_contact(&of, &within)?;
        Some((id, state.contacts(&[id]).remove(&id)))
    });
    let open = open.await?;
    let row = router.database.read(async |conn| match &open {
        // It may be older than one that has ended: who comes back goes on with it.
        Some((id, _)) => contacts::get(conn, *id).await,
        None => contacts::newest_of_session(conn, &platform, &session).await,
    });
    let row = row.await?.ok_or_else(|| contact_not_found(&session))?;
    let shown = match open.and_then(|(_, view)| view) {
        Some(view) if row.is_open() => ShownContact::of_view(view, row),
        _ => router.show(vec![row]).await?.pop().ok_or(StoreError::Failed)?,
    };
    Ok(GetSessionContactResponse { contact: Some(convert::contact(shown)) })
}

pub(super) async fn list(
    router: &Router,
    request: ListContactsRequest,
) -> Result<ListContactsResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    let state = fields.optional_enumeration::<ContactState>("state", request.state);
    let priority = fields.optional_enumeration::<proto::Priority>("priority", request.priority);
    if !request.agent.is_empty() {
        fields.number("agent", &request.agent);
    }
    if !request.platform.is_empty() {
        fields.slug("platform", &request.platform);
    }
    fields.finish()?;
    let (of_state, of_class) = (state.as_str_name(), priority.as_str_name());
    let scope = format!("ListContacts|{of_state}|{}|{}|{of_class}", request.agent, request.platform);
    let before = page::start(&scope, &request.page_token)?.unwrap_or_default();
    let filter = Filter {
        state: i64::from(state as i32),
        agent: &request.agent,
        platform: &request.platform,
        priority: i64::from(priority as i32),
    };
    let list = async |conn: &mut Conn| contacts::list(conn, &filter, &before, page_size + 1).await;
    let found = router.database.read(list).await?;
    let shown = router.show(found).await?;
    let mut contacts: Vec<_> = shown.into_iter().map(convert::contact).collect();
    let next_page_token =
        page::cut(&scope, &mut contacts, page_size, Message::encoded_len, |contact| contact.id.clone());
    Ok(ListContactsResponse { contacts, next_page_token })
}

pub(super) async fn accept(
    router: &Router,
    request: AcceptContactRequest,
) -> Result<AcceptContactResponse, Refusal> {
    let (request_id, contact, agent) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "AcceptContact", &request);
    let command = about_contact(domain::Command::Accept { contact, agent });
    Ok(AcceptContactResponse { contact: Some(decide(router, key, command).await?) })
}

pub(super) async fn decline(
    router: &Router,
    request: DeclineContactRequest,
) -> Result<DeclineContactResponse, Refusal> {
    let (request_id, contact, agent) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "DeclineContact", &request);
    let command = about_contact(domain::Command::Decline { contact, agent });
    Ok(DeclineContactResponse { contact: Some(decide(router, key, command).await?) })
}

pub(super) async fn complete(
    router: &Router,
    request: CompleteContactRequest,
) -> Result<CompleteContactResponse, Refusal> {
    let (request_id, contact, agent) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "CompleteContact", &request);
    let command = about_contact(domain::Command::Complete { contact, agent });
    Ok(CompleteContactResponse { contact: Some(decide(router, key, command).await?) })
}

pub(super) async fn abandon(
    router: &Router,
    request: AbandonContactRequest,
) -> Result<AbandonContactResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let contact = parse::contact_id(&mut fields, "id", &request.id);
    fields.finish()?;
    let contact = contact.ok_or_else(|| contact_not_found(&request.id))?;
    let key = RequestKey::plain(&caller(), &request_id, "AbandonContact", &request);
    let command =
        Command { is_administrative: administers(), ..about_contact(domain::Command::Abandon { contact }) };
    Ok(AbandonContactResponse { contact: Some(decide(router, key, command).await?) })
}

pub(super) async fn set_priority(
    router: &Router,
    request: SetContactPriorityRequest,
) -> Result<SetContactPriorityResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let contact = parse::contact_id(&mut fields, "id", &request.id);
    fields.enumeration::<proto::Priority>("priority", request.priority);
    let class = parse::class(&mut fields, "priority", request.priority).unwrap_or(Priority::Normal);
    fields.finish()?;
    let contact = contact.ok_or_else(|| contact_not_found(&request.id))?;
    let key = RequestKey::plain(&caller(), &request_id, "SetContactPriority", &request);
    let command =
        Command { is_administrative: true, ..about_contact(domain::Command::SetPriority { contact, class }) };
    Ok(SetContactPriorityResponse { contact: Some(decide(router, key, command).await?) })
}

pub(super) async fn transfer(
    router: &Router,
    request: TransferContactRequest,
) -> Result<TransferContactResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let contact = parse::contact_id(&mut fields, "id", &request.id);
    let by = parse::transfers(&mut fields, "agent", &request.agent);
    let to = parse::transfer_target(&mut fields, request.to.as_ref());
    let class = parse::class(&mut fields, "priority", request.priority);
    let reason = parse::reason(&mut fields, "reason", &request.reason);
    fields.finish()?;
    let contact = contact.ok_or_else(|| contact_not_found(&request.id))?;
    let Some(to) = to else { return Err(crate::errors::invalid_field("to", "must be given")) };
    let key = RequestKey::plain(&caller(), &request_id, "TransferContact", &request);
    let command = Command {
        reason,
        is_administrative: administers() || by == domain::By::Supervisor,
        ..about_contact(domain::Command::Transfer { contact, by, to, class })
    };
    Ok(TransferContactResponse { contact: Some(decide(router, key, command).await?) })
}

pub(super) async fn list_events(
    router: &Router,
    request: ListContactEventsRequest,
) -> Result<ListContactEventsResponse, Refusal> {
    let mut fields = Fields::new();
    parse::contact_id(&mut fields, "id", &request.id);
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let id = request.id;
    let scope = format!("ListContactEvents|{id}");
    let after = page::start(&scope, &request.page_token)?;
    let after = after.and_then(|seq| seq.parse().ok()).unwrap_or_default();
    let list = async |conn: &mut Conn| store::events::of_contact(conn, &id, after, page_size + 1).await;
    let found = router.database.read(list).await?;
    if found.is_empty() && after == 0 {
        // Each contact has an event, so this one isn't there.
        return Err(contact_not_found(&id));
    }
    let mut events: Vec<_> = found.into_iter().map(convert::event).collect();
    let next_page_token = page::finish(&scope, &mut events, page_size, |event| event.sequence.to_string());
    Ok(ListContactEventsResponse { events, next_page_token })
}

/// A command whose answer is a contact.
fn about_contact(what: domain::Command) -> Command {
    Command { keep: Some(convert::kept_contact), ..Command::new(what) }
}

/// Has a command about a contact decided once.
async fn decide(router: &Router, key: RequestKey, command: Command) -> Result<Contact, Refusal> {
    match router.decide_once(key, command).await? {
        IdempotentAnswer::New(Answer::Contact(shown)) => Ok(convert::contact(*shown)),
        IdempotentAnswer::New(_) => Err(StoreError::Failed.into()),
        IdempotentAnswer::Repeated(kept) => {
            let kept = Kept::decode(kept.as_slice()).map_err(|_| StoreError::Failed)?;
            let handoff = Some(kept.handoff_id()).filter(|handoff| !handoff.is_empty()).map(Name::from);
            let read = router.database.read(async |conn| {
                let row = match kept.id().parse() {
                    Ok(id) => contacts::get(conn, id).await?,
                    Err(domain::NotAnId) => None,
                };
                Ok::<_, StoreError>((
                    row,
                    store::entries::of_handoffs(conn, handoff.into_iter()).await?.pop(),
                ))
            });
            let (row, entry) = read.await?;
            Ok(kept.contact(row, entry.map(|entry| entry.work_order).unwrap_or_default()))
        }
    }
}

fn new_contact(fields: &mut Fields, request: &SubmitContactRequest) -> (Submit, contacts::Texts) {
    let mut attributes = request.attributes.clone();
    fields.texts_in("attributes", &mut attributes, MAX_ATTRIBUTES, MAX_ATTRIBUTE_CHARS);
    let submit = Submit {
        class: parse::class(fields, "priority", request.priority).unwrap_or(Priority::Normal),
        platform: fields.slug("platform", &request.platform).into(),
        session: fields.session_id("session", &request.session).into(),
        skills: parse::skills(fields, "skills", &request.skills, parse::MAX_CONTACT_SKILLS)
            .into_iter()
            .map(Name::from)
            .collect::<BTreeSet<Name>>(),
        ttl_ms: parse::time_to_live(fields, "time_to_live", request.time_to_live.as_ref()),
        rejoins: parse::rejoins(fields, "rejoins", &request.rejoins),
    };
    let texts = contacts::Texts {
        subject: fields.text("subject", &request.subject, 0..=256),
        attributes: convert::stored_attributes(attributes),
        ..contacts::Texts::default()
    };
    (submit, texts)
}
