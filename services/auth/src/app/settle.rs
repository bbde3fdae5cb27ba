//! What a job leaves behind: owner of and rights on what was made, and their end with what is gone.

use gwm_types::{ClusterId, InstanceUuid, JobId, UserId};
use uuid::Uuid;

use super::owners::{keys, touch};
use crate::domain::OWNERS_ROLE;
use crate::error::Result;
use crate::store::grant::Given;
use crate::store::owner::Set;
use crate::store::{PgConnection, Store, commit, event, grant, group, owner, user};

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
    asked_by: Option<AskedBy>,
    name: String,
) -> Result<()> {
    let mut tx = store.begin().await?;
    if !gwm_pg::inbox::first_time(&mut tx, CONSUMER, job.0).await? {
        return Ok(());
    }
    let revision = owner::next(&mut tx).await?;
    let (cluster, instance) = (cluster.0, [instance.0]);
    let (mut added, mut removed, mut owned) = (Vec::new(), Vec::new(), Vec::new());
    match outcome {
        Outcome::Created => {
            added = grant::exhume(&mut tx, cluster, Some(&instance)).await?;
            owner::bury(&mut tx, cluster, Some(&instance), false).await?;
            let key = (cluster, instance[0]);
            if let Some(heir) = heir(&mut tx, asked_by).await? {
                if owner::list(&mut tx, &[key]).await?.is_empty() {
                    let set = Set { key, name: name.clone(), owner: Some(heir.persona) };
                    owned = owner::set(&mut tx, &[set], None, revision).await?;
                }
                // An administrator needs none.
                if !heir.is_admin {
                    let (role, called) = (OWNERS_ROLE.to_owned(), name);
                    let (slug, name) = (String::new(), called);
                    let given = [Given { persona: heir.persona, role, key, slug, name }];
                    added.extend(grant::insert_all(&mut tx, &given, None).await?);
                }
            }
        }
        Outcome::Removed => {
            removed = grant::bury(&mut tx, cluster, Some(&instance)).await?;
            owner::bury(&mut tx, cluster, Some(&instance), true).await?;
        }
    }
    let owned: Vec<_> = owned.into_iter().map(|row| (row, None)).collect();
    touch(&mut tx, &added, &removed, keys(&owned)).await?;
    event::owners(&mut tx, &owned, None).await?;
    event::grants(&mut tx, &added, &removed, None).await?;
    commit(tx).await?;
    tracing::info!(%job, ?outcome, added = added.len(), removed = removed.len(), "job settled");
    Ok(())
}

/// Who asked for a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedBy {
    pub(crate) user: UserId,
    /// The group that they acted as.
    pub(crate) group: Option<Uuid>,
}

/// Whose it is what a job made.
struct Heir {
    persona: Uuid,
    is_admin: bool,
}

/// The persona that was acted as. A user or a group that is gone gets and owns nothing; who left the group
/// since has asked for it all the same.
async fn heir(connection: &mut PgConnection, asked_by: Option<AskedBy>) -> Result<Option<Heir>> {
    let Some(asked_by) = asked_by else { return Ok(None) };
    if let Some(group) = asked_by.group {
        let found = group::lock(connection, group).await?;
        return Ok(found.map(|group| Heir { persona: group.group_id, is_admin: false }));
    }
    let user = user::fetch(connection, asked_by.user.0).await?;
    let user = user.filter(|user| !user.disabled);
    Ok(user.map(|user| Heir { persona: user.user_id, is_admin: user.is_admin }))
}
