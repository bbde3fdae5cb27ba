//! Jobs of the past, so that the job list is not empty.

use serde_json::{Map, Value, json};

use crate::clock::Stamp;
use crate::jobs::{Queue, Status};
use crate::state::Cluster;

fn op(id: &str, more: &Value, at: Stamp) -> Map<String, Value> {
    let mut op = json!({
        "OP_ID": id, "dry_run": false, "debug_level": 0, "priority": 0, "depends": null,
        "comment": null,
        "reason": [["gnt:client:gnt-instance", "", at.nanos()]],
    });
    let mut op = op.as_object_mut().map(std::mem::take).unwrap_or_default();
    op.extend(more.as_object().cloned().unwrap_or_default());
    op
}

/// Fills a queue with ended jobs of the last hours, one of them failed.
#[must_use]
pub(crate) fn history(cluster: &Cluster, now: Stamp) -> Queue {
    let mut queue = Queue::default();
    let instances: Vec<_> = cluster.instances.values().take(6).collect();
    for (index, instance) in instances.iter().enumerate() {
        let seconds = 3600 * (instances.len() - index) as u64;
        let at = now.before(seconds);
        let named = json!({"instance_name": instance.name, "instance_uuid": instance.uuid});
        let (id, failed) = match index % 4 {
            0 => ("OP_INSTANCE_REBOOT", false),
            1 => ("OP_INSTANCE_STARTUP", false),
            2 => ("OP_INSTANCE_SHUTDOWN", false),
            _ => ("OP_INSTANCE_MIGRATE", true),
        };
        let number = queue.submit(vec![op(id, &named, at)]);
        finish(&mut queue, number, at, now.before(seconds - 3), failed);
    }
    queue
}

fn finish(queue: &mut Queue, number: u64, start: Stamp, end: Stamp, failed: bool) {
    let Some(job) = queue.jobs.get_mut(&number) else { return };
    job.status = if failed { Status::Error } else { Status::Success };
    job.received = start;
    job.start = Some(start);
    job.end = Some(end);
    for op in &mut job.ops {
        op.status = job.status;
        op.times = [Some(start), Some(start), Some(end)];
        if failed {
            let text = "Can't compute nodes using iallocator 'hail': Request failed: Can't find \
                        any good node: FailMem";
            op.result = json!(["OpPrereqError", [text, "insufficient_resources"]]);
        }
    }
}
