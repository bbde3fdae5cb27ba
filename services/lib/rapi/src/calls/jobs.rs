//! Ganeti's jobs.

use http::Method;
use uuid::Uuid;

use crate::bulk::Bulk;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::model::{GanetiJobId, Job, JobStatus, LogEntry, Op, OpResult};
use crate::query::{Cell, Filter, Resource};
use crate::reason::op_of_reason;

/// What a cancel did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelOutcome {
    /// Whether the job will not run.
    pub canceled: bool,
    /// Ganeti's words.
    pub message: String,
}

type FollowRow = (
    Cell<GanetiJobId>,
    Cell<JobStatus>,
    Cell<Vec<JobStatus>>,
    Cell<Vec<Vec<LogEntry>>>,
    Cell<Vec<OpResult>>,
    Cell<Vec<Op>>,
    Cell<Vec<String>>,
    Cell<(i64, u32)>,
    Cell<(i64, u32)>,
    Cell<(i64, u32)>,
);

const FOLLOW_FIELDS: [&str; 10] = [
    "id",
    "status",
    "opstatus",
    "oplog",
    "opresult",
    "ops",
    "summary",
    "received_ts",
    "start_ts",
    "end_ts",
];

/// Ganeti searches its archive exactly when `archived` is among the fields (seen on 3.0.2; in the filter it does nothing).
const SEARCH_FIELDS: [&str; 4] = ["id", "ops", "status", "archived"];

fn job_of_row(row: FollowRow) -> Option<Job> {
    let (id, status, opstatus, oplog, opresult, ops, summary, received, start, end) = row;
    let time = |cell: Cell<(i64, u32)>| cell.value.and_then(crate::model::time_of_pair);
    Some(Job {
        id: id.value?,
        status: status.value,
        summary: summary.value.unwrap_or_default(),
        ops: ops.value.unwrap_or_default(),
        opstatus: opstatus.value.unwrap_or_default(),
        oplog: oplog.value.unwrap_or_default(),
        opresult: opresult.value.unwrap_or_default(),
        received_ts: time(received),
        start_ts: time(start),
        end_ts: time(end),
    })
}

impl Client {
    /// All unarchived jobs, without log and results.
    pub async fn jobs(&self) -> Result<Vec<Job>, Error> {
        self.jobs_bulk_raw().await?.parse()
    }

    /// All unarchived jobs, as raw objects (they have a number instead of UUID and name: use [`Bulk::slices`]).
    pub async fn jobs_bulk_raw(&self) -> Result<Bulk, Error> {
        self.get_bulk("GET /2/jobs", &["2", "jobs"]).await
    }

    /// The highest job number among unarchived jobs; `None` when there are none.
    pub async fn last_job_id(&self) -> Result<Option<GanetiJobId>, Error> {
        #[derive(serde::Deserialize)]
        struct Listed {
            id: GanetiJobId,
        }
        let jobs: Vec<Listed> = self.get(&["2", "jobs"], &[]).await?;
        Ok(jobs.into_iter().map(|job| job.id).max())
    }

    /// One job, archived or not; `None` when Ganeti doesn't know the number (it then answers 200 with nulls).
    pub async fn job(&self, id: GanetiJobId) -> Result<Option<Job>, Error> {
        let job: Job = self.get(&["2", "jobs", &id.to_string()], &[]).await?;
        Ok(job.status.is_some().then_some(job))
    }

    /// Several jobs with log and results in one call, archived or not; unknown numbers are left out.
    pub async fn query_jobs(&self, ids: &[GanetiJobId]) -> Result<Vec<Job>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter = Filter::any(ids.iter().map(|id| Filter::equals("id", id.0)));
        let rows: Vec<FollowRow> = self.query(Resource::Job, &FOLLOW_FIELDS, Some(&filter)).await?;
        Ok(rows.into_iter().filter_map(job_of_row).filter(|job| job.status.is_some()).collect())
    }

    /// Unarchived jobs above `after`, and those of `open` that are still unarchived; without log and results.
    pub async fn jobs_since(
        &self,
        after: GanetiJobId,
        open: &[GanetiJobId],
    ) -> Result<Vec<Job>, Error> {
        type Row = (
            Cell<GanetiJobId>,
            Cell<JobStatus>,
            Cell<Vec<String>>,
            Cell<Vec<Op>>,
            Cell<(i64, u32)>,
            Cell<(i64, u32)>,
            Cell<(i64, u32)>,
        );
        const FIELDS: [&str; 7] =
            ["id", "status", "summary", "ops", "received_ts", "start_ts", "end_ts"];
        let above = Filter::above("id", after.0);
        let known = open.iter().map(|id| Filter::equals("id", id.0));
        let filter = Filter::any(std::iter::once(above).chain(known));
        let rows: Vec<Row> = self.query(Resource::Job, &FIELDS, Some(&filter)).await?;
        let time = |cell: Cell<(i64, u32)>| cell.value.and_then(crate::model::time_of_pair);
        Ok(rows
            .into_iter()
            .filter_map(|(id, status, summary, ops, received, start, end)| {
                Some(Job {
                    id: id.value?,
                    status: Some(status.value?),
                    summary: summary.value.unwrap_or_default(),
                    ops: ops.value.unwrap_or_default(),
                    opstatus: Vec::new(),
                    oplog: Vec::new(),
                    opresult: Vec::new(),
                    received_ts: time(received),
                    start_ts: time(start),
                    end_ts: time(end),
                })
            })
            .collect())
    }

    /// Jobs above `after` whose reason trail carries the op, lowest number first, archived ones included.
    ///
    /// The first is the job that the submission made; later ones are children, which inherit the trail.
    pub async fn find_jobs_by_op(
        &self,
        op: Uuid,
        after: GanetiJobId,
    ) -> Result<Vec<(GanetiJobId, JobStatus)>, Error> {
        type Row = (Cell<GanetiJobId>, Cell<Vec<Op>>, Cell<JobStatus>, Cell<bool>);
        let filter = Filter::above("id", after.0);
        let rows: Vec<Row> = self.query(Resource::Job, &SEARCH_FIELDS, Some(&filter)).await?;
        let mut found = Vec::new();
        for (id, ops, status, _archived) in rows {
            // A job that can't be read may be the one: to leave it out would say "never sent".
            let (Some(id), Some(ops), Some(status)) = (id.value, ops.value, status.value) else {
                let detail = "a job of the search could not be read".to_owned();
                return Err(Error::new("PUT /2/query/job", true, ErrorKind::Protocol { detail }));
            };
            let trail = ops.iter().flat_map(|own| &own.reason);
            if trail.into_iter().any(|entry| op_of_reason(&entry.1) == Some(op)) {
                found.push((id, status));
            }
        }
        found.sort_by_key(|(id, _)| *id);
        Ok(found)
    }

    /// Cancels a job; makes no job itself and may be repeated.
    pub async fn cancel_job(&self, id: GanetiJobId) -> Result<CancelOutcome, Error> {
        let (canceled, message): (bool, String) = self
            .ask(Method::DELETE, &["2", "jobs", &id.to_string()], &[], None::<&()>, false)
            .await?;
        Ok(CancelOutcome { canceled, message: crate::error::clean(&message) })
    }
}
