//! Walks the chain of the audit log, from the first record to the last.

use chrono::{DateTime, Utc};
use gwm_events::types::audit::Record;
use sha2::{Digest, Sha256};
use sqlx::FromRow;

use super::Store;
use crate::error::Result;

/// Read at once.
const PART: i64 = 1000;

/// What the walk found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All fit: how many there are, and the hash of the last.
    Whole { records: i64, last: Option<String> },
    /// The first that does not, and why.
    Broken { number: i64, why: String },
}

#[derive(Debug, FromRow)]
struct Row {
    number: i64,
    at: DateTime<Utc>,
    record: String,
    hash: String,
}

/// Walks all of it. `known` is a record's number and hash as somebody wrote them down: only with it
/// is it seen that records were cut off at the end.
pub(crate) async fn verify(store: &Store, known: Option<(i64, &str)>) -> Result<Verdict> {
    let mut last: (i64, Option<String>) = (0, None);
    loop {
        // No snapshot: numbers are given under a lock, so what comes meanwhile comes behind.
        let rows: Vec<Row> = sqlx::query_as(
            "select number, at, record, hash from audit_record
             where number > $1 order by number limit $2",
        )
        .bind(last.0)
        .bind(PART)
        .fetch_all(store.pool())
        .await
        .map_err(gwm_pg::Error::from)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if let Err(why) = fits(&row, last.0, last.1.as_deref(), known) {
                return Ok(Verdict::Broken { number: row.number, why });
            }
            last = (row.number, Some(row.hash));
        }
    }
    if let Some((number, _)) = known.filter(|(number, _)| *number > last.0) {
        let why = format!("it was there once; the log ends with {}", last.0);
        return Ok(Verdict::Broken { number, why });
    }
    Ok(Verdict::Whole { records: last.0, last: last.1 })
}

fn fits(
    row: &Row,
    before: i64,
    previous: Option<&str>,
    known: Option<(i64, &str)>,
) -> Result<(), String> {
    if row.number != before + 1 {
        return Err(format!("the record before it has the number {before}: some are gone"));
    }
    let record: Record =
        serde_json::from_str(&row.record).map_err(|_| "its text is no record".to_owned())?;
    if i64::try_from(record.number) != Ok(row.number) {
        return Err("its text names another number".to_owned());
    }
    if record.at.timestamp_micros() != row.at.timestamp_micros() {
        return Err("its text names another moment than its row".to_owned());
    }
    if digest(&row.record, &row.hash).as_deref() != Some(&row.hash) {
        return Err("its text was changed: it has another hash".to_owned());
    }
    if record.previous_hash.as_deref() != previous {
        return Err("it does not follow the record before it".to_owned());
    }
    match known {
        Some((number, hash)) if number == row.number && hash != row.hash => {
            Err("it has another hash than the one given".to_owned())
        }
        _ => Ok(()),
    }
}

/// SHA-256 of the text as it was hashed, with null for the hash, which stands last. Taken of the text
/// itself: what a later version of gwm would write for it is no matter.
fn digest(text: &str, hash: &str) -> Option<String> {
    let body = text.strip_suffix(&format!("\"hash\":\"{hash}\"}}"))?;
    Some(hex::encode(Sha256::digest(format!("{body}\"hash\":null}}"))))
}
