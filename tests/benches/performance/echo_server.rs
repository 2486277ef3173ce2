//! A unary call on a bare server of the same library, which answers an account for a customer.

use std::net::Ipv4Addr;

use segue_proto::channel::v1::{
    CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
    FindAccountsRequest, FindAccountsResponse,
    channel_service_server::{ChannelService, ChannelServiceServer},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// On a port, or on a free one for 0.
pub async fn start(port: u16) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let incoming = TcpListenerStream::new(listener);
    let server = Server::builder().tcp_nodelay(true).add_service(ChannelServiceServer::new(Echo));
    let server = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    (uri, server)
}

struct Echo;

#[tonic::async_trait]
impl ChannelService for Echo {
    async fn deliver_access_info(
        &self,
        _: Request<DeliverAccessInfoRequest>,
    ) -> Result<Response<DeliverAccessInfoResponse>, Status> {
        Ok(Response::new(DeliverAccessInfoResponse {}))
    }

    async fn close_session(
        &self,
        _: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        Ok(Response::new(CloseSessionResponse {}))
    }

    async fn find_accounts(
        &self,
        request: Request<FindAccountsRequest>,
    ) -> Result<Response<FindAccountsResponse>, Status> {
        let accounts = vec![request.into_inner().platform];
        Ok(Response::new(FindAccountsResponse { accounts }))
    }
}
