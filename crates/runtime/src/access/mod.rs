//! Who may call what. One table says it for every RPC ([`TABLE`]); what it doesn't name is refused.
//!
//! To open an RPC to somebody, change its line. When a rule is about whose thing it is, the table names the request's
//! field that says so, or the field with the id of a thing whose owner the service is asked for ([`Owners`]).

mod first_message;
mod layer;
mod table;

use std::{collections::HashMap, sync::Arc};

use futures::future::BoxFuture;
use http::{HeaderMap, Request};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use segue_proto::common::v1::ErrorReason;
use tonic::body::Body;

pub(crate) use layer::AccessLayer;
pub use table::{Allow, By, TABLE, document};

use self::table::Rule;
use crate::{
    BootError, Refusal,
    identity::{Caller, Identity, Role},
    tls::Accepted,
};

/// To whom a thing belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The agents that it is with, or was made for.
    pub agents: Vec<String>,
    /// The platforms on which it happens.
    pub platforms: Vec<String>,
}

/// Tells the owner of the thing with an id; none when there is no such thing.
pub type Owners =
    Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<Owner>, Refusal>> + Send + Sync + 'static>;

/// Decides about each call.
pub(crate) struct Gate {
    identity: Identity,
    owners: Option<Owners>,
    rules: HashMap<String, KnownRule>,
}

struct KnownRule {
    rule: &'static Rule,
    request: MessageDescriptor,
}

impl Gate {
    pub(crate) fn new(identity: Identity, owners: Option<Owners>) -> Result<Self, BootError> {
        let wrong = |error: String| BootError::Reflection(error);
        let pool =
            DescriptorPool::decode(segue_proto::DESCRIPTORS).map_err(|error| wrong(error.to_string()))?;
        let mut rules = HashMap::new();
        for (service, methods) in TABLE {
            let Some(described) = pool.get_service_by_name(service) else {
                // Of a library, and so without fields to look at.
                continue;
            };
            for rule in *methods {
                let method = described.methods().find(|method| method.name() == rule.method);
                let method = method.ok_or_else(|| wrong(format!("{service} has no {}", rule.method)))?;
                rules.insert(
                    format!("/{service}/{}", rule.method),
                    KnownRule { rule, request: method.input() },
                );
            }
        }
        Ok(Self { identity, owners, rules })
    }

    /// Lets a call through, perhaps after a look at its message, or refuses it.
    pub(crate) async fn pass(&self, request: Request<Body>) -> Result<Request<Body>, Refusal> {
        let path = request.uri().path();
        if table::is_open(path) {
            return Ok(request);
        }
        let caller = self.caller(request.headers(), request.extensions().get::<Accepted>()).await?;
        if table::is_for_the_known(path) && caller.is_somebody() {
            return Ok(request);
        }
        let Some(known) = self.rules.get(path) else { return Err(not_allowed()) };
        let own = match for_its_role(known.rule, &caller) {
            Verdict::Pass => return Ok(request),
            Verdict::Refuse => return Err(not_allowed()),
            Verdict::Own(own) => own,
        };
        let (message, request) = first_message::read(request).await?;
        let message = DynamicMessage::decode(known.request.clone(), message)
            .map_err(|_| Refusal::new(ErrorReason::InvalidField, "the message can't be read"))?;
        for (role, by) in &own {
            if self.owns(&caller, *role, *by, &message).await? {
                return Ok(request);
            }
        }
        Err(not_owner(&own))
    }

    async fn caller(&self, headers: &HeaderMap, accepted: Option<&Accepted>) -> Result<Caller, Refusal> {
        self.identity.caller(headers, accepted).await
    }

    async fn owns(
        &self,
        caller: &Caller,
        role: Role,
        by: By,
        message: &DynamicMessage,
    ) -> Result<bool, Refusal> {
        let has = |id: &String| match role {
            Role::Desk => caller.has_agent(id),
            _ => caller.has_platform(id),
        };
        let id = match by {
            By::Field(field) => return Ok(has(&text(message, field))),
            By::IdOf(field) => text(message, field),
        };
        let Some(owners) = &self.owners else { return Ok(false) };
        let Some(owner) = owners(id).await? else {
            // What isn't there is the service's own to say, and nobody's secret.
            return Ok(true);
        };
        Ok(if role == Role::Desk { owner.agents.iter().any(has) } else { owner.platforms.iter().any(has) })
    }
}

enum Verdict {
    Pass,
    Refuse,
    Own(Vec<(Role, By)>),
}

/// What can be said without a look at the message.
fn for_its_role(rule: &Rule, caller: &Caller) -> Verdict {
    let mut own = Vec::new();
    for allow in rule.allow {
        match *allow {
            Allow::All(role) if caller.is(role) => return Verdict::Pass,
            Allow::Own(role, by) if caller.is(role) => own.push((role, by)),
            _ => {}
        }
    }
    if own.is_empty() { Verdict::Refuse } else { Verdict::Own(own) }
}

/// A text field of the message; a dot leads into a message inside.
fn text(message: &DynamicMessage, path: &str) -> String {
    match path.split_once('.') {
        Some((field, rest)) => message
            .get_field_by_name(field)
            .and_then(|value| value.as_message().map(|inner| text(inner, rest)))
            .unwrap_or_default(),
        None => message
            .get_field_by_name(path)
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default(),
    }
}

fn not_allowed() -> Refusal {
    Refusal::new(ErrorReason::CallerNotAllowed, "this caller may not call this method")
}

fn not_owner(own: &[(Role, By)]) -> Refusal {
    let refusal = Refusal::new(ErrorReason::CallerNotOwner, "this caller may not do this for others");
    own.iter().fold(refusal, |refusal, (role, by)| {
        let whose = if *role == Role::Desk { "an agent" } else { "a platform" };
        let (field, wrong) = match by {
            By::Field(field) => (field, format!("must be {whose} of the caller's")),
            By::IdOf(field) => (field, format!("must be of {whose} of the caller's")),
        };
        refusal.field(*field, wrong)
    })
}
