//! Between the wire and the domain.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use gwm_proto::common::ObjectRef;
use gwm_proto::jobs as wire;
use prost_types::value::Kind as Wire;
use prost_types::{Struct, Timestamp};
use serde_json::{Map, Value};

use super::mask;
use crate::domain::{Failure, ForeignJob, Job, LogLine, Step, steps};
use crate::seen::Seen;
use crate::store::list::Listed;

/// Deeper parameters than this are no parameters of ours.
const DEPTH: usize = 8;

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    SystemTime::from(at).into()
}

/// A job as it is answered to this person.
pub(super) fn job(job: &Job, seen: &Seen) -> wire::Job {
    let all = all_of(job);
    if seen.placement(job.cluster_id) { all } else { mask::job(all) }
}

fn all_of(job: &Job) -> wire::Job {
    let steps = steps(job).into_iter().map(step).collect();
    wire::Job {
        job_id: job.job_id.to_string(),
        kind: job.kind.to_string(),
        cluster: job.cluster_slug.clone(),
        object: Some(ObjectRef {
            kind: "instance".to_owned(),
            // A request that was refused may have named no cluster that there is.
            cluster_id: if job.cluster_id.0.is_nil() {
                String::new()
            } else {
                job.cluster_id.to_string()
            },
            uuid: job.instance_uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
        }),
        object_name: job.object_name.clone(),
        state: job.phase.public().to_owned(),
        steps,
        ganeti_jobs: job.ganeti_job.into_iter().collect(),
        requested_by: job.requested_by.clone(),
        // Nobody's id, if gwm does it by itself.
        requested_by_id: if job.requested_by_id.0.is_nil() {
            String::new()
        } else {
            job.requested_by_id.to_string()
        },
        acting_as: job.acting_as.clone().unwrap_or_default(),
        created_at: Some(timestamp(job.created_at)),
        started_at: job.started_at.map(timestamp),
        ended_at: job.ended_at.map(timestamp),
        waiting_for: job.waiting_for.clone().unwrap_or_default(),
        error: job.shown_failure().map(failure),
        stale: job.stale,
        revision: u64::try_from(job.revision).unwrap_or_default(),
        origin: "gwm".to_owned(),
        details_hidden: false,
    }
}

/// Either kind, as this person sees it.
pub(super) fn listed(job: &Listed, seen: &Seen) -> wire::Job {
    match job {
        Listed::Own(own) => self::job(own, seen),
        Listed::Foreign(other) => foreign(other, seen),
    }
}

/// A job that somebody else gave Ganeti: its opcodes are its steps.
pub(super) fn foreign(job: &ForeignJob, seen: &Seen) -> wire::Job {
    let all = all_of_foreign(job);
    if seen.placement(job.cluster_id) { all } else { mask::job(all) }
}

fn all_of_foreign(job: &ForeignJob) -> wire::Job {
    let state = match job.state.as_str() {
        "queued" | "running" => "submitted",
        "succeeded" => "succeeded",
        _ => "failed",
    };
    let step = |(index, line): (usize, &String)| wire::Step {
        name: line.clone(),
        state: state.to_owned(),
        ganeti_job: (index == 0).then_some(job.ganeti_job),
        ganeti_status: if index == 0 { job.ganeti_status.clone() } else { String::new() },
    };
    wire::Job {
        job_id: job.job_id.to_string(),
        kind: job.kind.clone(),
        cluster: job.cluster_slug.clone(),
        object: Some(ObjectRef {
            kind: if job.object_kind.is_empty() { "cluster" } else { &job.object_kind }.to_owned(),
            cluster_id: job.cluster_id.to_string(),
            uuid: job.instance_uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
        }),
        object_name: job.object_name.clone(),
        state: job.state.clone(),
        steps: job.summary.iter().enumerate().map(step).collect(),
        ganeti_jobs: vec![job.ganeti_job],
        requested_by: String::new(),
        requested_by_id: String::new(),
        acting_as: String::new(),
        created_at: Some(timestamp(job.created_at)),
        started_at: job.started_at.map(timestamp),
        ended_at: job.ended_at.map(timestamp),
        waiting_for: String::new(),
        error: job.error.as_ref().map(|(code, message)| wire::JobError {
            code: code.clone(),
            message: message.clone(),
            hint: String::new(),
        }),
        stale: false,
        revision: u64::try_from(job.revision).unwrap_or_default(),
        origin: "ganeti".to_owned(),
        details_hidden: false,
    }
}

fn step(step: Step) -> wire::Step {
    wire::Step {
        name: step.name.to_owned(),
        state: step.state.to_owned(),
        ganeti_job: step.ganeti_job,
        ganeti_status: step.ganeti_status.unwrap_or_default(),
    }
}

fn failure(failure: &Failure) -> wire::JobError {
    wire::JobError {
        code: failure.code.clone(),
        message: failure.message.clone(),
        hint: failure.hint.clone(),
    }
}

/// A log line as it is answered.
pub(super) fn line(line: LogLine) -> wire::LogLine {
    wire::LogLine {
        serial: line.serial,
        time: Some(timestamp(line.at)),
        text: line.text,
        ganeti_job: line.ganeti_job,
    }
}

/// Parameters as JSON; none when they nest too deep.
pub(super) fn parameters(given: Option<Struct>) -> Option<Map<String, Value>> {
    object(given.unwrap_or_default(), DEPTH)
}

fn object(given: Struct, depth: usize) -> Option<Map<String, Value>> {
    given.fields.into_iter().map(|(key, inner)| Some((key, value(inner, depth)?))).collect()
}

fn value(given: prost_types::Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match given.kind {
        None | Some(Wire::NullValue(_)) => Value::Null,
        Some(Wire::BoolValue(flag)) => Value::Bool(flag),
        Some(Wire::NumberValue(number)) => Value::from(number),
        Some(Wire::StringValue(text)) => Value::String(text),
        Some(Wire::ListValue(list)) => Value::Array(
            list.values.into_iter().map(|inner| value(inner, depth)).collect::<Option<_>>()?,
        ),
        Some(Wire::StructValue(inner)) => Value::Object(object(inner, depth)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_nest_too_deep_are_refused() {
        let mut deep = prost_types::Value { kind: Some(Wire::BoolValue(true)) };
        for _ in 0..100 {
            let list = prost_types::ListValue { values: vec![deep] };
            deep = prost_types::Value { kind: Some(Wire::ListValue(list)) };
        }
        let given = Struct { fields: [("x".to_owned(), deep)].into_iter().collect() };
        assert_eq!(parameters(Some(given)), None);
        assert_eq!(parameters(None), Some(Map::new()));
    }
}
