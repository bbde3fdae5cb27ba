//! The cluster's own job list: every job is told of once, whoever submitted it, and what it named is
//! read when it has ended.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use gwm_events::types::EventType;
use gwm_events::types::inventory::{
    GANETI_JOB_ENDED, GANETI_JOB_STARTED, GANETI_JOB_SUBMITTED, GanetiJob, GanetiJobObject,
};
use gwm_events::{CauseKind, Event};
use gwm_rapi::{GanetiJobId, Job, JobStatus, Op, OpError};

use super::knock::Target;
use super::session::Session;
use super::watch::by_job;
use crate::domain::{ClusterRecord, harmless};
use crate::error::Result;
use crate::store::{self, MARGIN, SERVICE};

/// So many of the latest jobs are history at the first look at a cluster.
const FIRST: u64 = 100;
/// Of so many jobs that failed together it is asked why.
const FAILED: usize = 20;
const LINE: usize = 500;
/// Ganeti's words for errors are shorter.
const WORD: usize = 64;
/// What one job names, at most.
const NAMES: usize = 20;

/// What was told of which job; `None` until it was loaded. One session alone reads and writes it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    highest: Option<u64>,
    /// Revision by number: open ones, and the last few.
    jobs: BTreeMap<u64, i64>,
}

impl Told {
    /// Whether a job that was told of has not ended.
    fn any_open(&self) -> bool {
        self.jobs.values().any(|revision| *revision < ENDED)
    }
}

/// How far a job is: the word in the database, and the revision of what is told.
fn stage(status: &JobStatus) -> (&'static str, i64) {
    match status {
        JobStatus::Success | JobStatus::Error | JobStatus::Canceled => ("ended", ENDED),
        JobStatus::Running | JobStatus::Canceling => ("started", 2),
        JobStatus::Queued | JobStatus::Waiting | JobStatus::Unknown(_) => ("submitted", 1),
    }
}

const ENDED: i64 = 3;

impl Session {
    /// Whether the list had a job that has not ended when it was read last.
    pub(super) async fn jobs_go_on(&self) -> bool {
        self.told.lock().await.as_ref().is_some_and(Told::any_open)
    }

    /// Reads what is new in the list, tells of it and has what ended jobs named read.
    pub(super) async fn read_jobs(&self) -> Result<()> {
        self.load().await?;
        let cluster = self.cluster().await?;
        let reader = self.reader(&cluster).await?;
        let mut told = self.told.lock().await;
        if told.is_none() {
            let highest = self.store.fetch_job_cursor(self.cluster_id).await?;
            let jobs = self.store.list_ganeti_jobs(self.cluster_id).await?;
            *told = Some(Told { highest, jobs: jobs.into_iter().collect() });
        }
        let told = told.as_mut().expect("it was just filled");
        let first = told.highest.is_none();
        let after = match told.highest {
            Some(highest) => highest.saturating_sub(MARGIN),
            None => {
                let last = reader.call("job_ids", reader.client.last_job_id()).await?;
                last.map_or(0, |id| id.0).saturating_sub(FIRST)
            }
        };
        let open: Vec<GanetiJobId> = told
            .jobs
            .iter()
            .filter(|(number, revision)| **number <= after && **revision < ENDED)
            .map(|(number, _)| GanetiJobId(*number))
            .collect();
        let asking = reader.client.jobs_since(GanetiJobId(after), &open);
        let listed = reader.call("jobs", asking).await?;
        let observed_at = Utc::now();
        let mut news: Vec<Job> = listed
            .iter()
            .filter(|job| {
                let known = told.jobs.get(&job.id.0).copied().unwrap_or_default();
                job.status.as_ref().is_some_and(|s| stage(s).1 > known)
            })
            .cloned()
            .collect();
        // Open ones that are not in the queue any more: archived, or forgotten by Ganeti.
        let present: BTreeSet<u64> = listed.iter().map(|job| job.id.0).collect();
        let lost: Vec<u64> = told
            .jobs
            .iter()
            .filter(|(number, revision)| **revision < ENDED && !present.contains(number))
            .map(|(number, _)| *number)
            .collect();
        if news.is_empty() && lost.is_empty() && !first {
            return Ok(());
        }
        // Only now: at rest this costs Ganeti one request. Nothing is believed of another cluster.
        reader.info(Some(cluster.ganeti_uuid)).await?;
        let failed = news.iter().filter(|job| job.status == Some(JobStatus::Error));
        let ids: Vec<GanetiJobId> = failed
            .map(|job| job.id)
            .rev()
            .take(FAILED)
            .chain(lost.iter().take(FAILED).map(|number| GanetiJobId(*number)))
            .collect();
        if !ids.is_empty() {
            let full = reader.call("failed_jobs", reader.client.query_jobs(&ids)).await?;
            for job in full {
                match news.iter_mut().find(|known| known.id == job.id) {
                    Some(known) => *known = job,
                    None => news.push(job),
                }
            }
        }
        news.sort_by_key(|job| job.id);
        self.tell_jobs(&cluster, told, &news, &lost, (first, observed_at)).await
    }

    async fn tell_jobs(
        &self,
        cluster: &ClusterRecord,
        told: &mut Told,
        news: &[Job],
        lost: &[u64],
        (first, observed_at): (bool, DateTime<Utc>),
    ) -> Result<()> {
        let mut objects = Vec::new();
        for job in news {
            objects.push(self.shown(cluster, job).await);
        }
        for number in lost.iter().take(FAILED).filter(|n| !news.iter().any(|job| job.id.0 == **n)) {
            objects.push(forgotten(cluster, *number));
        }
        let highest = objects.iter().map(|o| o.number).max().max(told.highest).unwrap_or_default();
        let mut tx = self.store.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, &self.held).await?;
        for object in &objects {
            let (state, event_type) = kind_of(object);
            let revision = i64::try_from(object.revision).unwrap_or(i64::MAX);
            let (id, number) = (self.cluster_id, object.number);
            if !store::note_ganeti_job(&mut tx, id, number, state, revision).await? {
                continue;
            }
            let at = [object.ended_at, object.started_at, object.received_at];
            let cause = if first { CauseKind::Import } else { CauseKind::Poll };
            let event = Event::new(event_type, SERVICE, observed_at, object.clone())
                .effective_at(at.into_iter().flatten().next())
                .cause(cause, None);
            gwm_pg::outbox::append(&mut tx, &event.outbox_row()?).await?;
        }
        store::move_job_cursor(&mut tx, self.cluster_id, highest).await?;
        tx.commit().await?;

        told.highest = Some(highest);
        for object in &objects {
            told.jobs.insert(object.number, i64::try_from(object.revision).unwrap_or(i64::MAX));
        }
        told.jobs.retain(|number, revision| *revision < ENDED || *number + MARGIN > highest);
        for (object, job) in objects.iter().filter_map(|o| Some((o, job_of(news, o.number)?))) {
            // gwm's own are looked at by job-runner; what ended before the first look was in it.
            if !first && object.ended_at.is_some() && object.gwm_job.is_none() {
                self.read_what_it_named(object, job).await;
            }
        }
        Ok(())
    }

    async fn read_what_it_named(&self, object: &GanetiJob, job: &Job) {
        if job.ops.iter().all(|op| harmless(&op.op_id)) {
            return;
        }
        if object.objects.is_empty() {
            self.wake.push(Target::Everything, by_job(object.number, false));
        }
        for named in &object.objects {
            let target = match named.kind.as_str() {
                "instance" => Target::Instance(named.name.clone()),
                _ => Target::Node(named.name.clone()),
            };
            // Only what was seen last before the job began can have been removed by it.
            let removed = object.status == "success"
                && object.op_code == "OP_INSTANCE_REMOVE"
                && job.ops.len() == 1
                && self.not_seen_since(&named.name, job.start_ts).await;
            self.wake.push(target, by_job(object.number, removed));
        }
    }

    /// Whether the last complete look was before this.
    async fn not_seen_since(&self, name: &str, began: Option<DateTime<Utc>>) -> bool {
        let Some(began) = began else { return false };
        let state = self.state.lock().await;
        let Some(state) = state.as_ref() else { return false };
        let seen = state.reads.get(name).copied().max(state.looked_at);
        seen.is_some_and(|at| at < began)
    }

    /// The job as it is told of: names and opcode ids. Parameters, texts of errors and logs may hold secrets
    /// of guests (of an OS script's output, for instance), so they go nowhere.
    async fn shown(&self, cluster: &ClusterRecord, job: &Job) -> GanetiJob {
        let mut objects: Vec<GanetiJobObject> = Vec::new();
        for (index, op) in job.ops.iter().enumerate() {
            let summary = job.summary.get(index).map_or("", String::as_str);
            let found = if let Some(name) = &op.instance_name {
                Some(("instance", name.clone(), self.uuid_of(name, false).await))
            } else if let Some(name) = &op.node_name {
                Some(("node", name.clone(), self.uuid_of(name, true).await))
            } else if let Some((kind, name)) = tagged(op) {
                let uuid = self.uuid_of(name, kind == "node").await;
                Some((kind, name.to_owned(), uuid))
            } else if let Some(name) = named_in(summary) {
                // Such as TAGS_SET(web1): whatever is known by that name.
                match self.uuid_of(name, false).await {
                    Some(uuid) => Some(("instance", name.to_owned(), Some(uuid))),
                    None => self
                        .uuid_of(name, true)
                        .await
                        .map(|uuid| ("node", name.to_owned(), Some(uuid))),
                }
            } else {
                None
            };
            let Some((kind, name, uuid)) = found else { continue };
            let same = |o: &GanetiJobObject| o.kind == kind && o.name == name;
            if objects.len() < NAMES && !objects.iter().any(same) {
                let uuid = uuid.map(|u| u.to_string());
                objects.push(GanetiJobObject { kind: kind.to_owned(), name, uuid });
            }
        }
        let status = job.status.clone().unwrap_or(JobStatus::Unknown("unknown".to_owned()));
        let (_, revision) = stage(&status);
        GanetiJob {
            number: job.id.0,
            cluster: cluster.slug.clone(),
            cluster_id: cluster.cluster_id.to_string(),
            status: status.as_str().to_owned(),
            op_code: job.ops.first().map(|op| op.op_id.clone()).unwrap_or_default(),
            summary: job.summary.iter().take(NAMES).map(|s| cut(s, LINE)).collect(),
            objects,
            gwm_job: job.gwm_job().map(|id| id.to_string()),
            received_at: job.received_ts,
            started_at: job.start_ts,
            ended_at: status.is_final().then(|| job.end_ts.unwrap_or_else(Utc::now)),
            error: job.error().and_then(|(_, error)| classified(&error)),
            revision: revision.unsigned_abs(),
        }
    }
}

fn job_of(news: &[Job], number: u64) -> Option<&Job> {
    news.iter().find(|job| job.id.0 == number)
}

fn kind_of(object: &GanetiJob) -> (&'static str, EventType<GanetiJob>) {
    match object.revision {
        1 => ("submitted", GANETI_JOB_SUBMITTED),
        2 => ("started", GANETI_JOB_STARTED),
        _ => ("ended", GANETI_JOB_ENDED),
    }
}

/// One that ended and that Ganeti knows nothing of any more.
fn forgotten(cluster: &ClusterRecord, number: u64) -> GanetiJob {
    GanetiJob {
        number,
        cluster: cluster.slug.clone(),
        cluster_id: cluster.cluster_id.to_string(),
        status: "unknown".to_owned(),
        op_code: String::new(),
        summary: Vec::new(),
        objects: Vec::new(),
        gwm_job: None,
        received_at: None,
        started_at: None,
        ended_at: Some(Utc::now()),
        error: None,
        revision: ENDED.unsigned_abs(),
    }
}

/// The instance or node whose tags are changed: Ganeti's summary does not always say it.
fn tagged(op: &Op) -> Option<(&'static str, &str)> {
    if !op.op_id.starts_with("OP_TAGS_") {
        return None;
    }
    let kind = match op.kind.as_deref()? {
        "instance" => "instance",
        "node" => "node",
        _ => return None,
    };
    op.name.as_deref().filter(|name| !name.is_empty()).map(|name| (kind, name))
}

/// `web1` of `TAGS_SET(web1)`.
fn named_in(summary: &str) -> Option<&str> {
    let name = summary.strip_suffix(')')?.split_once('(')?.1;
    (!name.is_empty()).then_some(name)
}

/// `OpPrereqError wrong_state`: Ganeti's class and code of the error, if they are words.
fn classified(error: &OpError) -> Option<String> {
    let is_word = |text: &&String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (1..=WORD).contains(&text.len()) && text.chars().all(plain)
    };
    let class = error.class.as_ref().filter(is_word)?;
    let code = error.ecode.as_ref().filter(is_word);
    Some(code.map_or(class.clone(), |code| format!("{class} {code}")))
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_out_of_a_summary() {
        assert_eq!(named_in("TAGS_SET(web1.example.com)"), Some("web1.example.com"));
        for none in ["CLUSTER_VERIFY", "TAGS_SET()", "X(a", ""] {
            assert_eq!(named_in(none), None, "{none}");
        }
    }

    #[test]
    fn of_an_error_only_class_and_code_are_told() {
        let error = |class: &str, code: Option<&str>| OpError {
            class: Some(class.to_owned()),
            text: "root_password=hunter2".to_owned(),
            ecode: code.map(str::to_owned),
        };
        let told = |class, code| classified(&error(class, code));
        assert_eq!(
            told("OpPrereqError", Some("wrong_state")).unwrap(),
            "OpPrereqError wrong_state"
        );
        assert_eq!(told("OpExecError", None).unwrap(), "OpExecError");
        assert_eq!(told("OpExecError", Some("a b")).unwrap(), "OpExecError");
        assert_eq!(told("root_password=hunter2", None), None);
        assert_eq!(classified(&OpError { class: None, ..error("", None) }), None);
    }

    #[test]
    fn a_job_only_ever_moves_on() {
        let order =
            [JobStatus::Queued, JobStatus::Waiting, JobStatus::Running, JobStatus::Canceled];
        let stages: Vec<i64> = order.iter().map(|s| stage(s).1).collect();
        assert!(stages.is_sorted(), "{stages:?}");
        assert_eq!(stage(&JobStatus::Unknown("x".to_owned())).1, 1);
    }
}
