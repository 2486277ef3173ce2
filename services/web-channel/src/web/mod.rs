//! The pages and what they talk to. Customers are known by a cookie, agents not at all: see [`guard::desk`].

mod body;
mod chat;
mod client;
mod cookie;
mod customer;
mod desk;
mod events;
mod guard;
mod pages;
mod problem;
mod redeem;
mod shares;
mod upload;
mod view;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use segue_runtime::{
    BootError, Parts, StreamEnd,
    http::{HttpLimits, Versions},
};
use tokio::net::TcpListener;

use client::Rules;
use shares::PageShares;

use crate::{Config, Platform, clients::Clients, store::Store};

const MAX_BODY_BYTES: usize = 16 * 1024;

/// What every handler needs.
struct Web {
    store: Store,
    platforms: Vec<Platform>,
    clients: Clients,
    shares: Arc<PageShares>,
    end: StreamEnd,
}

type Shared = Arc<Web>;

impl Web {
    fn platform(&self, id: &str) -> Option<&Platform> {
        self.platforms.iter().find(|platform| platform.id == id)
    }
}

/// Binds the pages' address, under the same rule as the chassis: plain text on loopback only, unless told otherwise.
pub(crate) async fn listen(config: &Config) -> Result<TcpListener, BootError> {
    let address = config.http_listen;
    if !address.ip().is_loopback() && !config.server.plaintext_beyond_loopback {
        return Err(BootError::Plaintext(address));
    }
    TcpListener::bind(address).await.map_err(|error| BootError::Bind(address, error))
}

/// Serves the pages until the stop is told.
pub(crate) fn serve(
    listener: TcpListener,
    config: &Config,
    store: Store,
    parts: &Parts,
) -> impl Future<Output = ()> + Send + use<> {
    let web = Arc::new(Web {
        store,
        platforms: config.platforms.clone(),
        clients: Clients::new(config),
        shares: Arc::new(PageShares::new(config.exposure.limits)),
        end: StreamEnd::new(parts.stop.clone(), parts.random.clone()),
    });
    // Beyond loopback, browsers reach the pages through something that speaks TLS.
    let always_secure = config.exposure.behind_tls || !config.http_listen.ip().is_loopback();
    let rules = Rules { exposure: Arc::new(config.exposure.clone()), always_secure };
    let limits = HttpLimits {
        proxies: config.exposure.trusted_proxies.clone(),
        ..HttpLimits::new(
            config.exposure.limits.connections,
            config.exposure.limits.connections_per_network,
            upload::MAX_BODY_BYTES,
        )
    };
    segue_runtime::http::serve(listener, routes(web, rules), Versions::One, limits, parts.stop.clone())
}

fn routes(web: Shared, rules: Rules) -> Router {
    let desk = desk::routes().route("/agent", get(pages::agent));
    let uploads = Router::new()
        .route("/api/upload", post(upload::receive))
        .layer(DefaultBodyLimit::max(upload::MAX_BODY_BYTES));
    Router::new()
        .merge(pages::routes())
        .route("/api/sessions", post(customer::start))
        .route("/api/session", get(customer::current))
        .route("/api/contact", post(customer::contact))
        .route("/api/messages", post(chat::write))
        .route("/api/leave", post(chat::leave))
        .route("/api/redeem", post(redeem::redeem))
        .route("/api/events", get(events::events))
        .route("/api/upload/{id}", get(upload::send))
        .merge(desk.layer(from_fn_with_state(rules.exposure.desk, guard::desk)))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .merge(uploads)
        .fallback(pages::not_found)
        .layer(from_fn(guard::same_origin))
        .layer(from_fn_with_state(web.shares.clone(), shares::requests))
        .layer(from_fn(guard::traced))
        .layer(from_fn_with_state(rules, client::identify))
        .layer(from_fn(guard::headers))
        .with_state(web)
}
