//! A database that can fall back to an earlier state, as after a failover that lost commits.

use std::{fs, path::PathBuf};

use segue_store::{Conn, Database, Engine, Settings, migrations};
use segue_testkit::{Databases, Storage};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

/// One engine, and a database with the schema.
pub(super) struct Server {
    databases: Databases,
    storage: Storage,
    template: String,
    made: u32,
}

/// A database, and the earlier one that a failover falls back to.
pub(super) struct Data {
    pub conn: Conn,
    name: String,
    saved: Option<String>,
}

impl Server {
    pub(super) async fn start(storage: Storage) -> Self {
        let databases = Databases::alone(storage);
        let url = databases.create();
        Database::open(&Settings::of_url(&url), migrations!()).await.unwrap().close().await;
        let template = match storage {
            Storage::Postgres => url,
            _ => databases.directory().join("0.db").display().to_string(),
        };
        Self { databases, storage, template, made: 0 }
    }

    /// A new database without rows.
    pub(super) async fn create(&mut self) -> Data {
        let template = self.template.clone();
        let name = self.copy(&template).await;
        Data { conn: self.connect(&name).await, name, saved: None }
    }

    /// Remembers what the database is now.
    pub(super) async fn save(&mut self, data: &mut Data) {
        if self.storage == Storage::Postgres {
            // A database can be copied while nobody uses it.
            let elsewhere = self.connect(&self.template.clone()).await;
            std::mem::replace(&mut data.conn, elsewhere).close().await.unwrap();
        }
        let name = data.name.clone();
        data.saved = Some(self.copy(&name).await);
        data.conn = self.connect(&name).await;
    }

    /// Loses what was committed since it was remembered, if it ever was.
    pub(super) async fn fail_over(&mut self, data: &mut Data) -> bool {
        let Some(saved) = data.saved.take() else { return false };
        data.conn = self.connect(&saved).await;
        data.name = saved;
        true
    }

    pub(super) fn engine(&self) -> Engine {
        if self.storage == Storage::Postgres { Engine::Postgres } else { Engine::SqliteFile }
    }

    /// How a turn begins.
    pub(super) fn begin(&self) -> &'static str {
        if self.storage == Storage::Postgres { "BEGIN" } else { "BEGIN IMMEDIATE" }
    }

    /// A database of no other name has this one.
    async fn copy(&mut self, from: &str) -> String {
        self.made += 1;
        if self.storage != Storage::Postgres {
            let to: PathBuf = self.databases.directory().join(format!("copy-{}.db", self.made));
            fs::copy(from, &to).unwrap();
            return to.display().to_string();
        }
        let (server, template) = from.rsplit_once('/').unwrap();
        let mut conn = Conn::connect(&format!("{server}/postgres")).await.unwrap();
        let name = format!("copy_{}", self.made);
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"))).await.unwrap();
        conn.close().await.unwrap();
        format!("{server}/{name}")
    }

    async fn connect(&self, name: &str) -> Conn {
        if self.storage == Storage::Postgres {
            let mut conn = Conn::connect(name).await.unwrap();
            conn.execute("SET synchronous_commit = off").await.unwrap();
            return conn;
        }
        let mut conn = Conn::connect(&Engine::sqlite_url(name.as_ref())).await.unwrap();
        for setting in ["journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = ON"] {
            conn.execute(AssertSqlSafe(format!("PRAGMA {setting}"))).await.unwrap();
        }
        conn
    }
}
