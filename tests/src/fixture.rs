//! A system with the demo's platforms and agents and a few of its customers, and clients to ask it.

use std::net::SocketAddr;

use segue::{
    Addresses,
    demo_data::{self, DEMO_AGENT, DEMO_WORK_PROFILE, customers, demo_customer},
};
use segue_proto::{
    common::v1::{Customer, Face, Identity, RemainingWork, Session},
    issuer::v1::{
        CreateHandoffRequest, CreateHandoffResponse, RedeemCodeRequest,
        code_issuer_service_client::CodeIssuerServiceClient,
    },
    router::v1::{
        AcceptContactRequest, ContactState, GetSessionContactRequest, Presence, SetPresenceRequest,
        priority_router_service_client::PriorityRouterServiceClient,
    },
    selector::v1::platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_testkit::{request_id, wait_for_some};
use tonic::transport::{Channel, Endpoint};

use crate::{Processes, security::EVERYTHING};

/// Enough to have the demo customer among them.
const CUSTOMERS: usize = 50;

/// Clients without any of our own client code in between.
#[derive(Clone)]
pub struct Clients {
    /// platform-selector.
    pub selector: PlatformSelectorServiceClient<Channel>,
    /// code-issuer.
    pub issuer: CodeIssuerServiceClient<Channel>,
    /// priority-router.
    pub router: PriorityRouterServiceClient<Channel>,
}

impl Clients {
    /// Clients of a system.
    pub fn of(addresses: &Addresses) -> Self {
        Self::over(addresses, |address| Endpoint::from_shared(format!("http://{address}")).unwrap())
    }

    /// Clients of a system with TLS, with a certificate for a SPIFFE id.
    pub fn secured(system: &Processes, spiffe_id: &str) -> Self {
        let security = system.security.as_ref().expect("a system with TLS");
        let issued = security.issue("clients", spiffe_id);
        Self::over(&system.addresses, |address| security.endpoint(address, Some(&issued)))
    }

    /// Clients of a system that is called in a certain way.
    pub fn over(addresses: &Addresses, endpoint: impl Fn(SocketAddr) -> Endpoint) -> Self {
        let channel = |address| endpoint(address).connect_lazy();
        Self {
            selector: PlatformSelectorServiceClient::new(channel(addresses.selector)),
            issuer: CodeIssuerServiceClient::new(channel(addresses.issuer)),
            router: PriorityRouterServiceClient::new(channel(addresses.router)),
        }
    }
}

/// The demo's customer and agent, ready for handoffs.
pub struct Fixture {
    /// Clients of the system.
    pub clients: Clients,
}

impl Fixture {
    /// Loads the data and signs the demo agent in.
    pub async fn load(addresses: &Addresses) -> Self {
        Self::load_with(addresses, Clients::of(addresses)).await
    }

    /// The same in a system with TLS.
    pub async fn load_secured(system: &Processes) -> Self {
        Self::load_with(&system.addresses, Clients::secured(system, EVERYTHING)).await
    }

    async fn load_with(addresses: &Addresses, clients: Clients) -> Self {
        let targets = addresses.demo_data_targets(CUSTOMERS).unwrap();
        demo_data::load(&targets, &|_| {}).await.unwrap();
        let this = Self { clients };
        this.set_presence(DEMO_AGENT, Presence::Available).await;
        this
    }

    /// Signs an agent in or out.
    pub async fn set_presence(&self, agent: &str, presence: Presence) {
        let request = SetPresenceRequest {
            request_id: request_id(),
            agent: agent.to_owned(),
            presence: presence.into(),
            ..Default::default()
        };
        self.clients.router.clone().set_presence(request).await.unwrap();
    }

    /// A handoff of the demo customer from a call on the hotline, which has no adapter.
    pub fn handoff(session: &str) -> CreateHandoffRequest {
        let customer = demo_customer().unwrap();
        CreateHandoffRequest {
            request_id: request_id(),
            work_order: format!("WO-{session}"),
            agent: DEMO_AGENT.to_owned(),
            source: Some(Session { platform: "hotline".to_owned(), session: session.to_owned() }),
            customer: Some(Customer {
                identities: vec![Identity {
                    kind: "phone".to_owned(),
                    value: customer.phone,
                    unverified: false,
                }],
            }),
            remaining_work: Some(RemainingWork {
                profile: DEMO_WORK_PROFILE.to_owned(),
                ..RemainingWork::default()
            }),
            ..CreateHandoffRequest::default()
        }
    }

    /// The same for another customer, by place from 0 among those who have an account in the app.
    pub fn handoff_of(number: usize, session: &str) -> CreateHandoffRequest {
        let phone = in_the_app().nth(number).unwrap().0.phone;
        let identity = Identity { kind: "phone".to_owned(), value: phone, unverified: false };
        CreateHandoffRequest {
            customer: Some(Customer { identities: vec![identity] }),
            ..Self::handoff(session)
        }
    }

    /// Has the demo agent take the contact of a session that waits in line.
    pub async fn take_contact(&self, platform: &str, session: &str) {
        let router = &self.clients.router;
        let contact = wait_for_some("an offer of the session's contact", async || {
            let (platform, session) = (platform.to_owned(), session.to_owned());
            let asked = GetSessionContactRequest { platform, session };
            let contact = router.clone().get_session_contact(asked).await.ok()?.into_inner().contact?;
            (contact.state() == ContactState::Offered).then_some(contact)
        })
        .await;
        let accept = AcceptContactRequest { request_id: request_id(), id: contact.id, agent: contact.agent };
        router.clone().accept_contact(accept).await.unwrap();
    }

    /// Asks for a handoff that must succeed.
    pub async fn create(&self, request: CreateHandoffRequest) -> CreateHandoffResponse {
        self.clients.issuer.clone().create_handoff(request).await.unwrap().into_inner()
    }

    /// The digits of an answer.
    pub fn digits(issued: &CreateHandoffResponse) -> String {
        let info = issued.access_info.as_ref().expect("access information");
        let digits = info.faces.iter().find(|face| face.kind() == Face::Digits).expect("digits");
        digits.display.clone()
    }

    /// A redemption by the demo customer in the app.
    pub fn redemption(code: &str, session: &str) -> RedeemCodeRequest {
        RedeemCodeRequest {
            request_id: request_id(),
            code: code.to_owned(),
            platform: "app".to_owned(),
            session: session.to_owned(),
            account: Self::account(),
            account_verified: true,
            source_address: String::new(),
        }
    }

    /// The account in the app of the customer of [`Fixture::handoff_of`].
    pub fn account_of(number: usize) -> String {
        in_the_app().nth(number).unwrap().1
    }

    /// The demo customer's account in the app.
    pub fn account() -> String {
        let accounts = demo_customer().unwrap().accounts;
        accounts.into_iter().find(|account| account.platform == "app").unwrap().id
    }
}

/// The demo's customers who have an account in the app, and that account.
fn in_the_app() -> impl Iterator<Item = (demo_data::Customer, String)> {
    customers().unwrap().filter_map(|person| {
        let account = person.accounts.iter().find(|account| account.platform == "app")?.id.clone();
        Some((person, account))
    })
}
