use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{Any, pool::PoolConnection};

use crate::{
    Conn,
    metrics::{DatabaseMetrics, Operation, Timer},
};

/// A connection to read with. It goes back to the others when it's dropped, and its time is recorded then.
#[derive(Debug)]
pub struct Reading {
    conn: PoolConnection<Any>,
    timer: Option<Timer>,
}

impl Reading {
    pub(crate) fn new(conn: PoolConnection<Any>, metrics: Arc<DatabaseMetrics>) -> Self {
        Self { conn, timer: Some(metrics.timer(Operation::Read)) }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.done(None);
        }
    }
}

impl Deref for Reading {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
