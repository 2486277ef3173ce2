use prost::Message;
use segue_core::new_id;
use segue_proto::router::v1::{self as proto, *};
use segue_runtime::{Fields, Refusal, access::administers, caller, page};
use segue_store::requests::RequestKey;

use super::{parse, wire};
use crate::{
    domain::{Contact, NEVER, Origin, Priority, State, WaitsFor},
    error::contact_not_found,
    routing::{Abandon, Accept, Complete, Decline, Router, SetPriority, Submit},
    store::{self, contacts::Filter},
};

const MAX_SKILLS: usize = 16;
const MAX_IDENTITIES: usize = 16;
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
    let contact = new_contact(router, &mut fields, &request);
    fields.finish()?;
    // Not stored, not even as a fingerprint.
    request.customer = None;
    // The rest may be guessed from a plain fingerprint, but needs no guessing: what is personal in it, the subject and the
    // attributes, is for the desk and stands in clear in the contact's row and in the answer beside the fingerprint. The
    // router has no keys by design; so the fingerprint must be forgotten no later than the contact (`routing::purge`).
    let key = RequestKey::plain(&caller(), &request_id, "SubmitContact", &request);
    router
        .decide_once(key, Submit(contact), |contact| SubmitContactResponse {
            contact: Some(wire::contact(contact)),
        })
        .await
}

pub(super) async fn get(router: &Router, request: GetContactRequest) -> Result<GetContactResponse, Refusal> {
    let mut fields = Fields::new();
    let id = parse::contact_id(&mut fields, "id", &request.id);
    fields.finish()?;
    let mut conn = router.database.read().await?;
    let contact = store::contacts::get(&mut conn, &id).await?.ok_or_else(|| contact_not_found(&id))?;
    Ok(GetContactResponse { contact: Some(wire::contact(contact)) })
}

pub(super) async fn of_session(
    router: &Router,
    request: GetSessionContactRequest,
) -> Result<GetSessionContactResponse, Refusal> {
    let mut fields = Fields::new();
    let platform = fields.slug("platform", &request.platform);
    let session = fields.text("session", &request.session, 1..=128);
    fields.finish()?;
    let mut conn = router.database.read().await?;
    let contact = store::contacts::newest_of_session(&mut conn, &platform, &session).await?;
    let contact = contact.ok_or_else(|| contact_not_found(&session))?;
    Ok(GetSessionContactResponse { contact: Some(wire::contact(contact)) })
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
    let mut conn = router.database.read().await?;
    let filter = Filter {
        state: i64::from(state as i32),
        agent: &request.agent,
        platform: &request.platform,
        priority: i64::from(priority as i32),
    };
    let found = store::contacts::list(&mut conn, &filter, &before, page_size + 1).await?;
    let mut contacts: Vec<_> = found.into_iter().map(wire::contact).collect();
    let next_page_token =
        page::cut(&scope, &mut contacts, page_size, Message::encoded_len, |contact| contact.id.clone());
    Ok(ListContactsResponse { contacts, next_page_token })
}

pub(super) async fn accept(
    router: &Router,
    request: AcceptContactRequest,
) -> Result<AcceptContactResponse, Refusal> {
    let (request_id, named) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "AcceptContact", &request);
    router
        .decide_once(key, Accept(named), |contact| AcceptContactResponse {
            contact: Some(wire::contact(contact)),
        })
        .await
}

pub(super) async fn decline(
    router: &Router,
    request: DeclineContactRequest,
) -> Result<DeclineContactResponse, Refusal> {
    let (request_id, named) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "DeclineContact", &request);
    router
        .decide_once(key, Decline(named), |contact| DeclineContactResponse {
            contact: Some(wire::contact(contact)),
        })
        .await
}

pub(super) async fn complete(
    router: &Router,
    request: CompleteContactRequest,
) -> Result<CompleteContactResponse, Refusal> {
    let (request_id, named) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "CompleteContact", &request);
    router
        .decide_once(key, Complete(named), |contact| CompleteContactResponse {
            contact: Some(wire::contact(contact)),
        })
        .await
}

pub(super) async fn abandon(
    router: &Router,
    request: AbandonContactRequest,
) -> Result<AbandonContactResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let id = parse::contact_id(&mut fields, "id", &request.id);
    fields.finish()?;
    let key = RequestKey::plain(&caller(), &request_id, "AbandonContact", &request);
    router
        .decide_once(key, Abandon { id, is_administrative: administers() }, |contact| {
            AbandonContactResponse { contact: Some(wire::contact(contact)) }
        })
        .await
}

pub(super) async fn set_priority(
    router: &Router,
    request: SetContactPriorityRequest,
) -> Result<SetContactPriorityResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let id = parse::contact_id(&mut fields, "id", &request.id);
    fields.enumeration::<proto::Priority>("priority", request.priority);
    let priority = priority(&mut fields, request.priority);
    fields.finish()?;
    let key = RequestKey::plain(&caller(), &request_id, "SetContactPriority", &request);
    router
        .decide_once(key, SetPriority { id, priority }, |contact| SetContactPriorityResponse {
            contact: Some(wire::contact(contact)),
        })
        .await
}

pub(super) async fn list_events(
    router: &Router,
    request: ListContactEventsRequest,
) -> Result<ListContactEventsResponse, Refusal> {
    let mut fields = Fields::new();
    let id = parse::contact_id(&mut fields, "id", &request.id);
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let scope = format!("ListContactEvents|{id}");
    let after = page::start(&scope, &request.page_token)?;
    let after = after.and_then(|seq| seq.parse().ok()).unwrap_or_default();
    let mut conn = router.database.read().await?;
    let found = store::events::of_contact(&mut conn, &id, after, page_size + 1).await?;
    if found.is_empty() && after == 0 {
        // Each contact has an event, so this one isn't there.
        return Err(contact_not_found(&id));
    }
    let mut events: Vec<_> = found.into_iter().map(wire::event).collect();
    let next_page_token = page::finish(&scope, &mut events, page_size, |event| event.sequence.to_string());
    Ok(ListContactEventsResponse { events, next_page_token })
}

fn new_contact(router: &Router, fields: &mut Fields, request: &SubmitContactRequest) -> Contact {
    let now_ms = router.clock.now_ms();
    let mut attributes = request.attributes.clone();
    parse::entries(fields, "attributes", &mut attributes, MAX_ATTRIBUTES, MAX_ATTRIBUTE_CHARS);
    Contact {
        id: new_id("contact", now_ms, &router.random),
        state: State::Queued,
        priority: priority(fields, request.priority),
        platform: fields.slug("platform", &request.platform),
        session: parse::session_id(fields, "session", &request.session),
        agent: String::new(),
        skills: parse::skills(fields, "skills", &request.skills, MAX_SKILLS),
        units: 0,
        open_to_all: true,
        overflow_at: NEVER,
        subject: fields.text("subject", &request.subject, 0..=256),
        attributes: wire::stored_attributes(attributes),
        origin: Origin::default(),
        arrival: 0,
        created_at: now_ms,
        updated_at: now_ms,
        waited_until: 0,
        answered_at: 0,
        last_seq: 0,
        position: 0,
        waits_for: WaitsFor::Nothing,
    }
}

fn priority(fields: &mut Fields, value: i32) -> Priority {
    match fields.optional_enumeration("priority", value) {
        proto::Priority::Low => Priority::Low,
        proto::Priority::Unspecified | proto::Priority::Normal => Priority::Normal,
        proto::Priority::High => Priority::High,
        proto::Priority::Urgent => Priority::Urgent,
        proto::Priority::Handoff => {
            fields.violation("priority", "is given by an access code alone and can't be asked for");
            Priority::Normal
        }
    }
}
