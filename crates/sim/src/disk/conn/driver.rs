use std::{str::FromStr, sync::Once};

use futures::future::BoxFuture;
use sqlx_core::{
    Error,
    any::{AnyConnectOptions, driver::AnyDriver},
    connection::ConnectOptions,
};

use super::{SimConnection, unused::Sim};

/// Has every database of this program opened by the simulation's driver.
pub fn install() {
    static INSTALLED: Once = Once::new();
    static DRIVERS: [AnyDriver; 1] = [AnyDriver::without_migrate::<Sim>()];
    INSTALLED.call_once(|| {
        segue_store::use_installed_drivers();
        drop(sqlx::any::install_drivers(&DRIVERS));
    });
}

/// `sqlite://PROCESS@HOST`.
#[derive(Debug, Clone)]
pub struct SimOptions {
    process: String,
    host: String,
}

impl<'a> TryFrom<&'a AnyConnectOptions> for SimOptions {
    type Error = Error;

    fn try_from(options: &'a AnyConnectOptions) -> Result<Self, Error> {
        let url = &options.database_url;
        Ok(Self { process: url.username().to_owned(), host: url.host_str().unwrap_or_default().to_owned() })
    }
}

impl FromStr for SimOptions {
    type Err = Error;

    fn from_str(_: &str) -> Result<Self, Error> {
        Err(Error::Configuration("the simulation's databases are opened by sqlx's Any".into()))
    }
}

impl ConnectOptions for SimOptions {
    type Connection = SimConnection;

    fn from_url(url: &sqlx_core::Url) -> Result<Self, Error> {
        url.as_str().parse()
    }

    fn connect(&self) -> impl Future<Output = Result<SimConnection, Error>> + Send + '_ {
        let connecting: BoxFuture<'_, _> = Box::pin(SimConnection::open(&self.process, &self.host));
        connecting
    }

    fn log_statements(self, _: log::LevelFilter) -> Self {
        self
    }

    fn log_slow_statements(self, _: log::LevelFilter, _: std::time::Duration) -> Self {
        self
    }
}
