//! The jobs of a cluster and the locks they hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Job, JobOp, Status};
use crate::clock::Stamp;

/// All jobs of a cluster, live and archived.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Jobs by number.
    pub jobs: BTreeMap<u64, Job>,
    /// Names of objects on which a running job works.
    pub locked: BTreeSet<String>,
    /// Failures ordered for coming opcodes: `OP_ID`, how often, text.
    pub failures: Vec<(String, u32, String)>,
    /// Holds new jobs in the state queued.
    pub paused: bool,
    last: u64,
}

impl Queue {
    /// Accepts opcodes as a new job; `reason` holds the trail without the queue's own entry.
    pub(crate) fn submit(&mut self, ops: Vec<Map<String, Value>>) -> u64 {
        self.last += 1;
        let id = self.last;
        let received = Stamp::now();
        let ops = ops
            .into_iter()
            .enumerate()
            .map(|(index, mut input)| {
                let op_id = input.get("OP_ID").and_then(Value::as_str).unwrap_or_default();
                let source =
                    format!("gnt:opcode:{}", op_id.trim_start_matches("OP_").to_lowercase());
                let entry = json!([source, format!("job={id};index={index}"), received.nanos()]);
                match input.get_mut("reason") {
                    Some(Value::Array(trail)) => trail.push(entry),
                    _ => {
                        input.insert("reason".to_owned(), json!([entry]));
                    }
                }
                let times = [None; 3];
                let (status, log) = (Status::Queued, Vec::new());
                JobOp { input, status, log, result: Value::Null, times }
            })
            .collect();
        let job = Job {
            id,
            ops,
            status: Status::Queued,
            received,
            start: None,
            end: None,
            archived: false,
            log_serial: 0,
        };
        self.jobs.insert(id, job);
        id
    }

    /// Live jobs, by number.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|job| !job.archived)
    }

    /// Jobs waiting for locks or at work.
    #[must_use]
    pub(crate) fn active(&self) -> usize {
        let active = |job: &&Job| matches!(job.status, Status::Waiting | Status::Running);
        self.jobs.values().filter(active).count()
    }

    /// Sets the state of a job and of all its opcodes that are not done.
    pub(crate) fn set_status(&mut self, id: u64, status: Status) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.status = status;
            for op in job.ops.iter_mut().filter(|op| !op.status.is_final()) {
                op.status = status;
            }
            if status.is_final() {
                job.end = Some(Stamp::now());
            }
        }
    }

    /// Cancels a job, with the answer that RAPI gives.
    pub(crate) fn cancel(&mut self, id: u64) -> (bool, String) {
        match self.jobs.get(&id).filter(|job| !job.archived).map(|job| job.status) {
            Some(Status::Queued | Status::Waiting) => {
                self.set_status(id, Status::Canceled);
                for op in self.jobs.get_mut(&id).into_iter().flat_map(|job| &mut job.ops) {
                    op.result = json!("Job canceled by request");
                }
                (true, "Job successfully cancelled".to_owned())
            }
            Some(Status::Running) => {
                (false, "Job no longer waiting, can't cancel (informed it anyway)".to_owned())
            }
            Some(Status::Success | Status::Error | Status::Canceled) | None => {
                (false, format!("Job {id} not found in queue"))
            }
        }
    }

    /// Archives ended jobs, all or one; answers how many.
    pub(crate) fn archive(&mut self, only: Option<u64>) -> usize {
        let wanted = |job: &&mut Job| {
            job.status.is_final() && !job.archived && only.is_none_or(|id| id == job.id)
        };
        let mut count = 0;
        for job in self.jobs.values_mut().filter(wanted) {
            job.archived = true;
            count += 1;
        }
        count
    }

    /// Takes an ordered failure for this opcode, if there is one.
    pub(crate) fn take_failure(&mut self, op_id: &str) -> Option<String> {
        let found = self.failures.iter_mut().find(|(op, left, _)| op == op_id && *left > 0)?;
        found.1 -= 1;
        Some(found.2.clone())
    }
}
