//! Takes one job through its life.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::ops::{Plan, Step, plan};
use super::{OpError, Status};
use crate::clock::Stamp;
use crate::world::{Shared, World};

/// Runs a job to its end; nobody waits for it.
pub(crate) async fn run(shared: Arc<Shared>, id: u64) {
    tokio::time::sleep(shared.queue_time).await;
    if !wait_until(&shared, |world| may_start(world, &shared, id)).await {
        return;
    }
    tokio::time::sleep(shared.queue_time).await;
    if !wait_until(&shared, |world| may_lock(world, id)).await {
        return;
    }
    let count = shared.with(|world| world.queue.jobs.get(&id).map_or(0, |job| job.ops.len()));
    let mut failed = false;
    for index in 0..count {
        let outcome = if failed {
            Err(OpError::Exec("Preceding opcode failed".to_owned()))
        } else {
            run_op(&shared, id, index).await
        };
        failed = failed || outcome.is_err();
        finish_op(&shared, id, index, outcome);
    }
    shared.change(|world| {
        let names = lock_names(world, id);
        world.queue.locked.retain(|name| !names.contains(name));
        world.queue.set_status(id, if failed { Status::Error } else { Status::Success });
    });
}

/// Waits for a decision: `Some(true)` go on, `Some(false)` give up.
async fn wait_until(shared: &Shared, decide: impl Fn(&mut World) -> Option<bool>) -> bool {
    let mut changes = shared.changes();
    loop {
        if let Some(decision) = shared.with(|world| decide(world)) {
            if decision {
                shared.announce();
            }
            return decision;
        }
        if changes.changed().await.is_err() {
            return false;
        }
    }
}

fn may_start(world: &mut World, shared: &Shared, id: u64) -> Option<bool> {
    let job = world.queue.jobs.get(&id)?;
    if job.status != Status::Queued {
        return Some(false);
    }
    match dependencies(world, id) {
        Dependencies::Met => {}
        Dependencies::Open => return None,
        Dependencies::Broken => {
            world.queue.set_status(id, Status::Error);
            return Some(false);
        }
    }
    if world.queue.paused || world.queue.active() >= shared.max_running_jobs {
        return None;
    }
    world.queue.set_status(id, Status::Waiting);
    Some(true)
}

enum Dependencies {
    Met,
    Open,
    Broken,
}

fn dependencies(world: &World, id: u64) -> Dependencies {
    let ops = world.queue.jobs.get(&id).map(|job| job.ops.as_slice()).unwrap_or_default();
    let wanted = ops.iter().filter_map(|op| op.input.get("depends")?.as_array()).flatten();
    for entry in wanted {
        let Some(job) = entry.get(0).and_then(Value::as_u64).and_then(|n| world.queue.jobs.get(&n))
        else {
            continue;
        };
        if !job.status.is_final() {
            return Dependencies::Open;
        }
        let allowed = entry.get(1).and_then(Value::as_array).cloned().unwrap_or_default();
        if !allowed.is_empty() && !allowed.contains(&json!(job.status.word())) {
            return Dependencies::Broken;
        }
    }
    Dependencies::Met
}

fn lock_names(world: &World, id: u64) -> Vec<String> {
    let ops = world.queue.jobs.get(&id).map(|job| job.ops.as_slice()).unwrap_or_default();
    let locking = |op: &&super::JobOp| !op.id().contains("QUERY") && !op.id().contains("DIAGNOSE");
    let mut names: Vec<String> = ops
        .iter()
        .filter(locking)
        .filter_map(|op| op.text("instance_name").or_else(|| op.text("node_name")))
        .map(str::to_owned)
        .collect();
    names.dedup();
    names
}

fn may_lock(world: &mut World, id: u64) -> Option<bool> {
    if world.queue.jobs.get(&id)?.status != Status::Waiting {
        return Some(false);
    }
    let names = lock_names(world, id);
    if names.iter().any(|name| world.queue.locked.contains(name)) {
        return None;
    }
    world.queue.locked.extend(names);
    let job = world.queue.jobs.get_mut(&id)?;
    job.status = Status::Running;
    job.start = Some(Stamp::now());
    Some(true)
}

async fn run_op(shared: &Arc<Shared>, id: u64, index: usize) -> Result<Value, OpError> {
    let made = shared.change(|world| {
        let op = world.queue.jobs.get_mut(&id).and_then(|job| job.ops.get_mut(index))?;
        op.status = Status::Running;
        op.times[0] = Some(Stamp::now());
        op.times[1] = Some(Stamp::now());
        let op = op.clone();
        let forced = world.queue.take_failure(op.id());
        Some(plan(&mut world.cluster, &op).map(|plan| (plan, op.flag("dry_run"), forced)))
    });
    let (plan, dry_run, forced) = made.unwrap_or_else(|| Err(OpError::Exec("gone".to_owned())))?;
    set_parameters(shared, id, index, &plan);
    if dry_run {
        tokio::time::sleep(shared.job_time() / 4).await;
        let text = " - INFO: dry-run mode requested, not actually executing the operation";
        shared.change(|world| say(world, id, index, text));
        return Ok(Value::Null);
    }
    let pause = pause_between(shared.job_time(), plan.steps.len());
    for step in plan.steps {
        tokio::time::sleep(pause).await;
        match step {
            Step::Say(text) => shared.change(|world| say(world, id, index, &text)),
            Step::Do(effect) => {
                if let Some(text) = &forced {
                    return Err(OpError::Exec(text.clone()));
                }
                shared.change(|world| effect(&mut world.cluster, Stamp::now().float()))?;
            }
            Step::Spawn(children) => {
                let ids = shared.change(|world| spawn(world, id, index, children));
                ids.iter().for_each(|child| Shared::start(shared, *child));
                let listed: Vec<Value> = ids.iter().map(|child| json!([true, child])).collect();
                return Ok(json!({"jobs": listed}));
            }
        }
    }
    Ok(plan.result)
}

/// Children inherit the reason trail of the opcode that made them.
fn spawn(
    world: &mut World,
    id: u64,
    index: usize,
    children: Vec<serde_json::Map<String, Value>>,
) -> Vec<u64> {
    let trail = world.queue.jobs.get(&id).and_then(|job| job.ops.get(index)?.input.get("reason"));
    let trail = trail.cloned().unwrap_or_else(|| json!([]));
    let submit = |mut child: serde_json::Map<String, Value>| {
        child.insert("reason".to_owned(), trail.clone());
        world.queue.submit(vec![child])
    };
    children.into_iter().map(submit).collect()
}

fn pause_between(total: Duration, steps: usize) -> Duration {
    total / u32::try_from(steps.max(1)).unwrap_or(1)
}

fn say(world: &mut World, id: u64, index: usize, text: &str) {
    if let Some(job) = world.queue.jobs.get_mut(&id) {
        let mut serial = job.log_serial;
        if let Some(op) = job.ops.get_mut(index) {
            op.say(&mut serial, text);
        }
        job.log_serial = serial;
    }
}

fn set_parameters(shared: &Shared, id: u64, index: usize, plan: &Plan) {
    shared.change(|world| {
        if let Some(op) = world.queue.jobs.get_mut(&id).and_then(|job| job.ops.get_mut(index)) {
            op.input.extend(plan.parameters.clone());
        }
    });
}

fn finish_op(shared: &Shared, id: u64, index: usize, outcome: Result<Value, OpError>) {
    shared.change(|world| {
        if let Some(op) = world.queue.jobs.get_mut(&id).and_then(|job| job.ops.get_mut(index)) {
            op.times[2] = Some(Stamp::now());
            match outcome {
                Ok(result) => {
                    op.status = Status::Success;
                    op.result = result;
                }
                Err(error) => {
                    op.status = Status::Error;
                    op.result = error.result();
                }
            }
        }
    });
}
