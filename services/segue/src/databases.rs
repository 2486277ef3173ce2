//! Where a system that runs by itself keeps its data: files in its folder, or databases of one PostgreSQL server.

use std::{fmt, path::Path, str::FromStr};

use anyhow::{Context as _, bail, ensure};
use reqwest::Url;
use segue_core::hex;
use segue_store::{Claim, Engine, claim_databases};
use sha2::{Digest as _, Sha256};

/// A database for each service. A URL may hold a password, so there is no `Debug`.
#[derive(Clone)]
pub struct DatabaseUrls {
    /// platform-selector's.
    pub selector: String,
    /// code-issuer's.
    pub issuer: String,
    /// priority-router's.
    pub router: String,
    /// web-channel's.
    pub channel: String,
}

impl DatabaseUrls {
    /// SQLite files in a folder, named as their services are.
    pub fn in_folder(folder: &Path) -> Self {
        Self::of_services(|service| Engine::sqlite_url(&folder.join(format!("{service}.db"))))
    }

    /// By the name of the service.
    fn of_services(url: impl Fn(&str) -> String) -> Self {
        Self {
            selector: url("platform-selector"),
            issuer: url("code-issuer"),
            router: url("priority-router"),
            channel: url("web-channel"),
        }
    }
}

/// The URL of a PostgreSQL database, as it is given on the command line. The four databases are on its server and named
/// after it, `segue` giving `segue_platform_selector` and so on. It may hold a password and is not printed.
#[derive(Clone)]
pub struct ServerUrl(String);

impl FromStr for ServerUrl {
    type Err = std::convert::Infallible;

    /// Takes everything: whoever complains here would print the password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerUrl([secret])")
    }
}

impl ServerUrl {
    /// The databases of the services, made where they are missing, and for this process only as long as it has the claim.
    pub async fn databases(&self) -> anyhow::Result<(DatabaseUrls, Claim)> {
        let (url, name) = self.parse()?;
        let named = |service: &str| format!("{name}_{}", service.replace('-', "_"));
        let names = DatabaseUrls::of_services(named);
        let names = [names.selector, names.issuer, names.router, names.channel];
        let claim = claim_databases(&self.0, &names).await.with_context(|| {
            format!(
                "the databases {} can't be made on the server of --database-url: see that it runs and that its user may \
                 connect to {name} and create databases, or create the four beforehand with that user as their owner",
                names.join(", ")
            )
        })?;
        let claim = claim.with_context(|| {
            format!(
                "another segue up has its data in {name} on the server of --database-url: use it as it is, or stop it, or name \
                 another database"
            )
        })?;
        let urls = DatabaseUrls::of_services(|service| {
            let mut own = url.clone();
            own.set_path(&named(service));
            own.into()
        });
        Ok((urls, claim))
    }

    /// Tells the server and the database from others, without the credentials.
    pub fn fingerprint(&self) -> anyhow::Result<String> {
        let (url, name) = self.parse()?;
        let place = format!("{}:{}/{name}", url.host_str().unwrap_or_default(), url.port().unwrap_or(5432));
        Ok(hex(&Sha256::digest(place)[..4]))
    }

    fn parse(&self) -> anyhow::Result<(Url, String)> {
        let wanted = "--database-url must be of the form postgres://USER:PASSWORD@HOST/DATABASE";
        // Not as the cause: it may quote the URL.
        let Ok(url) = Url::parse(&self.0) else { bail!("{wanted}") };
        if url.scheme() == "sqlite" {
            bail!("{wanted}; SQLite files are kept in the folder of --data-dir");
        }
        ensure!(["postgres", "postgresql"].contains(&url.scheme()), "{wanted}");
        let name = url.path().trim_start_matches('/').to_owned();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ensure!(!name.is_empty() && name.chars().all(plain), "{wanted}, DATABASE of a-z, 0-9 and _");
        Ok((url, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        ServerUrl(url.to_owned()).parse().unwrap_err().to_string()
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        for url in
            ["postgres://u:hush@host/", "mysql://u:hush@host/x", "u:hush@host", "postgres://u:hush@h/a b"]
        {
            let told = refused(url);
            assert!(told.contains("--database-url must be") && !told.contains("hush"), "{told}");
        }
        assert!(refused("sqlite://a.db").contains("--data-dir"));
        assert_eq!(format!("{:?}", ServerUrl("hush".to_owned())), "ServerUrl([secret])");
    }

    #[test]
    fn a_place_is_the_same_whoever_connects() {
        let place = |url: &str| ServerUrl(url.to_owned()).fingerprint().unwrap();
        assert_eq!(place("postgres://a:b@host/segue"), place("postgres://c@host:5432/segue"));
        assert_ne!(place("postgres://a@host/segue"), place("postgres://a@host/other"));
    }
}
