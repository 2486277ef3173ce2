//! Bearer tokens, checked against keys from a file and from a URL.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use segue_core::{Clock as _, ManualClock, SystemClock};
use segue_proto::{channel::v1::channel_service_client::ChannelServiceClient, common::v1::ErrorReason};
use segue_runtime::{Stop, overload::statuses};
use segue_testkit::wait_for;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{World, asked, end, start};
use crate::service::{connect, server_at};

const BAD: Option<ErrorReason> = Some(ErrorReason::CallerUnknown);

/// Somebody who issues tokens with one key.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let der = |kind| KeyPair::generate_for(kind).unwrap().serialize_der();
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_der(&rsa_key()),
            Algorithm::ES384 => EncodingKey::from_ec_der(&der(&PKCS_ECDSA_P384_SHA384)),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&ed25519_key()),
            _ => EncodingKey::from_ec_der(&der(&PKCS_ECDSA_P256_SHA256)),
        };
        Self { id, algorithm, key }
    }

    /// Its public key, as a JWK.
    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn header(&self) -> Header {
        Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) }
    }

    fn sign(&self, claims: &Value) -> String {
        encode(&self.header(), claims, &self.key).unwrap()
    }
}

/// PKCS #1, which is what the library signs with.
fn rsa_key() -> Vec<u8> {
    let pkcs8 = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_der();
    // The private key is the octet string at the end of the PKCS #8 wrapping: version, algorithm, key.
    pkcs8[26..].to_vec()
}

/// PKCS #8 version 1: without the public key, as the library reads it.
fn ed25519_key() -> Vec<u8> {
    let mut pkcs8 = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_der();
    if pkcs8.len() > 48 {
        let seed = pkcs8[16..48].to_vec();
        pkcs8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20].to_vec();
        pkcs8.extend(seed);
    }
    pkcs8
}

fn now() -> i64 {
    SystemClock.now_ms() / 1000
}

fn claims() -> Value {
    json!({"sub": "issuer-by-token", "iss": "https://login.example", "aud": "segue", "exp": now() + 600})
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Settings of a service in plain text on loopback, which knows its callers by tokens.
fn settings(world: &World, keys: &str) -> BTreeMap<String, String> {
    [
        ("SEGUE_IDENTITIES", world.identities.to_str().unwrap()),
        ("SEGUE_JWT_KEYS", keys),
        ("SEGUE_JWT_ISSUER", "https://login.example"),
        ("SEGUE_JWT_AUDIENCE", "segue"),
        ("SEGUE_RELOAD_SECONDS", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.public()).collect::<Vec<_>>()}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_only_when_everything_about_it_is_right() {
    let (world, stop) = (World::new(), Stop::new());
    let signers = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
        .map(|algorithm| Signer::new(Box::leak(format!("{algorithm:?}").into_boxed_str()), algorithm));
    let file = world.folder.path().join("keys.json");
    fs::write(&file, set(&signers.each_ref())).unwrap();
    let running = start(&settings(&world, file.to_str().unwrap()), &stop).await;
    let mut client = ChannelServiceClient::new(connect(&running).await);
    let mut ask = async |token: &str| asked(&mut client, Some(token)).await;

    for signer in &signers {
        assert_eq!(ask(&signer.sign(&claims())).await, None, "{}", signer.id);
    }
    let signer = &signers[1];
    let listed = claims_with("aud", json!(["other", "segue"]));
    assert_eq!(ask(&signer.sign(&listed)).await, None, "one of several audiences");
    assert_eq!(ask(&signer.sign(&claims_with("exp", json!(now() - 10)))).await, None, "clocks may differ");
    let nobody = claims_with("sub", json!("nobody"));
    assert_eq!(ask(&signer.sign(&nobody)).await, Some(ErrorReason::CallerNotAllowed));

    for (what, claims) in [
        ("a name that is for certificates", claims_with("sub", json!(super::ISSUER))),
        ("other audience", claims_with("aud", json!("other"))),
        ("no audience", claims_without("aud")),
        ("other issuer", claims_with("iss", json!("https://evil.example"))),
        ("no issuer", claims_without("iss")),
        ("over", claims_with("exp", json!(now() - 60))),
        ("no end", claims_without("exp")),
        ("good for too long", claims_with("exp", json!(now() + 90_000))),
        ("not yet", claims_with("nbf", json!(now() + 60))),
        ("no subject", claims_without("sub")),
        ("empty subject", claims_with("sub", json!(""))),
    ] {
        assert_eq!(ask(&signer.sign(&claims)).await, BAD, "{what}");
    }
    let typed = |kind: &str| {
        let header = Header { typ: Some(kind.to_owned()), ..signer.header() };
        encode(&header, &claims(), &signer.key).unwrap()
    };
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert_eq!(ask(&typed(kind)).await, None, "{kind}");
    }
    for kind in ["logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
        assert_eq!(ask(&typed(kind)).await, BAD, "{kind}");
    }
    for token in ["", "x", "a.b.c", &"x".repeat(9000)] {
        assert_eq!(ask(token).await, BAD, "{token}");
    }
    let (head, rest) =
        signer.sign(&claims()).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let other = URL_SAFE_NO_PAD.encode(claims_with("sub", json!("operator")).to_string());
    assert_eq!(ask(&format!("{head}.{other}.{signature}")).await, BAD, "another content");
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_and_no_algorithm_but_those_of_the_set() {
    let (world, stop) = (World::new(), Stop::new());
    let (rsa, ec) = (Signer::new("rsa", Algorithm::RS256), Signer::new("ec", Algorithm::ES256));
    let shared = EncodingKey::from_secret(b"a secret that many know");
    let file = world.folder.path().join("keys.json");
    let mut keys = json!({"keys": [rsa.public(), ec.public()]});
    let list = keys["keys"].as_array_mut().unwrap();
    list.push(json!({"kty": "oct", "kid": "shared", "k": URL_SAFE_NO_PAD.encode("a secret that many know")}));
    list.push(json!({"kty": "of the future", "kid": "new"}));
    let encryption = Signer::new("encryption", Algorithm::ES256);
    let mut for_encryption = encryption.public();
    for_encryption["use"] = json!("enc");
    list.push(for_encryption);
    fs::write(&file, keys.to_string()).unwrap();
    let running = start(&settings(&world, file.to_str().unwrap()), &stop).await;
    let mut client = ChannelServiceClient::new(connect(&running).await);
    let mut ask = async |token: &str| asked(&mut client, Some(token)).await;
    assert_eq!(ask(&rsa.sign(&claims())).await, None);

    let with = |header: Header, key: &EncodingKey| encode(&header, &claims(), key).unwrap();
    let unknown = Signer::new("unknown", Algorithm::ES256);
    let impostor = Signer::new("ec", Algorithm::ES256);
    assert_eq!(ask(&unknown.sign(&claims())).await, BAD, "a key that is not in the set");
    assert_eq!(ask(&impostor.sign(&claims())).await, BAD, "another key under a known id");
    assert_eq!(ask(&encryption.sign(&claims())).await, BAD, "a key for something else");
    assert_eq!(ask(&with(Header { kid: None, ..ec.header() }, &ec.key)).await, BAD, "no key id");
    let own_key = Header { jwk: Some(serde_json::from_value(unknown.public()).unwrap()), ..ec.header() };
    assert_eq!(ask(&with(own_key, &unknown.key)).await, BAD, "a key that the token brings along");
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..ec.header() };
    assert_eq!(ask(&with(critical, &ec.key)).await, BAD, "something critical that isn't understood");

    // The public key taken for a shared secret, in each form that it might be taken in.
    let of_shared = Header { kid: Some("shared".to_owned()), ..Header::new(Algorithm::HS256) };
    assert_eq!(ask(&with(of_shared, &shared)).await, BAD, "a shared secret of the set");
    let public = rsa.public();
    for secret in [public["n"].as_str().unwrap().to_owned(), public.to_string(), String::new()] {
        let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
        assert_eq!(ask(&with(header, &EncodingKey::from_secret(secret.as_bytes()))).await, BAD);
    }
    // No signature at all.
    for algorithm in ["none", "None", "NONE", "HS256", "RS256"] {
        let head = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT", "kid": "rsa"}).to_string());
        let body = URL_SAFE_NO_PAD.encode(claims().to_string());
        assert_eq!(ask(&format!("{head}.{body}.")).await, BAD, "{algorithm}");
    }
    // Another algorithm of the same kind than the one that the key is for.
    let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::RS512) };
    assert_eq!(ask(&with(header, &rsa.key)).await, BAD, "a key for another algorithm");
    // A key of one kind under the other's algorithm.
    let header = Header { kid: Some("rsa".to_owned()), ..ec.header() };
    assert_eq!(ask(&with(header, &ec.key)).await, BAD, "another kind of key");
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_file_are_rotated() {
    let (world, stop) = (World::new(), Stop::new());
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::ES256));
    let file = world.folder.path().join("keys.json");
    fs::write(&file, set(&[&old])).unwrap();
    let running = start(&settings(&world, file.to_str().unwrap()), &stop).await;
    let client = ChannelServiceClient::new(connect(&running).await);
    assert_eq!(asked(&mut client.clone(), Some(&old.sign(&claims()))).await, None);
    assert_eq!(asked(&mut client.clone(), Some(&new.sign(&claims()))).await, BAD);
    fs::write(&file, set(&[&new])).unwrap();
    wait_for("the new key", || async {
        asked(&mut client.clone(), Some(&new.sign(&claims()))).await.is_none()
    })
    .await;
    assert_eq!(asked(&mut client.clone(), Some(&old.sign(&claims()))).await, BAD);
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_url_are_fetched_and_a_new_one_is_looked_for() {
    let (world, stop) = (World::new(), Stop::new());
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::ES256));
    let answers = Arc::new(Mutex::new((None::<String>, 0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let given = answers.clone();
    let pages = Router::new().route(
        "/keys",
        get(async move || {
            let mut answers = given.lock().unwrap();
            answers.1 += 1;
            answers.0.clone().ok_or(StatusCode::SERVICE_UNAVAILABLE)
        }),
    );
    let serving = tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });

    let clock = ManualClock::starting_at(now() * 1000);
    let config = super::read(&settings(&world, &url)).unwrap();
    let running = server_at(&stop, clock.clone()).await.start(&config).await.unwrap();
    let client = ChannelServiceClient::new(connect(&running).await);
    let ask = async |signer: &Signer| asked(&mut client.clone(), Some(&signer.sign(&claims()))).await;

    assert_eq!(ask(&old).await, Some(ErrorReason::DependencyUnavailable), "nothing can be checked");
    answers.lock().unwrap().0 = Some(set(&[&old]));
    assert_eq!(ask(&old).await, Some(ErrorReason::DependencyUnavailable), "it was asked just now");
    clock.advance(Duration::from_secs(11));
    assert_eq!(ask(&old).await, None);
    answers.lock().unwrap().0 = Some(set(&[&old, &new]));
    assert_eq!(ask(&new).await, BAD, "made-up ids must not become a flood");
    let asked_so_far = answers.lock().unwrap().1;
    clock.advance(Duration::from_secs(11));
    assert_eq!(ask(&new).await, None, "an unknown key is looked for");
    assert_eq!(answers.lock().unwrap().1, asked_so_far + 1);
    answers.lock().unwrap().0 = None;
    clock.advance(Duration::from_secs(590));
    let token = new.sign(&claims());
    let ask = async || asked(&mut client.clone(), Some(&token)).await;
    assert_eq!(ask().await, None, "known keys hold while the URL does not answer");
    clock.advance(Duration::from_secs(60));
    assert_eq!(ask().await, BAD, "tokens end by the service's clock");
    // For a day, and no longer: a key may have been withdrawn since.
    let later = || new.sign(&claims_with("exp", json!(clock.now_ms() / 1000 + 600)));
    let ask = async |token: String| asked(&mut client.clone(), Some(&token)).await;
    clock.advance(Duration::from_secs(20 * 60 * 60));
    assert_eq!(ask(later()).await, None);
    clock.advance(Duration::from_secs(4 * 60 * 60));
    assert_eq!(ask(later()).await, Some(ErrorReason::DependencyUnavailable));
    serving.abort();
    end(running, &stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_closed_when_it_shows_no_token_in_time() {
    let (world, stop) = (World::new(), Stop::new());
    let signer = Signer::new("key", Algorithm::ES256);
    let file = world.folder.path().join("keys.json");
    fs::write(&file, set(&[&signer])).unwrap();
    let mut settings = settings(&world, file.to_str().unwrap());
    settings.insert("SEGUE_UNNAMED_SECONDS".to_owned(), "1".to_owned());
    let running = start(&settings, &stop).await;
    let connections =
        || statuses().into_iter().find(|load| load.address == running.address).unwrap().connections;
    let mut client = ChannelServiceClient::new(connect(&running).await);
    assert_eq!(asked(&mut client, Some(&signer.sign(&claims()))).await, None);
    // It speaks HTTP/2 and keeps the connection alive, but its tokens are no good.
    let mut nameless = ChannelServiceClient::new(connect(&running).await);
    assert_eq!(asked(&mut nameless, Some("a.b.c")).await, BAD);
    assert_eq!(connections(), 2);
    wait_for("its end", async || connections() == 1).await;
    assert_eq!(asked(&mut client, Some(&signer.sign(&claims()))).await, None);
    assert_eq!(connections(), 1, "the one with a name is the same as before");
    end(running, &stop).await;
}
