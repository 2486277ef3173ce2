//! Calls that go another way than over sockets.
//!
//! Services call each other and are called over TCP. The simulation of `crates/sim` gives them a [`Network`] of its own by
//! [`Credentials::over`](crate::Credentials::over): whole calls are handed over, so that it decides when each arrives and whether. All that
//! is above a connection is the same: layers and handlers of the server; retries, breakers and deadlines of the client.

use std::{convert::Infallible, fmt::Debug, net::SocketAddr};

use futures::future::BoxFuture;
use http::{Request, Response};
use segue_core::Random;
use tonic::body::Body;
use tower::util::BoxCloneService;

/// What answers the calls to an address.
pub type Answerer = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// A way for calls, of one process.
pub trait Network: Debug + Send + Sync {
    /// Has calls to an address of this process answered.
    fn serve(&self, address: SocketAddr, answerer: Answerer);

    /// Makes a call.
    fn call(
        &self,
        to: SocketAddr,
        request: Request<Body>,
    ) -> BoxFuture<'static, Result<Response<Body>, CallFailed>>;

    /// What the choice of an endpoint and the pauses between attempts are drawn from.
    fn random(&self) -> Random;
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallFailed {
    /// It was never sent.
    #[error("nobody is there")]
    Unreachable,
    /// The connection broke. It may have been carried out.
    #[error("the connection broke")]
    Broken,
}
