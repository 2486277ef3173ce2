//! A platform's adapter that does what a test wants, and otherwise answers at once.

use std::{
    future::{Future, ready},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use segue_proto::channel::v1::{
    CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
    FindAccountsRequest, FindAccountsResponse,
    channel_service_server::{ChannelService, ChannelServiceServer},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// What an adapter does when it is called.
pub trait Adapter: Send + Sync + 'static {
    /// Shows a customer a code.
    fn deliver_access_info(
        &self,
        _: DeliverAccessInfoRequest,
    ) -> impl Future<Output = Result<DeliverAccessInfoResponse, Status>> + Send {
        ready(Ok(DeliverAccessInfoResponse {}))
    }

    /// Ends a session.
    fn close_session(
        &self,
        _: CloseSessionRequest,
    ) -> impl Future<Output = Result<CloseSessionResponse, Status>> + Send {
        ready(Ok(CloseSessionResponse {}))
    }

    /// Finds a customer's accounts; most adapters of tests keep no directory.
    fn find_accounts(
        &self,
        _: FindAccountsRequest,
    ) -> impl Future<Output = Result<FindAccountsResponse, Status>> + Send {
        ready(Err(Status::unimplemented("this platform keeps no account directory")))
    }
}

/// The yardstick of benchmarks: every answer is ready.
#[derive(Debug, Clone, Copy)]
pub struct Echo;

impl Adapter for Echo {
    async fn find_accounts(&self, request: FindAccountsRequest) -> Result<FindAccountsResponse, Status> {
        Ok(FindAccountsResponse { accounts: vec![request.platform] })
    }
}

/// The gRPC service that an adapter is.
#[derive(Debug)]
pub struct Called<A>(Arc<A>);

/// The gRPC service of an adapter.
pub fn channel_service<A: Adapter>(adapter: A) -> ChannelServiceServer<Called<A>> {
    ChannelServiceServer::new(Called(Arc::new(adapter)))
}

/// Serves an adapter by the library alone, on a port of the loopback interface, or on a free one for 0.
pub async fn serve_adapter(adapter: impl Adapter, port: u16) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(channel_service(adapter));
    (address, tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() }))
}

#[tonic::async_trait]
impl<A: Adapter> ChannelService for Called<A> {
    async fn deliver_access_info(
        &self,
        request: Request<DeliverAccessInfoRequest>,
    ) -> Result<Response<DeliverAccessInfoResponse>, Status> {
        self.0.deliver_access_info(request.into_inner()).await.map(Response::new)
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        self.0.close_session(request.into_inner()).await.map(Response::new)
    }

    async fn find_accounts(
        &self,
        request: Request<FindAccountsRequest>,
    ) -> Result<Response<FindAccountsResponse>, Status> {
        self.0.find_accounts(request.into_inner()).await.map(Response::new)
    }
}
