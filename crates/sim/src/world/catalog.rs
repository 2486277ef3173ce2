//! What operations have set up before a simulation begins.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use segue_proto::{
    common::v1::{Face, Identity},
    router::v1::{Agent, AgentPlatform, PutAgentRequest},
    selector::v1::{CreatePlatformRequest, LinkAccountRequest, Platform, PlatformStatus},
};
use segue_store::MigrationStep;

use super::{Contents, Kind, World};
use crate::{actors::Clients, dice::Dice};

/// The platforms, and what a conversation there costs an agent.
pub const PLATFORMS: [(&str, i32); 3] = [("chat", 34), ("phone", 100), ("app", 50)];
/// The agents that there are. Few of them work.
pub const AGENTS: [&str; 4] = ["a1", "a2", "a3", "a4"];
/// Customers who have accounts.
const CUSTOMERS: usize = 40;

/// Where a platform's adapter answers.
pub fn adapter_address(platform: &str) -> SocketAddr {
    let number = PLATFORMS.iter().position(|(name, _)| *name == platform).unwrap_or_default();
    SocketAddr::from((Ipv4Addr::new(127, 0, 9, 1 + u8::try_from(number).unwrap_or_default()), 6000))
}

/// The account of a customer, by number.
pub fn account_of(customer: usize) -> String {
    format!("member-{customer}")
}

/// Makes the databases.
pub(super) async fn build() -> Contents {
    let world = World::new(0, &Kind::ALL.map(|kind| (kind, 1)), &Contents::new());
    for service in world.services.clone() {
        tokio::spawn(service.run(world.clone(), MigrationStep::Apply));
    }
    world.all_up().await;
    fill(&world).await;
    let contents = world.hosts.iter().map(|(name, host)| (*name, host.content())).collect();
    world.end();
    contents
}

async fn fill(world: &Arc<World>) {
    let dice = Dice::of(0, "operations");
    let clients = Clients::new(world, "operations");
    for (rank, (id, cost_units)) in (1..).zip(PLATFORMS) {
        let platform = Platform {
            id: id.to_owned(),
            display_name: id.to_owned(),
            status: PlatformStatus::Active.into(),
            accepted_faces: vec![Face::Digits.into(), Face::Letters.into()],
            delivered_faces: vec![Face::Digits.into(), Face::Letters.into()],
            cost_units,
            rank,
            adapter_uri: format!("http://{}", adapter_address(id)),
            ..Platform::default()
        };
        let request = CreatePlatformRequest { request_id: dice.request_id(), platform: Some(platform) };
        clients.selector.clone().create_platform(request).await.unwrap();
    }
    for customer in 0..CUSTOMERS {
        // Every third has an account on the other platforms too; nobody needs one.
        for (platform, _) in PLATFORMS.iter().skip(customer % 3) {
            let identities = vec![Identity {
                kind: "member_id".to_owned(),
                value: account_of(customer),
                unverified: false,
            }];
            let request = LinkAccountRequest {
                request_id: dice.request_id(),
                platform: (*platform).to_owned(),
                account: account_of(customer),
                identities,
            };
            clients.selector.clone().link_account(request).await.unwrap();
        }
    }
    for id in AGENTS {
        let platforms = PLATFORMS.map(|(platform, cost_units)| AgentPlatform {
            platform: platform.to_owned(),
            cost_units,
            wrap_up_seconds: 0,
        });
        let agent = Agent {
            id: id.to_owned(),
            display_name: id.to_owned(),
            skills: vec!["claims".to_owned()],
            platforms: platforms.into(),
            ..Agent::default()
        };
        let request = PutAgentRequest { request_id: dice.request_id(), agent: Some(agent) };
        clients.router.clone().put_agent(request).await.unwrap();
    }
}
