//! Tokens of hooks, and how far Ganeti's job lists were told of.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::error::Result;

/// How many numbers below the highest one are looked at again: one can show up after a higher one.
pub(crate) const MARGIN: u64 = 20;

impl Store {
    /// Cluster and hash of the token that its hooks knock with.
    pub(crate) async fn fetch_hook_token(&self, slug: &str) -> Result<Option<(Uuid, Vec<u8>)>> {
        Ok(sqlx::query_as(
            "select cluster_id, hash from cluster join hook_token using (cluster_id) where slug = $1",
        )
        .bind(slug)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Since when hooks of the cluster have a token.
    pub(crate) async fn fetch_hook_made_at(&self, cluster: Uuid) -> Result<Option<DateTime<Utc>>> {
        Ok(sqlx::query_scalar("select made_at from hook_token where cluster_id = $1")
            .bind(cluster)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The highest number of Ganeti's jobs that was looked at; none before the first look.
    pub(crate) async fn fetch_job_cursor(&self, cluster: Uuid) -> Result<Option<u64>> {
        let highest: Option<i64> =
            sqlx::query_scalar("select highest from ganeti_job_cursor where cluster_id = $1")
                .bind(cluster)
                .fetch_optional(&self.pool)
                .await?;
        Ok(highest.map(|n| u64::try_from(n).unwrap_or_default()))
    }

    /// Ganeti jobs that are open, and the last that were told of, with the revision told.
    pub(crate) async fn list_ganeti_jobs(&self, cluster: Uuid) -> Result<Vec<(u64, i64)>> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("select number, revision from ganeti_job where cluster_id = $1")
                .bind(cluster)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(n, r)| (u64::try_from(n).unwrap_or_default(), r)).collect())
    }
}

/// Stores the hash of a new token in place of the one before.
pub(crate) async fn put_hook_token(
    connection: &mut PgConnection,
    cluster: Uuid,
    hash: &[u8],
) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar(
        "insert into hook_token (cluster_id, hash) values ($1, $2)
         on conflict (cluster_id) do update set hash = excluded.hash, made_at = now()
         returning made_at",
    )
    .bind(cluster)
    .bind(hash)
    .fetch_one(connection)
    .await?)
}

/// Takes the token away; yields whether there was one.
pub(crate) async fn delete_hook_token(
    connection: &mut PgConnection,
    cluster: Uuid,
) -> Result<bool> {
    let gone = sqlx::query("delete from hook_token where cluster_id = $1")
        .bind(cluster)
        .execute(connection)
        .await?;
    Ok(gone.rows_affected() > 0)
}

/// Notes what is told of a Ganeti job; false when that or more was told already.
pub(crate) async fn note_ganeti_job(
    connection: &mut PgConnection,
    cluster: Uuid,
    number: u64,
    state: &str,
    revision: i64,
) -> Result<bool> {
    let noted = sqlx::query(
        "insert into ganeti_job as known (cluster_id, number, state, revision)
         values ($1, $2, $3, $4)
         on conflict (cluster_id, number) do update
             set state = excluded.state, revision = excluded.revision
             where known.revision < excluded.revision",
    )
    .bind(cluster)
    .bind(i64::try_from(number).unwrap_or(i64::MAX))
    .bind(state)
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Moves the cursor on and forgets ended jobs that are far below it.
pub(crate) async fn move_job_cursor(
    connection: &mut PgConnection,
    cluster: Uuid,
    highest: u64,
) -> Result<()> {
    let highest = i64::try_from(highest).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into ganeti_job_cursor as known (cluster_id, highest) values ($1, $2)
         on conflict (cluster_id) do update set highest = greatest(known.highest, excluded.highest)",
    )
    .bind(cluster)
    .bind(highest)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "delete from ganeti_job where cluster_id = $1 and state = 'ended' and number <= $2",
    )
    .bind(cluster)
    .bind(highest.saturating_sub(i64::try_from(MARGIN).unwrap_or_default()))
    .execute(connection)
    .await?;
    Ok(())
}
