//! Keys are changed without losing what is under way, and wrong ones stop the start.

use segue_core::{Key, Random};
use segue_proto::{common::v1::ErrorReason, issuer::v1::CreateHandoffRequest, router::v1::Presence};
use segue_testkit::{Process, Storage, refused};
use segue_tests::{Fixture, Processes};

const SERVICES: [&str; 2] = ["platform-selector", "code-issuer"];

fn new_key() -> String {
    Key::generate(&Random::secure()).to_base64()
}

async fn restart(system: &mut Processes) {
    for service in SERVICES {
        assert!(system.terminate(service), "{service} ends well");
        system.start_again(service);
    }
    system.wait_until_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_live_through_a_rotation_of_all_keys() {
    for storage in [Storage::SqliteFile, Storage::Postgres] {
        let mut system = Processes::start(storage).await;
        let fixture = Fixture::load(&system.addresses).await;
        let mut issuer = fixture.clients.issuer.clone();
        // A second code by the same agent would end the first.
        fixture.set_presence("A1002", Presence::Available).await;
        let by_another_agent =
            CreateHandoffRequest { agent: "A1002".to_owned(), ..Fixture::handoff("call-2") };
        let (request, lost) = (Fixture::handoff("call-1"), by_another_agent);
        let (before, lost) = (fixture.create(request.clone()).await, fixture.create(lost).await);

        let old = (system.keys.code.clone(), system.keys.directory.clone());
        system.set("SEGUE_CODE_KEY", &new_key());
        system.set("SEGUE_CODE_KEY_PREVIOUS", &old.0);
        system.set("SEGUE_DIRECTORY_KEY", &new_key());
        system.set("SEGUE_DIRECTORY_KEY_PREVIOUS", &old.1);
        restart(&mut system).await;

        let repeated = fixture.create(request).await;
        assert_eq!(repeated.access_info, before.access_info, "what was sealed before opens");
        let redeemed = issuer.redeem_code(Fixture::redemption(&Fixture::digits(&before), "s-1")).await;
        assert_eq!(redeemed.unwrap().into_inner().handoff_id, before.handoff.unwrap().id);
        let after = fixture.create(Fixture::handoff("call-3")).await;
        let account = after.handoff.as_ref().unwrap().target.as_ref().unwrap().account.clone();
        assert!(!account.is_empty(), "the customer is found by the directory of before");
        issuer.redeem_code(Fixture::redemption(&Fixture::digits(&after), "s-3")).await.unwrap();

        // Without the key of before its codes are nothing any more.
        system.set("SEGUE_CODE_KEY_PREVIOUS", "");
        restart(&mut system).await;
        let dead = issuer.redeem_code(Fixture::redemption(&Fixture::digits(&lost), "s-2")).await;
        assert_eq!(refused(dead).reason, ErrorReason::CodeNotAccepted);
    }
}

#[test]
fn a_start_with_bad_keys_fails_and_tells_of_all() {
    let start = |name: &str, settings: &[(&str, &str)]| {
        let mut command = Process::binary("code-issuer");
        command.env("SEGUE_DATABASE_URL", "sqlite::memory:").envs(settings.iter().copied());
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{name}");
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = start("without keys", &[]);
    assert!(missing.contains("code-key") && missing.contains("directory-key"), "{missing}");
    let secret = "c2VjcmV0LWJ1dC1zaG9ydA==";
    let wrong = start(
        "with wrong keys",
        &[("SEGUE_CODE_KEY", secret), ("SEGUE_CODE_KEY_PREVIOUS", "?"), ("SEGUE_DIRECTORY_KEY", secret)],
    );
    for variable in ["SEGUE_CODE_KEY:", "SEGUE_CODE_KEY_PREVIOUS:", "SEGUE_DIRECTORY_KEY:"] {
        assert!(wrong.contains(variable), "{variable} is not told of: {wrong}");
    }
    assert!(!wrong.contains(secret), "no key is printed");
}
