//! Who plays in the matrix: a caller for each role, a second one with other agents and platforms, and two who are nothing.

use std::{collections::BTreeMap, net::SocketAddr};

use segue::demo_data::DEMO_AGENT;
use segue_proto::{
    issuer::v1::{ListHandoffsRequest, code_issuer_service_client::CodeIssuerServiceClient},
    router::v1::{SubmitContactRequest, priority_router_service_client::PriorityRouterServiceClient},
};
use segue_runtime::Role;
use segue_testkit::{Storage, request_id};
use segue_tests::{Fixture, Processes, Security};
use tonic::transport::Channel;

pub const PLATFORM: &str = "app";

/// A caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// With a role; a desk and a platform own what the calls are about.
    With(Side),
    /// A desk or platform that owns other things.
    Foreign(Side),
    /// Has a certificate and is in no file.
    Nobody,
    /// Has no certificate.
    Stranger,
}

/// A role by its place among all, so that it can be a key.
pub type Side = usize;

pub fn role(side: Side) -> Role {
    Role::ALL[side]
}

pub struct Cast {
    pub system: Processes,
    /// A contact and a handoff of [`DEMO_AGENT`] on [`PLATFORM`].
    pub contact: String,
    pub handoff: String,
    channels: BTreeMap<(Who, SocketAddr), Channel>,
}

impl Cast {
    pub async fn gather() -> Self {
        let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
        let fixture = Fixture::load_secured(&system).await;
        let contact = SubmitContactRequest {
            request_id: request_id(),
            platform: PLATFORM.to_owned(),
            session: "s-1".to_owned(),
            ..SubmitContactRequest::default()
        };
        let contact = fixture.clients.router.clone().submit_contact(contact).await.unwrap();
        let contact = contact.into_inner().contact.unwrap();
        let contact = wait_for_agent(&fixture, &contact.id).await;
        let handoff = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap();
        assert_eq!(handoff.target.unwrap().platform, PLATFORM);
        let channels = channels(&system);
        Self { system, contact, handoff: handoff.id, channels }
    }

    /// A caller's channel to the service with a name.
    pub fn channel(&self, who: Who, service: &str) -> Channel {
        self.channels[&(who, address(&self.system, service))].clone()
    }

    /// The issuer and router as somebody sees them.
    pub fn issuer(&self, who: Who) -> CodeIssuerServiceClient<Channel> {
        CodeIssuerServiceClient::new(self.channel(who, "segue.issuer.v1.CodeIssuerService"))
    }

    /// How many handoffs there are.
    pub async fn handoffs(&self) -> usize {
        let operator = Who::With(Role::ALL.iter().position(|role| *role == Role::Operator).unwrap());
        let request = ListHandoffsRequest { page_size: 100, ..ListHandoffsRequest::default() };
        self.issuer(operator).list_handoffs(request).await.unwrap().into_inner().handoffs.len()
    }
}

/// The contact is only the agent's once it was given to it.
async fn wait_for_agent(fixture: &Fixture, id: &str) -> String {
    let router: PriorityRouterServiceClient<Channel> = fixture.clients.router.clone();
    segue_testkit::wait_for("the agent", || async {
        let request = segue_proto::router::v1::GetContactRequest { id: id.to_owned() };
        router.clone().get_contact(request).await.unwrap().into_inner().contact.unwrap().agent == DEMO_AGENT
    })
    .await;
    id.to_owned()
}

fn address(system: &Processes, service: &str) -> SocketAddr {
    match service.split('.').nth(1) {
        Some("selector") => system.addresses.selector,
        Some("issuer") => system.addresses.issuer,
        Some("router") => system.addresses.router,
        _ => system.addresses.channel,
    }
}

fn channels(system: &Processes) -> BTreeMap<(Who, SocketAddr), Channel> {
    let security = system.security.as_ref().unwrap();
    let mut channels = BTreeMap::new();
    for (who, id) in everybody() {
        let issued = id.map(|id| security.issue(&format!("{who:?}"), &id));
        let at = &system.addresses;
        for address in [at.selector, at.issuer, at.router, at.channel] {
            channels.insert(
                (who, address),
                Security::endpoint(security, address, issued.as_ref()).connect_lazy(),
            );
        }
    }
    channels
}

/// All callers and their SPIFFE ids.
fn everybody() -> Vec<(Who, Option<String>)> {
    let id = |path: &str| Some(format!("spiffe://segue.local/{path}"));
    let mut all = vec![(Who::Nobody, id("service/nobody")), (Who::Stranger, None)];
    for (side, role) in Role::ALL.into_iter().enumerate() {
        let (own, foreign) = match role {
            Role::Operator => ("operator/one".to_owned(), None),
            Role::Admin => ("admin/one".to_owned(), None),
            Role::PlatformAdmin
            | Role::AccountAdmin
            | Role::RoutingAdmin
            | Role::HandoffAdmin
            | Role::Auditor => (format!("{}/one", role.name()), None),
            Role::Desk => (format!("desk/{DEMO_AGENT}"), Some("desk/99999")),
            Role::Platform => (format!("platform/{PLATFORM}"), Some("platform/other")),
            Role::Issuer => ("service/code-issuer".to_owned(), None),
            Role::Selector => ("service/platform-selector".to_owned(), None),
        };
        all.push((Who::With(side), id(&own)));
        all.extend(foreign.map(|foreign| (Who::Foreign(side), id(foreign))));
    }
    all
}

/// All callers.
pub fn callers() -> Vec<Who> {
    everybody().into_iter().map(|(who, _)| who).collect()
}
