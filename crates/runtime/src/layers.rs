//! The way of a call to its handler, as one layer: a span and a deadline, then the checks of its caller ([`Access`]), a place among the
//! calls under way ([`Load`]), and the owner of what it is about.
//!
//! One layer and one future for all of it: a layer for each would be copied for each call, together with those inside of it, and allocate a
//! future of its own. To add a step, give its owner an `around` and put it into [`Layers::answer`].

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::{
    access::Access,
    incoming::{Answering, DEADLINE, METHOD, deadline_of},
    metrics::rpc::Calls,
    overload::Load,
};

/// What is around the handlers. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct CallLayer(Arc<Layers>);

struct Layers {
    /// Counts the calls under way, those that nobody waits for any more too.
    calls: TaskTracker,
    records: Calls,
    access: Access,
    load: Arc<Load>,
}

impl CallLayer {
    pub(crate) fn new(calls: TaskTracker, access: Access, load: Arc<Load>) -> Self {
        Self(Arc::new(Layers { calls, records: Calls::new(), access, load }))
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Layered<S>;

    fn layer(&self, inner: S) -> Layered<S> {
        Layered { inner, layers: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Layered<S> {
    inner: S,
    layers: Arc<Layers>,
}

impl<S> Service<Request<Body>> for Layered<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let layers = self.layers.clone();
        let call = layers.records.begin(&request);
        let deadline = deadline_of(request.headers());
        // The ready service is the one to call; its clone waits for the next call.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let work = {
            let layers = layers.clone();
            let answer = async move { layers.answer(request, inner).await };
            DEADLINE.scope(deadline, METHOD.scope(call.method().clone(), answer))
        };
        let work = work.instrument(call.span().clone());
        Answering::new(work, deadline, &layers.calls, call)
    }
}

impl Layers {
    /// The order is that of the costs: an unknown caller takes no place, and only a call that has one reads the database.
    async fn answer<S>(&self, request: Request<Body>, mut inner: S) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let Self { access, load, .. } = self;
        let handled = move |request| inner.call(request);
        let owned = move |request| access.around_owned(request, handled);
        access.around(load, request, move |request| load.around(request, owned)).await
    }
}
