use std::{convert::Infallible, io, sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{CHANNEL, Signals};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// After so long without a notification the listener asks for one of its own.
const SILENCE: Duration = Duration::from_secs(60);
/// How long that one may take.
const ECHO_LIMIT: Duration = Duration::from_secs(10);
const BACK_OFF_FIRST: Duration = Duration::from_millis(200);
const BACK_OFF_MOST: Duration = Duration::from_secs(10);

/// Wakes this handle's watchers when another handle has committed.
pub(super) struct Listener {
    pub(super) server: PgConnectOptions,
    pub(super) name: String,
    pub(super) signals: Arc<Signals>,
    pub(super) stop: CancellationToken,
}

impl Listener {
    pub(super) async fn run(self) {
        // The last pause, while nothing is heard.
        let mut outage = None;
        while let Some(error) = self.hear_on_one_connection(&mut outage).await {
            if outage.is_none() {
                tracing::warn!(
                    reason = reason(&error),
                    "other replicas' commits not heard of, polling goes on"
                );
            }
            let pause = outage.map_or(BACK_OFF_FIRST, |last: Duration| (last * 2).min(BACK_OFF_MOST));
            outage = Some(pause);
            self.stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// Why the connection is of no more use; `None` when told to stop.
    async fn hear_on_one_connection(&self, outage: &mut Option<Duration>) -> Option<sqlx::Error> {
        // A pool for each connection: one that hangs would keep the next from being made.
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.server.clone());
        let heard = self.stop.run_until_cancelled(self.hear(&pool, outage)).await;
        drop(timeout(CLOSE_LIMIT, pool.close()).await);
        heard.and_then(Result::err)
    }

    async fn hear(&self, pool: &PgPool, outage: &mut Option<Duration>) -> Result<Infallible, sqlx::Error> {
        let mut listener = timeout(CONNECT_LIMIT, listen(pool)).await.map_err(io::Error::from)??;
        self.signals.hear();
        // LISTEN succeeds through PgBouncer in transaction mode, and a dead peer is as silent as a quiet one. Only a
        // notification that comes back shows that they do.
        self.signals.to_tell.notify_one();
        let mut asked = true;
        loop {
            match timeout(if asked { ECHO_LIMIT } else { SILENCE }, listener.try_recv()).await {
                Ok(heard) => {
                    let heard = heard?.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))?;
                    if outage.take().is_some() {
                        tracing::info!("other replicas' commits heard of again");
                    }
                    if heard.payload() != self.name {
                        self.signals.hear();
                    }
                    asked = false;
                }
                Err(_) if asked => return Err(io::Error::other("no notification comes back").into()),
                Err(_) => {
                    self.signals.to_tell.notify_one();
                    asked = true;
                }
            }
        }
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // It would go on by itself, and not tell whether notifications were lost.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// The server's text may quote what it was sent, so only its code is told.
fn reason(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| Some(error.code()?.into_owned()));
    code.unwrap_or_else(|| error.to_string())
}
