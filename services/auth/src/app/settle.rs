//! What a job leaves behind: owner of and rights on what was made, and their end with what is gone.

use gwm_types::{ClusterId, InstanceUuid, JobId, UserId};
use uuid::Uuid;

use super::owners::{keys, touch};
use crate::domain::OWNERS_ROLE;
use crate::error::Result;
use crate::store::grant::Given;
use crate::store::owner::Set;
use crate::store::reservation::Sizes;
use crate::store::{
    PgConnection, Store, cluster, commit, event, grant, group, ledger, owner, reservation, user,
};

/// A job is settled once, by this name in the inbox.
const CONSUMER: &str = "settle";

/// How the job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Removed,
}

/// A job that made or removed something.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) job: JobId,
    pub(crate) outcome: Outcome,
    pub(crate) cluster: ClusterId,
    pub(crate) instance: InstanceUuid,
    pub(crate) asked_by: Option<AskedBy>,
    pub(crate) name: String,
    /// What was made has this.
    pub(crate) sizes: Option<Sizes>,
}

/// Settles a job; again is nothing. Owner, grant and ledger are written, and the reservation ends, together.
pub(crate) async fn settle(store: &Store, ended: Ended) -> Result<()> {
    let Ended { job, outcome, cluster, instance, asked_by, name, sizes } = ended;
    let mut tx = store.begin().await?;
    // Whatever becomes of the rest, the job is over: what it had reserved is in the ledger, or free again.
    reservation::delete(&mut tx, &[(job.0, None)]).await?;
    if !gwm_pg::inbox::first_time(&mut tx, CONSUMER, job.0).await? {
        return commit(tx).await;
    }
    let revision = owner::next(&mut tx).await?;
    let (cluster, instance) = (cluster.0, [instance.0]);
    let (mut added, mut removed, mut owned) = (Vec::new(), Vec::new(), Vec::new());
    match outcome {
        Outcome::Created => {
            added = grant::exhume(&mut tx, cluster, Some(&instance)).await?;
            owner::bury(&mut tx, cluster, Some(&instance), false).await?;
            let key = (cluster, instance[0]);
            if let Some(sizes) = sizes {
                ledger::put(&mut tx, &[(key, sizes)], None).await?;
            }
            if let Some(heir) = heir(&mut tx, asked_by).await? {
                if owner::list(&mut tx, &[key]).await?.is_empty() {
                    let set = Set { key, name: name.clone(), owner: Some(heir.persona) };
                    owned = owner::set(&mut tx, &[set], None, revision).await?;
                }
                // An administrator needs none.
                if !heir.is_admin {
                    let (role, called) = (OWNERS_ROLE.to_owned(), name);
                    let (slug, name) = (cluster::slug(&mut tx, cluster).await?, called);
                    let given = [Given { persona: heir.persona, role, key, slug, name }];
                    added.extend(grant::insert_all(&mut tx, &given, None).await?);
                }
            }
        }
        Outcome::Removed => {
            removed = grant::bury(&mut tx, cluster, Some(&instance)).await?;
            owner::bury(&mut tx, cluster, Some(&instance), true).await?;
            ledger::delete(&mut tx, &[(cluster, instance[0])]).await?;
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

impl AskedBy {
    /// Whom it is charged to.
    pub(crate) fn persona(self) -> Uuid {
        self.group.unwrap_or(self.user.0)
    }
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
