use segue_store::{Engine, Settings};

use crate::settings::{Reader, Setting};

/// Settings of every service that has a database, which is all of them.
pub const DATABASE_SETTINGS: &[Setting] = &[
    Setting::secret("database-url", "`sqlite://PATH?mode=rwc` or `postgres://USER:PASSWORD@HOST/DATABASE`"),
    Setting::new(
        "database-connections",
        "8",
        "most connections at a time, 2 to 200; on PostgreSQL there is one more, which listens for other replicas' commits, and priority-router and code-issuer have one more on which they decide",
    ),
    Setting::new(
        "database-batch",
        "64",
        "most writes in one commit, or commands in one turn of priority-router or code-issuer, 1 to 1000; 1 turns group commit off",
    ),
    Setting::new(
        "database-migrations",
        "apply",
        "`apply`: bring the schema up to date at the start; `only`: do that and end; `expect`: refuse to start while it is behind",
    ),
];

/// Reads the settings.
pub fn read_database(reader: &mut Reader) -> Option<Settings> {
    let url = reader.parse_with("database-url", |text| {
        Engine::of_url(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
    });
    let max_connections = reader.number("database-connections", 2..=200);
    let max_batch = reader.number("database-batch", 1..=1000);
    let migrations = reader.get("database-migrations");
    Some(Settings {
        url: url?,
        max_connections: u32::try_from(max_connections?).ok()?,
        max_batch: usize::try_from(max_batch?).ok()?,
        migrations: migrations?,
    })
}
