//! What operations have set up before a simulation begins.

use std::sync::{Arc, OnceLock};

use segue_proto::{
    common::v1::{Face, Identity},
    router::v1::{Agent, AgentPlatform, PutAgentRequest},
    selector::v1::{CreatePlatformRequest, LinkAccountRequest, Platform, PlatformStatus},
};
use segue_store::MigrationStep;

use crate::{
    actors::Clients,
    clock::on_this_thread,
    dice::Dice,
    world::{AGENTS, CUSTOMERS, Contents, Kind, PLATFORMS, World, account_of, adapter_address},
};

/// The contents that each simulation begins with, made once.
pub fn contents() -> &'static Contents {
    static CONTENTS: OnceLock<Contents> = OnceLock::new();
    CONTENTS.get_or_init(|| on_this_thread(build()))
}

/// Makes the databases.
async fn build() -> Contents {
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
