use std::{net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use segue_proto::{
    channel::v1::{
        CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
        FindAccountsRequest, FindAccountsResponse,
        channel_service_server::{ChannelService, ChannelServiceServer},
    },
    common::v1::Face,
};
use segue_runtime::network::Network as _;
use tonic::{Request, Response, Status, async_trait};
use tower::util::BoxCloneService;

use super::Facts;
use crate::{dice::Dice, plan::Mood, story::Log, world::World};

/// A platform's adapter.
pub struct Adapter {
    platform: &'static str,
    facts: Arc<Mutex<Facts>>,
    log: Log,
    dice: Dice,
    mood: Mutex<(Mood, i64)>,
    world: Arc<World>,
}

impl Adapter {
    /// Answers from now on.
    pub fn start(
        world: &Arc<World>,
        platform: &'static str,
        address: SocketAddr,
        facts: Arc<Mutex<Facts>>,
    ) -> Arc<Self> {
        let name = format!("{platform}-adapter");
        let this = Arc::new(Self {
            platform,
            facts,
            log: world.log.clone(),
            dice: Dice::of(world.seed, &name),
            mood: Mutex::new((Mood::Well, 0)),
            world: world.clone(),
        });
        let server = ChannelServiceServer::from_arc(this.clone());
        world.outside(&name).serve(address, BoxCloneService::new(server));
        this
    }

    /// Changes how it behaves until a moment of virtual time.
    pub fn feel(&self, mood: Mood, until_ms: i64) {
        *self.mood.lock() = (mood, until_ms);
    }

    async fn behave(&self) -> Mood {
        let (mood, until) = *self.mood.lock();
        let now = self.world.clock.elapsed_ms();
        if now >= until {
            return Mood::Well;
        }
        match mood {
            Mood::Down => tokio::time::sleep(Duration::from_millis((until - now).unsigned_abs())).await,
            Mood::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(self.dice.between(ms / 2, ms).into())).await
            }
            _ => {}
        }
        mood
    }

    fn end(&self, mood: Mood, repeats: bool) -> Result<(), Status> {
        let fails = match mood {
            Mood::Down => true,
            Mood::Wrong => self.dice.percent(50),
            Mood::LiesAboutRepeats => repeats,
            Mood::Well | Mood::Slow(_) => false,
        };
        if fails { Err(Status::unavailable("simulated")) } else { Ok(()) }
    }
}

#[async_trait]
impl ChannelService for Adapter {
    async fn deliver_access_info(
        &self,
        request: Request<DeliverAccessInfoRequest>,
    ) -> Result<Response<DeliverAccessInfoResponse>, Status> {
        let request = request.into_inner();
        let mood = self.behave().await;
        if mood == Mood::Down {
            return Err(Status::unavailable("simulated"));
        }
        let code = request
            .access_info
            .unwrap_or_default()
            .faces
            .into_iter()
            .find(|face| face.kind() == Face::Digits);
        let repeats = {
            let mut facts = self.facts.lock();
            let times = facts.delivered.entry(request.handoff_id).or_default();
            *times += 1;
            let repeats = *times > 1;
            let code = code.map(|face| (face.display, request.target_display_name));
            facts.talk(&request.session).change(|talk| talk.card = code.or(talk.card.take()));
            repeats
        };
        self.log.note(self.platform, || format!("shows the code in {}", request.session));
        self.end(mood, repeats)?;
        Ok(Response::new(DeliverAccessInfoResponse {}))
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        let request = request.into_inner();
        let mood = self.behave().await;
        if mood == Mood::Down {
            return Err(Status::unavailable("simulated"));
        }
        let repeats = {
            let mut facts = self.facts.lock();
            let times =
                facts.closed.entry(format!("{} {}", request.handoff_id, request.session)).or_default();
            *times += 1;
            let repeats = *times > 1;
            facts.talk(&request.session).change(|talk| talk.is_over = true);
            repeats
        };
        self.log.note(self.platform, || format!("closes {}", request.session));
        self.end(mood, repeats)?;
        Ok(Response::new(CloseSessionResponse {}))
    }

    async fn find_accounts(
        &self,
        _: Request<FindAccountsRequest>,
    ) -> Result<Response<FindAccountsResponse>, Status> {
        Err(Status::unimplemented("this platform has no directory"))
    }
}
