//! What a job leaves behind: rights on what was made, and their end with what is gone.

use gwm_types::{ClusterId, InstanceUuid, JobId, Object, Permission, UserId};
use uuid::Uuid;

use crate::error::Result;
use crate::store::grant::GrantRow;
use crate::store::{PgConnection, Store, change, commit, event, grant, user};

/// A job is settled once, by this name in the inbox.
const CONSUMER: &str = "settle";

/// How the job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Removed,
}

/// Settles a job; again is nothing.
pub(crate) async fn settle(
    store: &Store,
    job: JobId,
    outcome: Outcome,
    cluster: ClusterId,
    instance: InstanceUuid,
    asked_by: Option<UserId>,
) -> Result<()> {
    let mut tx = store.begin().await?;
    if !gwm_pg::inbox::first_time(&mut tx, CONSUMER, job.0).await? {
        return Ok(());
    }
    let (added, removed) = match outcome {
        Outcome::Created => (created(&mut tx, cluster, instance, asked_by).await?, Vec::new()),
        Outcome::Removed => (Vec::new(), grant::bury(&mut tx, cluster.0, instance.0).await?),
    };
    let mut users: Vec<Uuid> = added.iter().chain(&removed).map(|g| g.user_id).collect();
    users.sort_unstable();
    users.dedup();
    if !users.is_empty() {
        change::record(&mut tx, &change::Touched { users, ..Default::default() }).await?;
    }
    let now = chrono::Utc::now();
    for row in &added {
        event::grant_added(&mut tx, row, now, None).await?;
    }
    for row in &removed {
        event::grant_removed(&mut tx, row, now, None).await?;
    }
    commit(tx).await?;
    tracing::info!(%job, ?outcome, added = added.len(), removed = removed.len(), "job settled");
    Ok(())
}

/// The grants of an instance that came back, and the creator's own. An administrator needs none;
/// a user who is gone gets none.
async fn created(
    connection: &mut PgConnection,
    cluster: ClusterId,
    instance: InstanceUuid,
    asked_by: Option<UserId>,
) -> Result<Vec<GrantRow>> {
    let mut added = grant::exhume(connection, cluster.0, instance.0).await?;
    let Some(asked_by) = asked_by else { return Ok(added) };
    let creator = user::fetch(connection, asked_by.0).await?;
    if let Some(creator) = creator.filter(|c| !c.is_admin && !c.disabled) {
        let object = Object::Instance(cluster, instance);
        let power = Permission::Power.as_str();
        added.extend(grant::insert(connection, creator.user_id, power, object, None).await?);
    }
    Ok(added)
}
