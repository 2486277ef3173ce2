//! The directory key is rotated as the document says, to the point where the old key is dropped.

use segue_core::{Key, Random};
use segue_proto::selector::v1::GetDirectoryStatusRequest;
use segue_testkit::{Databases, Storage};

use crate::selector::{add_platform, client, found, run, start};

const ACCOUNTS: usize = 100;

segue_testkit::on_durable_engines!(the_directory_key_is_rotated);

async fn the_directory_key_is_rotated(storage: Storage) {
    let databases = Databases::start(storage);
    let (url, folder) = (databases.create(), databases.directory());
    let csv = folder.join("accounts.csv");
    let rows = (0..ACCOUNTS).map(|row| format!("app,a{row},+86138{row:08}\n"));
    std::fs::write(&csv, format!("platform,account,phone\n{}", rows.collect::<String>())).unwrap();
    let csv = csv.display().to_string();
    let accounts = [("ACCOUNTS", csv.as_str())];
    let [old, new] = [(); 2].map(|()| Key::generate(&Random::secure()).to_base64());

    let (mut selector, port) = start(&url, folder, &old, "").await;
    add_platform(port, "app").await;
    run("import-accounts", port, &accounts);
    selector.terminate();

    let (mut selector, port) = start(&url, folder, &new, &old).await;
    assert_eq!(keys(port).await, (0, 100, 0));
    run("import-accounts", port, &accounts);
    run("rotation-is-over", port, &[]);
    assert_eq!(keys(port).await, (100, 0, 0));
    selector.terminate();

    let (mut selector, port) = start(&url, folder, &new, "").await;
    run("rotation-is-over", port, &[]);
    assert_eq!(keys(port).await, (100, 0, 0));
    for row in 0..ACCOUNTS {
        assert_eq!(found(port, "phone", &format!("+86138{row:08}")).await, 1, "{row}");
    }
    selector.terminate();
}

/// Accounts under the current key, under the one before, and under those that are gone.
async fn keys(port: u16) -> (i64, i64, i64) {
    let status = client(port).get_directory_status(GetDirectoryStatusRequest {}).await.unwrap().into_inner();
    (status.current_key, status.previous_key, status.lost_keys)
}
