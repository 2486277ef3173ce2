use prost::Message as _;
use segue_proto::audit::v1::{
    AuditHead, AuditRecord, ListAuditRecordsRequest, ListAuditRecordsResponse,
    audit_service_server::AuditService,
};
use segue_store::{
    Database, StoreError,
    audit::{self, Chain, Entry, Head, Record},
};
use tonic::{Request, Response, Status};

use crate::{Fields, Refusal, millis_of, page, timestamp};

const MAX_FILTER_CHARACTERS: usize = 512;

/// Lists the log of a service.
pub(crate) struct Lists(pub(crate) Database);

#[tonic::async_trait]
impl AuditService for Lists {
    async fn list_audit_records(
        &self,
        request: Request<ListAuditRecordsRequest>,
    ) -> Result<Response<ListAuditRecordsResponse>, Status> {
        Ok(Response::new(list(&self.0, request.into_inner()).await?))
    }
}

async fn list(
    database: &Database,
    request: ListAuditRecordsRequest,
) -> Result<ListAuditRecordsResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    fields.require(request.after_sequence >= 0, "after_sequence", "must not be negative");
    let like = Entry {
        subject: fields.text("subject", &request.subject, 0..=MAX_FILTER_CHARACTERS),
        method: fields.text("method", &request.method, 0..=MAX_FILTER_CHARACTERS),
        resource: fields.text("resource", &request.resource, 0..=MAX_FILTER_CHARACTERS),
        ..Entry::default()
    };
    fields.finish()?;
    let Entry { subject, method, resource, .. } = &like;
    let scope = format!("ListAuditRecords|{}|{subject}|{method}|{resource}", request.after_sequence);
    let after = page::start(&scope, &request.page_token)?.and_then(|after| after.parse().ok());
    let after = after.unwrap_or(request.after_sequence);
    let read = database.read(async |conn| {
        Ok::<_, StoreError>((audit::head(conn).await?, audit::list(conn, after, &like, page_size + 1).await?))
    });
    let (head, found) = read.await?;
    let mut records: Vec<AuditRecord> = found.into_iter().map(to_record).collect();
    let next_page_token = page::cut(&scope, &mut records, page_size, AuditRecord::encoded_len, |record| {
        record.sequence.to_string()
    });
    Ok(ListAuditRecordsResponse { records, next_page_token, head: Some(to_head(head)) })
}

fn to_record(Record { sequence, entry, hash }: Record) -> AuditRecord {
    AuditRecord {
        sequence,
        time: timestamp(entry.at_ms),
        subject: entry.subject,
        method: entry.method,
        resource: entry.resource,
        request_id: entry.request_id,
        outcome: entry.outcome,
        occurrences: entry.occurrences,
        old_value: entry.old_value,
        new_value: entry.new_value,
        hash,
    }
}

fn to_head(head: Head) -> AuditHead {
    AuditHead {
        sequence: head.sequence,
        hash: head.hash,
        forgotten_sequence: head.forgotten_sequence,
        forgotten_hash: head.forgotten_hash,
    }
}

/// The record that a message tells of, to check its hash.
pub fn record_of(record: &AuditRecord) -> Record {
    Record {
        sequence: record.sequence,
        entry: Entry {
            at_ms: millis_of(record.time.as_ref()),
            subject: record.subject.clone(),
            method: record.method.clone(),
            resource: record.resource.clone(),
            request_id: record.request_id.clone(),
            outcome: record.outcome.clone(),
            occurrences: record.occurrences,
            old_value: record.old_value.clone(),
            new_value: record.new_value.clone(),
        },
        hash: record.hash.clone(),
    }
}

/// The chain that a log's first kept record goes on.
pub fn chain_of(head: &AuditHead) -> Chain {
    Chain::behind(head.forgotten_sequence, head.forgotten_hash.clone())
}
