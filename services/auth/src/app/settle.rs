//! What a job leaves behind: owner of and rights on what was made, and their end with what is gone.

use gwm_types::{ClusterId, InstanceUuid, JobId, UserId};

use super::owners::touch;
use crate::domain::OWNERS_ROLE;
use crate::error::Result;
use crate::store::grant::Given;
use crate::store::owner::Set;
use crate::store::user::UserRow;
use crate::store::{PgConnection, Store, commit, event, grant, owner, user};

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
            if let Some(creator) = creator(&mut tx, asked_by).await? {
                if owner::list(&mut tx, &[key]).await?.is_empty() {
                    let set = Set { key, name: name.clone(), owner: Some(creator.user_id) };
                    owned = owner::set(&mut tx, &[set], None, revision).await?;
                }
                // An administrator needs none.
                if !creator.is_admin {
                    let (role, called) = (OWNERS_ROLE.to_owned(), name);
                    let (slug, name) = (String::new(), called);
                    let given = [Given { persona: creator.user_id, role, key, slug, name }];
                    added.extend(grant::insert_all(&mut tx, &given, None).await?);
                }
            }
        }
        Outcome::Removed => {
            removed = grant::bury(&mut tx, cluster, Some(&instance)).await?;
            owner::bury(&mut tx, cluster, Some(&instance), true).await?;
        }
    }
    touch(&mut tx, &added, &removed).await?;
    let owned: Vec<_> = owned.into_iter().map(|row| (row, None)).collect();
    event::owners(&mut tx, &owned, None).await?;
    event::grants(&mut tx, &added, &removed, None).await?;
    commit(tx).await?;
    tracing::info!(%job, ?outcome, added = added.len(), removed = removed.len(), "job settled");
    Ok(())
}

/// Who asked for the job; a user who is gone gets and owns nothing.
async fn creator(
    connection: &mut PgConnection,
    asked_by: Option<UserId>,
) -> Result<Option<UserRow>> {
    let Some(asked_by) = asked_by else { return Ok(None) };
    let user = user::fetch(connection, asked_by.0).await?;
    Ok(user.filter(|user| !user.disabled))
}
