//! A customer's side of the web pages.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    desk::new_uuid,
    patience::{PageError, patiently},
};

const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// A page in a customer's browser.
#[derive(Debug)]
pub struct CustomerPage {
    client: Client,
    base: String,
    platform: String,
    /// The public id of the conversation.
    pub session: String,
    /// The last entry that was seen.
    seen: i64,
}

/// An entry of the conversation.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Its number.
    pub seq: i64,
    /// `text`, `card`, `closed` and so on.
    pub kind: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// What the quick input control answered.
#[derive(Debug, Deserialize)]
pub struct Redeemed {
    /// The agent.
    pub agent: String,
    /// The work order.
    pub work_order: String,
    /// First in line, but not with the agent yet.
    pub waiting: bool,
}

impl CustomerPage {
    /// Begins a conversation. `who` holds the form's fields, as `phone`, `member_id` or `account`.
    pub async fn start(base: &str, platform: &str, name: &str, who: &Value) -> anyhow::Result<Self> {
        let client = Client::builder().cookie_store(true).build()?;
        let (request_id, start_secret) = (new_uuid(), new_uuid());
        let mut form = json!({
            "platform": platform, "request_id": request_id, "start_secret": start_secret, "name": name
        });
        if let (Some(form), Some(who)) = (form.as_object_mut(), who.as_object()) {
            form.extend(who.clone());
        }
        let url = format!("{base}/api/sessions");
        let session: Value = patiently(|| post(&client, &url, &form)).await?.json().await?;
        let session = session["session"].as_str().context("the answer names no session")?.to_owned();
        Ok(Self { client, base: base.to_owned(), platform: platform.to_owned(), session, seen: 0 })
    }

    /// Writes to the agent.
    pub async fn write(&self, text: &str) -> anyhow::Result<()> {
        let body = json!({ "platform": self.platform, "text": text, "message_id": new_uuid() });
        self.post("messages", &body).await.map(drop)
    }

    /// Enters a code in the quick input control.
    pub async fn redeem(&self, code: &str, request_id: &str) -> anyhow::Result<Redeemed> {
        let body = json!({ "platform": self.platform, "request_id": request_id, "code": code });
        Ok(self.post("redeem", &body).await?.json().await?)
    }

    /// Reads the live events until an entry of this kind comes; goes on after the last one seen when it's cut off.
    pub async fn wait_for_entry(&mut self, kind: &str) -> anyhow::Result<Entry> {
        let found = tokio::time::timeout(LONG_ENOUGH, async {
            loop {
                if let Some(entry) = self.read_events(kind).await? {
                    return Ok(entry);
                }
            }
        });
        found.await.with_context(|| format!("no entry of kind {kind} came"))?
    }

    /// One connection's worth of events; none when it was cut off.
    async fn read_events(&mut self, kind: &str) -> anyhow::Result<Option<Entry>> {
        let url = format!("{}/api/events?platform={}", self.base, self.platform);
        let seen = self.seen.to_string();
        let request =
            || async { checked(self.client.get(&url).header("last-event-id", &seen).send().await?).await };
        let mut stream = patiently(request).await?;
        let mut buffer = Vec::new();
        while let Ok(Some(chunk)) = stream.chunk().await {
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = buffer.drain(..end + 2).collect();
                let Some(entry) = parse_event(&event)? else { continue };
                self.seen = entry.seq;
                if entry.kind == kind {
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response> {
        let url = format!("{}/api/{path}", self.base);
        patiently(|| post(&self.client, &url, body)).await
    }
}

async fn post(client: &Client, url: &str, body: &Value) -> Result<Response, PageError> {
    checked(client.post(url).json(body).send().await?).await
}

/// The data of a server-sent event; none for a comment that keeps the connection alive.
fn parse_event(event: &[u8]) -> anyhow::Result<Option<Entry>> {
    let text = std::str::from_utf8(event)?;
    let data: String = text.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    if data.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&data)?)) }
}

async fn checked(answer: Response) -> Result<Response, PageError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    let error = anyhow!("{status}: {text}");
    Err(if status == StatusCode::SERVICE_UNAVAILABLE {
        PageError::Away(error)
    } else {
        PageError::Refused(error)
    })
}
