//! The audit log: appended to in the transaction of the act, each record chained to the one before.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::Event;
use gwm_events::types::audit::{Outcome, Person, Phase, RECORD_APPENDED, Record, RecordObject};
use gwm_kernel::{current_request_id, current_traceparent};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::event::{self, SERVICE};
use crate::error::{Error, Result};

/// An act as this service records it: it begins and ends at once.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    /// `session.start`, `grant.add`, ..
    pub(crate) action: &'a str,
    pub(crate) outcome: Outcome,
    /// Of a refusal.
    pub(crate) reason: Option<&'a str>,
    pub(crate) person: Person,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) object: Option<RecordObject>,
}

/// Appends what happened here. Last in its transaction: the log is held until the commit.
pub(crate) async fn append(connection: &mut PgConnection, act: Act<'_>) -> Result<()> {
    let (previous, at) = lock(&mut *connection).await?;
    let record = Record {
        id: Uuid::now_v7().to_string(),
        number: 0,
        at,
        service: SERVICE.to_owned(),
        action: act.action.to_owned(),
        phase: Phase::Single,
        outcome: Some(act.outcome),
        reason: act.reason.map(str::to_owned),
        person: Some(act.person),
        cluster_id: act.cluster.as_ref().map(|cluster| cluster.id.to_string()),
        cluster: act.cluster.map(|cluster| cluster.slug).filter(|slug| !slug.is_empty()),
        object: act.object,
        job_id: None,
        request_id: current_request_id(),
        details: BTreeMap::new(),
        previous_hash: None,
        hash: None,
    };
    let event = Event::new(RECORD_APPENDED, SERVICE, at, record).traceparent(current_traceparent());
    insert(connection, previous, event).await
}

/// One of the records of an act on many objects, which succeeded.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) action: &'static str,
    pub(crate) person: Option<Person>,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) object: Option<RecordObject>,
    pub(crate) details: BTreeMap<String, Value>,
}

/// Where it was.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: Uuid,
    /// Empty: not known.
    pub(crate) slug: String,
}

/// Appends many records at once, in their order. Last in its transaction, as [`append`].
pub(crate) async fn append_all(connection: &mut PgConnection, entries: Vec<Entry>) -> Result<()> {
    let (last, at) = lock(&mut *connection).await?;
    let (mut number, mut previous) = last.map_or((0, None), |(n, hash)| (n, Some(hash)));
    let (mut numbers, mut ids, mut texts, mut hashes, mut outbox) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        number += 1;
        let mut record = Record {
            id: Uuid::now_v7().to_string(),
            number: u64::try_from(number).unwrap_or_default(),
            at,
            service: SERVICE.to_owned(),
            action: entry.action.to_owned(),
            phase: Phase::Single,
            outcome: Some(Outcome::Succeeded),
            reason: None,
            person: entry.person,
            cluster_id: entry.cluster.as_ref().map(|cluster| cluster.id.to_string()),
            cluster: entry.cluster.map(|cluster| cluster.slug).filter(|slug| !slug.is_empty()),
            object: entry.object,
            job_id: None,
            request_id: current_request_id(),
            details: entry.details,
            previous_hash: previous.take(),
            hash: None,
        };
        let digest = hash(&record)?;
        record.hash = Some(digest.clone());
        texts.push(encode(&record)?);
        let mut event =
            Event::new(RECORD_APPENDED, SERVICE, at, record).traceparent(current_traceparent());
        event.sequence = format!("{number:020}");
        numbers.push(number);
        ids.push(event.id);
        outbox.push(event.outbox_row()?);
        hashes.push(digest.clone());
        previous = Some(digest);
    }
    sqlx::query(
        "insert into audit_record (number, record_id, at, record, hash)
         select n, i, $3, t, h from unnest($1::bigint[], $2::uuid[], $4::text[], $5::text[])
             as l (n, i, t, h)",
    )
    .bind(numbers)
    .bind(ids)
    .bind(at)
    .bind(texts)
    .bind(hashes)
    .execute(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    gwm_pg::outbox::append_all(connection, &outbox).await?;
    Ok(())
}

/// Appends a record that another service made; its event keeps its id.
pub(crate) async fn append_foreign(
    connection: &mut PgConnection,
    event: Event<Record>,
) -> Result<()> {
    let (previous, _) = lock(&mut *connection).await?;
    insert(connection, previous, event).await
}

type Last = Option<(i64, String)>;

/// Makes this transaction the only one that appends, and yields the last record.
async fn lock(connection: &mut PgConnection) -> Result<(Last, DateTime<Utc>)> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('gwm-auth audit log', 0))")
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    let last = sqlx::query_as("select number, hash from audit_record order by number desc limit 1")
        .fetch_optional(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    let at = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok((last, at))
}

/// Numbers, chains, stores and publishes a record.
async fn insert(connection: &mut PgConnection, last: Last, mut event: Event<Record>) -> Result<()> {
    let (number, previous) = last.map_or((0, None), |(number, hash)| (number, Some(hash)));
    let number = number + 1;
    let record = &mut event.data.object;
    record.number = u64::try_from(number).unwrap_or_default();
    record.previous_hash = previous;
    record.hash = Some(hash(record)?);
    let text = encode(record)?;
    sqlx::query(
        "insert into audit_record (number, record_id, at, record, hash) values ($1, $2, $3, $4, $5)",
    )
    .bind(number)
    .bind(event.id)
    .bind(record.at)
    .bind(&text)
    .bind(&record.hash)
    .execute(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    // The revision of a record is its number.
    event.sequence = format!("{number:020}");
    event::pass_on(connection, &event).await
}

/// SHA-256 of the record as JSON, in which `hash` is null and `previous_hash` is set.
fn hash(record: &Record) -> Result<String> {
    Ok(hex::encode(Sha256::digest(encode(&Record { hash: None, ..record.clone() })?)))
}

fn encode(record: &Record) -> Result<String> {
    serde_json::to_string(record).map_err(|_| internal("a record is plain data"))
}

fn internal(text: &str) -> Error {
    Error::Internal(text.to_owned())
}
