//! Who may call what. One table says so for every RPC ([`TABLE`]); an RPC that it does not name is refused.
//!
//! To open an RPC to a role, change its line. When a rule depends on an owner, the table names the request's field that holds the
//! owner, or the field with the id of a thing whose owner the service looks up ([`Owners`]).
//!
//! A call is checked twice: [`Access::around`] checks the caller and the request before the call takes a place among those under way;
//! [`Access::around_owned`], behind that, looks the owner up, which costs a read.

mod around;
mod message;
mod recheck;
mod table;

use std::{collections::HashMap, sync::Arc};

use futures::future::BoxFuture;
use http::{HeaderMap, Request};
use prost_reflect::{Kind, MessageDescriptor};
use segue_proto::common::v1::ErrorReason;
use tonic::body::Body;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub(crate) use around::Access;
pub use table::{Allow, By, TABLE, document};

pub use crate::caller::{administers, is_platform_only};

use self::table::Rule;
use crate::{
    BootError, Refusal,
    identity::{Caller, Identity, Role},
    tls::Accepted,
};

/// No id is longer. A longer one is not looked up: the service answers that it names nothing.
const MAX_ID_BYTES: usize = 256;

/// The owner of a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The agents that the thing is with, or was made for.
    pub agents: Vec<String>,
    /// The platforms that the thing is on.
    pub platforms: Vec<String>,
}

/// Looks up the owner of the thing with an id; none when there is no such thing.
pub type Owners =
    Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<Owner>, Refusal>> + Send + Sync + 'static>;

/// Decides who may make which call.
pub(crate) struct Authorizer {
    identity: Identity,
    owners: Option<Owners>,
    rules: HashMap<String, KnownRule>,
}

struct KnownRule {
    allow: &'static [Allow],
    /// The numbers of the fields that the rule names.
    fields: HashMap<&'static str, u32>,
    /// The method answers with a stream.
    streams: bool,
}

/// The check that is left before a call is let through: whether one of these things is the caller's.
#[derive(Clone)]
pub(crate) struct Pending {
    caller: Caller,
    things: Vec<(Role, By, String)>,
}

impl Authorizer {
    pub(crate) fn new(identity: Identity, owners: Option<Owners>) -> Result<Self, BootError> {
        let wrong = |error: String| BootError::Reflection(error);
        let contracts = segue_proto::contracts().map_err(|error| wrong(error.to_string()))?;
        let mut rules = HashMap::new();
        for (service, methods) in TABLE {
            let described =
                contracts.get_service_by_name(service).ok_or_else(|| wrong(format!("no {service}")))?;
            for Rule { method, allow } in *methods {
                let found = described.methods().find(|known| known.name() == *method);
                let found = found.ok_or_else(|| wrong(format!("{service} has no {method}")))?;
                let fields = fields_of(allow, &found.input()).map_err(wrong)?;
                let rule = KnownRule { allow, fields, streams: found.is_server_streaming() };
                rules.insert(format!("/{service}/{method}"), rule);
            }
        }
        Ok(Self { identity, owners, rules })
    }

    /// Identifies the caller.
    async fn caller(&self, headers: &HeaderMap, from: Option<&Accepted>) -> Result<Caller, Refusal> {
        let caller = self.identity.caller(headers, from).await?;
        if let Some(workload) = caller.workload() {
            tracing::Span::current().set_attribute("segue.caller", workload.to_owned());
        }
        Ok(caller)
    }

    /// Refuses a caller whose roles alone rule the method out.
    fn let_through(&self, path: &str, caller: &Caller) -> Result<(), Refusal> {
        let may = if table::is_for_the_known(path) {
            caller.is_somebody()
        } else {
            let asks =
                |allow: &Allow| matches!(allow, Allow::All(role) | Allow::Own(role, _) if caller.is(*role));
            self.rules.get(path).is_some_and(|rule| rule.allow.iter().any(asks))
        };
        if may { Ok(()) } else { Err(not_allowed()) }
    }

    /// Checks the message. What it returns is left to check; none when the caller may call for everybody, or names itself as the owner.
    fn look(&self, path: &str, caller: Caller, body: &[u8]) -> Result<Option<Pending>, Refusal> {
        let Some(rule) = self.rules.get(path) else { return Ok(None) };
        let (mut own, mut things) = (Vec::new(), Vec::new());
        for allow in rule.allow {
            match *allow {
                Allow::All(role) if caller.is(role) => return Ok(None),
                Allow::Own(role, by) if caller.is(role) => own.push((role, by)),
                _ => {}
            }
        }
        for (role, by) in &own {
            let (By::Field(field) | By::IdOf(field)) = by;
            let id = message::text_field(body, rule.fields.get(field).copied().unwrap_or_default())?;
            match by {
                By::Field(_) if caller.owns(*role, &id) => return Ok(None),
                By::Field(_) => {}
                By::IdOf(_) => things.push((*role, *by, id)),
            }
        }
        if things.is_empty() { Err(not_owner(&own)) } else { Ok(Some(Pending { caller, things })) }
    }

    /// Checks the owners of the things.
    async fn ask(&self, pending: &Pending) -> Result<(), Refusal> {
        for (role, _, id) in &pending.things {
            // The service itself answers that an id names nothing, which is no secret.
            let Some(owner) = self.owner_of(id).await? else { return Ok(()) };
            let owners = if *role == Role::Desk { owner.agents } else { owner.platforms };
            if owners.iter().any(|owner| pending.caller.owns(*role, owner)) {
                return Ok(());
            }
        }
        let own: Vec<(Role, By)> = pending.things.iter().map(|(role, by, _)| (*role, *by)).collect();
        Err(not_owner(&own))
    }

    async fn owner_of(&self, id: &str) -> Result<Option<Owner>, Refusal> {
        let names_something = !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.contains('\0');
        match &self.owners {
            Some(owners) if names_something => owners(id.to_owned()).await,
            _ => Ok(None),
        }
    }

    fn streams(&self, path: &str) -> bool {
        self.rules.get(path).is_some_and(|rule| rule.streams)
    }
}

impl Caller {
    fn owns(&self, role: Role, id: &str) -> bool {
        if role == Role::Desk { self.has_agent(id) } else { self.has_platform(id) }
    }
}

/// The numbers of the fields that a rule names. They are texts, and none of them is inside another message.
fn fields_of(allow: &[Allow], request: &MessageDescriptor) -> Result<HashMap<&'static str, u32>, String> {
    let named = allow.iter().filter_map(|allow| match allow {
        Allow::Own(_, By::Field(field) | By::IdOf(field)) => Some(*field),
        Allow::All(_) => None,
    });
    named
        .map(|name| match request.get_field_by_name(name) {
            Some(field) if field.kind() == Kind::String && !field.is_list() => Ok((name, field.number())),
            _ => Err(format!("{} has no text field {name}", request.full_name())),
        })
        .collect()
}

/// Whether a method takes one message, as nearly all do.
fn takes_one_message(request: &Request<Body>) -> bool {
    let path = request.uri().path();
    !table::is_for_the_known(path) && !table::TAKE_STREAMS.contains(&path)
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
