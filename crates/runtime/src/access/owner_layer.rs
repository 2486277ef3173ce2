use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Authorizer, Pending, layer::refused};

/// Looks up the owner of the thing that a call is about, where the decision depends on it.
#[derive(Clone)]
pub(crate) struct OwnerLayer(pub(crate) Option<Arc<Authorizer>>);

impl<S> Layer<S> for OwnerLayer {
    type Service = Owned<S>;

    fn layer(&self, inner: S) -> Owned<S> {
        Owned { inner, authorizer: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Owned<S> {
    inner: S,
    authorizer: Option<Arc<Authorizer>>,
}

impl<S> Service<Request<Body>> for Owned<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (Some(authorizer), Some(pending)) =
            (self.authorizer.clone(), request.extensions().get::<Pending>().cloned())
        else {
            return Box::pin(self.inner.call(request));
        };
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match authorizer.ask(&pending).await {
                Ok(()) => inner.call(request).await,
                Err(refusal) => Ok(refused(refusal)),
            }
        })
    }
}
