//! What a job waits for, in words.

/// Before others of its cluster.
pub(crate) fn behind(jobs: usize) -> String {
    match jobs {
        1 => "one job before it".to_owned(),
        n => format!("{n} jobs before it"),
    }
}

/// Another job works on the same instance.
pub(crate) const SAME_INSTANCE: &str = "an earlier job on the same instance";
/// Ganeti's job waits for locks.
pub(crate) const LOCK: &str = "a lock in Ganeti";
/// Ganeti's job waits in Ganeti's queue.
pub(crate) const GANETI_QUEUE: &str = "its turn in Ganeti's queue";
/// 503 at a submission.
pub(crate) const DRAINED: &str = "Ganeti's queue, which is full or drained";
/// Searching for an op.
pub(crate) const UNKNOWN: &str = "a search for it: whether Ganeti got it is not known";
/// The inventory's look after the end.
pub(crate) const INVENTORY: &str = "the inventory to read the instance again";
/// The settlement with auth.
pub(crate) const AUTH: &str = "auth to record the rights on the instance";
/// cache-updater does not answer.
pub(crate) const CREDENTIAL: &str = "cache-updater, which has the cluster's credential";

/// Nothing is sent on stale knowledge.
pub(crate) const OWNER: &str = "cache-updater, which knows whether the owner is still the same";

/// An administrator wants the cluster left alone.
pub(crate) fn paused(slug: &str) -> String {
    format!("cluster {slug}, which is paused")
}

/// RAPI does not answer.
pub(crate) fn unreachable(slug: &str) -> String {
    format!("cluster {slug}, which can't be reached")
}

/// By Ganeti's word for its job.
pub(crate) fn at_ganeti(status: &str) -> Option<&'static str> {
    match status {
        "queued" => Some(GANETI_QUEUE),
        "waiting" => Some(LOCK),
        _ => None,
    }
}

/// RAPI refuses the credential, or there is none.
pub(crate) fn unauthorized(slug: &str) -> String {
    format!("a write credential that cluster {slug} accepts")
}
