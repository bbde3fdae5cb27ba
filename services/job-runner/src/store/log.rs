//! Log lines.

use chrono::{DateTime, Utc};
use gwm_pg::Result;
use gwm_types::JobId;
use sqlx::{FromRow, PgConnection};

use super::row::{signed, unsigned};
use crate::domain::LogLine;

/// The most that one answer holds.
const PAGE: i64 = 2000;

/// A line as Ganeti said it.
#[derive(Debug)]
pub(crate) struct NewLine {
    pub(crate) ganeti_serial: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) text: String,
}

/// Appends what is new after line `last`; yields the number of the last line then.
pub(crate) async fn append(
    tx: &mut PgConnection,
    job_id: JobId,
    ganeti_job: u64,
    last: u64,
    lines: &[NewLine],
) -> Result<u64> {
    let mut serial = last;
    for line in lines {
        let inserted = sqlx::query(
            "insert into log_line (job_id, serial, ganeti_job, ganeti_serial, at, text)
             values ($1, $2, $3, $4, $5, $6)
             on conflict on constraint log_line_ganeti_key do nothing",
        )
        .bind(job_id.0)
        .bind(signed(serial + 1))
        .bind(signed(ganeti_job))
        .bind(signed(line.ganeti_serial))
        .bind(line.at)
        .bind(&line.text)
        .execute(&mut *tx)
        .await?;
        serial += inserted.rows_affected();
    }
    Ok(serial)
}

/// The highest serial of Ganeti's that is stored, 0 at first.
pub(crate) async fn last_ganeti_serial(
    connection: &mut PgConnection,
    job_id: JobId,
    ganeti_job: u64,
) -> Result<u64> {
    let last: Option<i64> = sqlx::query_scalar(
        "select max(ganeti_serial) from log_line where job_id = $1 and ganeti_job = $2",
    )
    .bind(job_id.0)
    .bind(signed(ganeti_job))
    .fetch_one(connection)
    .await?;
    unsigned("ganeti_serial", last.unwrap_or_default())
}

#[derive(Debug, FromRow)]
struct LineRow {
    serial: i64,
    ganeti_job: i64,
    at: DateTime<Utc>,
    text: String,
}

/// Lines after a serial, in order.
pub(crate) async fn list(
    connection: &mut PgConnection,
    job_id: JobId,
    after: u64,
) -> Result<Vec<LogLine>> {
    let rows: Vec<LineRow> = sqlx::query_as(
        "select serial, ganeti_job, at, text from log_line
         where job_id = $1 and serial > $2 order by serial limit $3",
    )
    .bind(job_id.0)
    .bind(signed(after))
    .bind(PAGE)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(LogLine {
                serial: unsigned("serial", row.serial)?,
                ganeti_job: unsigned("ganeti_job", row.ganeti_job)?,
                at: row.at,
                text: row.text,
            })
        })
        .collect()
}
