//! Files that customers send.

use axum::{
    Extension,
    extract::{
        Multipart, Path, Query, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use segue_proto::common::v1::ErrorReason;
use segue_runtime::{Fields, shares::Full};

use super::{
    Shared,
    chat::{message_id, written},
    client::Client,
    customer::{OnPlatform, find, open_session},
    problem::Problem,
    shares::UploadShare,
};
use crate::{
    commands::uploads::{self, NewUpload, Uploaded},
    domain::visible_name,
};

/// The largest file.
const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;
/// A file and the form around it.
pub(super) const MAX_BODY_BYTES: usize = MAX_FILE_BYTES + 64 * 1024;

#[derive(Default)]
struct Form {
    message_id: String,
    name: String,
    bytes: Vec<u8>,
}

pub(super) async fn receive(
    State(web): State<Shared>,
    Query(on): Query<OnPlatform>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    parts: Multipart,
) -> Result<StatusCode, Problem> {
    let session = open_session(&web, &headers, &on.platform).await?;
    if web.platform(&session.platform).is_none_or(|platform| !platform.upload) {
        return Err(Problem::field("platform", "takes no files"));
    }
    let mut share = web.shares.upload(&client);
    let form = read(parts, &mut share).await?;
    if form.bytes.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut fields = Fields::new();
    let id = message_id(&mut fields, &form.message_id);
    fields.check_text("file.name", &form.name, 1..=200);
    fields.require(!form.bytes.is_empty(), "file", "must not be empty");
    fields.finish()?;
    let upload = NewUpload { session: &session.id, id: &id, name: &form.name, bytes: &form.bytes };
    match uploads::upload(&web.store, &upload).await? {
        Uploaded::Entry(appended) => written(appended),
        Uploaded::TooMany => Err(Problem::field("file", "is one too many for this conversation")),
        Uploaded::TooLarge => Err(Problem::field("file", "is more than this conversation may have in files")),
        Uploaded::NoRoom => Err(Problem::full(Full::All)),
    }
}

/// A file back to the customer who sent it.
pub(super) async fn send(
    State(web): State<Shared>,
    Path(id): Path<String>,
    Query(on): Query<OnPlatform>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = find(&web, &headers, &on.platform).await?.ok_or_else(Problem::no_session)?;
    download(web.store.file(&session.id, &id).await?)
}

/// A file as a download: whatever it is, no browser is to show it as a page of ours.
pub(super) fn download(file: Option<Vec<u8>>) -> Result<Response, Problem> {
    let Some(bytes) = file else {
        return Err(Problem::of(ErrorReason::SessionNotFound));
    };
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((headers, bytes).into_response())
}

async fn read(mut parts: Multipart, share: &mut UploadShare<'_>) -> Result<Form, Problem> {
    let mut form = Form::default();
    while let Some(mut part) = parts.next_field().await.map_err(|error| unreadable(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(visible_name).unwrap_or_default();
        let bytes = read_part(&mut part, share).await?;
        match name.as_str() {
            // What is no text is no UUID either.
            "message_id" => form.message_id = String::from_utf8(bytes).unwrap_or_default(),
            "file" => {
                form.name = file_name;
                form.bytes = bytes;
            }
            _ => {}
        }
    }
    Ok(form)
}

/// Every part is charged as it arrives.
async fn read_part(part: &mut Field<'_>, share: &mut UploadShare<'_>) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![];
    while let Some(chunk) = part.chunk().await.map_err(|error| unreadable(&error))? {
        share.received(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreadable(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Problem::field("body", "must be a form with message_id and file")
    }
}

fn too_large() -> Problem {
    Problem::field("file", "must have at most 10 MB").with_status(StatusCode::PAYLOAD_TOO_LARGE)
}
