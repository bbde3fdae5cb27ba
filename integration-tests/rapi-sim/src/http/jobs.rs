//! Jobs: list, single, cancel, wait, and the list of operating systems, which is one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Reply, Request};
use crate::jobs::{Job, OpError, Status};
use crate::world::{Shared, World};

const BULK: &[&str] =
    &["id", "ops", "status", "summary", "opstatus", "received_ts", "start_ts", "end_ts"];
const SINGLE: &[&str] = &[
    "id",
    "ops",
    "status",
    "summary",
    "opstatus",
    "received_ts",
    "start_ts",
    "end_ts",
    "oplog",
    "opresult",
];
/// Ganeti's constant: how long `wait` waits.
const WAIT: Duration = Duration::from_secs(10);

/// `GET /2/jobs`.
pub(crate) fn list(shared: &Shared, bulk: bool) -> Reply {
    shared.with(|world| {
        let show = |job: &Job| {
            if bulk {
                return job.view(BULK);
            }
            json!({"id": job.id, "uri": format!("/2/jobs/{}", job.id)})
        };
        Reply::ok(world.queue.live().map(show).collect())
    })
}

/// `GET /2/jobs/N`: an unknown number answers nulls, not 404.
pub(crate) fn single(shared: &Shared, id: &str) -> Reply {
    let Ok(id) = id.parse::<u64>() else { return Reply::not_found() };
    shared.with(|world| {
        if let Some(job) = world.queue.jobs.get(&id) {
            return Reply::ok(job.view(SINGLE));
        }
        let mut nulls: Map<String, Value> =
            SINGLE.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
        nulls.insert("id".to_owned(), json!(id));
        Reply::ok(Value::Object(nulls))
    })
}

/// `DELETE /2/jobs/N`.
pub(crate) fn cancel(shared: &Shared, id: &str) -> Reply {
    let Ok(id) = id.parse::<u64>() else { return Reply::not_found() };
    let (done, text) = shared.change(|world| world.queue.cancel(id));
    Reply::ok(json!([done, text]))
}

/// `GET /2/jobs/N/wait` with a body.
pub(crate) async fn wait(shared: &Shared, request: &Request, id: &str) -> Reply {
    let Some(body) = &request.body else {
        return Reply::error(500, "'NoneType' object is not subscriptable");
    };
    let Some(fields) = body.get("fields").and_then(Value::as_array).cloned() else {
        return Reply::bad("Required parameter 'fields' is missing");
    };
    let id: u64 = id.parse().unwrap_or(0);
    let previous = body.get("previous_job_info").cloned().unwrap_or(Value::Null);
    let serial = body.get("previous_log_serial").and_then(Value::as_u64);
    let mut changes = shared.changes();
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        let seen = shared.with(|world| look(world, id, &fields, serial));
        let Some((info, entries, ended)) = seen else {
            return Reply::error(500, "Can't load job file");
        };
        let moved = info != previous || !entries.is_empty() || ended;
        let late = !moved && tokio::time::timeout_at(deadline, changes.changed()).await.is_err();
        if moved || late {
            return Reply::ok(json!({"job_info": info, "log_entries": entries}));
        }
    }
}

fn look(
    world: &World,
    id: u64,
    fields: &[Value],
    serial: Option<u64>,
) -> Option<(Value, Vec<Value>, bool)> {
    let job = world.queue.jobs.get(&id).filter(|job| !job.archived)?;
    let value = |f: &Value| f.as_str().and_then(|name| job.field(name)).unwrap_or(Value::Null);
    let info = fields.iter().map(value).collect();
    let new = |entry: &&Value| serial.is_none_or(|last| entry[0].as_u64() > Some(last));
    let entries = job.ops.iter().flat_map(|op| &op.log).filter(new).cloned().collect();
    Some((info, entries, job.status.is_final()))
}

/// `GET /2/os`: runs a job and waits for it.
pub(crate) async fn oses(shared: &Arc<Shared>) -> Reply {
    let op = json!({
        "OP_ID": "OP_OS_DIAGNOSE", "debug_level": 0, "priority": 0, "depends": null,
        "comment": null, "reason": [], "output_fields": ["name", "variants"], "names": [],
    });
    let id = shared.submit(vec![op.as_object().cloned().unwrap_or_default()]);
    let mut changes = shared.changes();
    loop {
        let result = shared.with(|world| {
            let job = world.queue.jobs.get(&id).filter(|job| job.status.is_final())?;
            let failed = job.status != Status::Success;
            Some(if failed {
                OpError::Exec(String::new()).result()
            } else {
                job.ops[0].result.clone()
            })
        });
        if let Some(result) = result {
            return names(&result);
        }
        if changes.changed().await.is_err() {
            return Reply::error(500, "");
        }
    }
}

fn names(result: &Value) -> Reply {
    let listed = result.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names = Vec::new();
    for os in listed {
        let base = os[0].as_str().unwrap_or_default();
        let variants = os[1].as_array().map(Vec::as_slice).unwrap_or_default();
        if variants.is_empty() {
            names.push(base.to_owned());
        }
        names.extend(variants.iter().filter_map(Value::as_str).map(|v| format!("{base}+{v}")));
    }
    Reply::ok(json!(names))
}
