//! How a customer's conversation begins.

use axum::{
    Extension, Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use segue_core::Secret;
use segue_proto::{
    common::v1::{Customer, Identity},
    router::v1::{Priority, SubmitContactRequest},
};
use segue_runtime::Fields;
use serde::Deserialize;

use super::{Shared, Web, body::Body, client::Client, cookie, problem::Problem, view::SessionView};
use crate::{
    domain::{Platform, StartKey},
    errors,
    store::{NewSession, Session},
};

/// A customer's form. Phone and member id go to the router and are not kept here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    platform: String,
    /// UUID; the same again continues the same start.
    request_id: String,
    /// 22 to 128 letters, digits, `-` and `_` that nobody else can know, with at least 128 random bits: only the browser that began a start
    /// may repeat it.
    start_secret: String,
    name: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    member_id: String,
    /// On a platform with the quick input control: the account the customer is signed in as.
    #[serde(default)]
    account: String,
}

/// Which platform's cookie a request is about.
#[derive(Deserialize)]
pub(super) struct OnPlatform {
    pub(super) platform: String,
}

/// Begins a conversation. On a plain platform the router is asked first, so that a refusal leaves nothing behind.
pub(super) async fn start(
    State(web): State<Shared>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Body(form): Body<Start>,
) -> Result<Response, Problem> {
    let platform = platform(&web, &form.platform)?;
    let (start_id, identities) = form.parse(platform)?;
    web.shares.contact(&client)?;
    let key = StartKey::new(web.store.keys(), &platform.id, &start_id, &form.start_secret);
    let session = key.session_id();
    let contact_id = if platform.quick_input {
        String::new()
    } else {
        submit(&web, platform, &session, key.contact_request_id(), identities).await?
    };
    let secret = cookie::new_secret(web.store.random());
    let new = NewSession {
        id: session.clone(),
        platform: platform.id.clone(),
        secret: secret.clone(),
        name: form.name.trim().to_owned(),
        account: Secret::new(form.account.trim().to_owned()),
        contact_id,
    };
    web.store.put_session(&new).await?;
    let stored = web.store.session_by_id(&session).await?.ok_or_else(Problem::no_session)?;
    let mut response = (StatusCode::CREATED, Json(SessionView::of(&stored))).into_response();
    if let Some(value) = cookie::set(&headers, &platform.id, &secret) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// The conversation that the browser is in; nothing when there is none.
pub(super) async fn current(
    State(web): State<Shared>,
    Query(on): Query<OnPlatform>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match find(&web, &headers, &on.platform).await? {
        Some(session) => Ok(Json(SessionView::of(&session)).into_response()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Asks for an agent, in a conversation that began without.
pub(super) async fn contact(
    State(web): State<Shared>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Body(on): Body<OnPlatform>,
) -> Result<Json<SessionView>, Problem> {
    let session = open_session(&web, &headers, &on.platform).await?;
    if session.contact_id.is_empty() {
        web.shares.contact(&client)?;
        let platform = platform(&web, &session.platform)?;
        let request_id = web.store.keys().request_id(&["contact", &session.id]);
        let identities = identity("account", session.account.reveal()).into_iter().collect();
        let contact = submit(&web, platform, &session.id, request_id, identities).await?;
        web.store.set_contact(&session.id, &contact).await?;
    }
    let stored = web.store.session_by_id(&session.id).await?.ok_or_else(Problem::no_session)?;
    Ok(Json(SessionView::of(&stored)))
}

/// The conversation of the browser's cookie, while it goes on.
pub(super) async fn open_session(web: &Web, headers: &HeaderMap, platform: &str) -> Result<Session, Problem> {
    let session = find(web, headers, platform).await?.ok_or_else(Problem::no_session)?;
    if session.open { Ok(session) } else { Err(Problem::session_over()) }
}

/// The conversation of the browser's cookie.
pub(super) async fn find(web: &Web, headers: &HeaderMap, platform: &str) -> Result<Option<Session>, Problem> {
    let Some(secret) = cookie::get(headers, platform) else { return Ok(None) };
    Ok(web.store.session_of_secret(platform, secret).await?)
}

fn platform<'a>(web: &'a Web, id: &str) -> Result<&'a Platform, Problem> {
    web.platform(id).ok_or_else(|| errors::platform_not_found(id).into())
}

async fn submit(
    web: &Web,
    platform: &Platform,
    session: &str,
    request_id: String,
    identities: Vec<Identity>,
) -> Result<String, Problem> {
    let request = SubmitContactRequest {
        request_id,
        platform: platform.id.clone(),
        session: session.to_owned(),
        customer: Some(Customer { identities }),
        priority: Priority::Normal.into(),
        subject: format!("Conversation on {}", platform.display_name),
        ..SubmitContactRequest::default()
    };
    Ok(web.clients.submit_contact(request).await?.id)
}

fn identity(kind: &str, value: &str) -> Option<Identity> {
    let value = value.trim();
    (!value.is_empty()).then(|| Identity {
        kind: kind.to_owned(),
        value: value.to_owned(),
        unverified: false,
    })
}

impl Start {
    /// Checks the form; gives the start's id and the customer's account information.
    fn parse(&self, platform: &Platform) -> Result<(String, Vec<Identity>), Problem> {
        let mut fields = Fields::new();
        let start_id = fields.request_id(&self.request_id);
        fields.require(
            is_start_secret(&self.start_secret),
            "start_secret",
            "must be 22 to 128 letters, digits, - and _",
        );
        fields.check_text("name", self.name.trim(), 1..=60);
        let identities: Vec<Identity> =
            [identity("phone", &self.phone), identity("member_id", &self.member_id)]
                .into_iter()
                .flatten()
                .collect();
        if platform.quick_input {
            fields.check_text("account", self.account.trim(), 0..=128);
        } else {
            fields.require(!identities.is_empty(), "phone", "or the member number must be given");
        }
        for one in &identities {
            check(&mut fields, one);
        }
        fields.finish()?;
        Ok((start_id, identities))
    }
}

fn is_start_secret(text: &str) -> bool {
    (22..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Names the form's field, not a place in a list.
fn check(fields: &mut Fields, identity: &Identity) {
    let parsed = segue_core::IdentityKind::parse(&identity.kind)
        .and_then(|kind| segue_core::Identity::check(kind, &identity.value));
    if let Err(error) = parsed {
        fields.violation(identity.kind.as_str(), error.to_string());
    }
}
