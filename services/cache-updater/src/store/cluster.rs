//! The registry of clusters.

use chrono::{DateTime, Utc};
use gwm_pg::lease::Held;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Store;
use crate::domain::ClusterRecord;
use crate::error::{Error, Result};

/// How a look at a cluster ended.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    pub(crate) reachable: bool,
    /// Of the look that succeeded; none keeps the one before.
    pub(crate) last_success: Option<DateTime<Utc>>,
    pub(crate) error: String,
    pub(crate) error_code: String,
    pub(crate) next_attempt: DateTime<Utc>,
    pub(crate) interval_seconds: f64,
}

impl Store {
    /// When the endpoint's certificate ends, as it was shown just now.
    pub(crate) async fn note_certificate(
        &self,
        held: &Held,
        id: Uuid,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let mut tx = self.begin_held(held).await?;
        sqlx::query("update cluster set certificate_not_after = $2 where cluster_id = $1")
            .bind(id)
            .bind(not_after)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// A cluster by slug or id.
    pub(crate) async fn fetch_cluster(&self, slug_or_id: &str) -> Result<Option<ClusterRecord>> {
        if let Ok(id) = Uuid::try_parse(slug_or_id) {
            // A slug may look like a UUID too, but then it is written with dashes and lower case.
            let by_id = self.fetch_cluster_by_id(id).await?;
            if by_id.is_some() {
                return Ok(by_id);
            }
        }
        Ok(sqlx::query_as("select * from cluster where slug = $1")
            .bind(slug_or_id)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// A cluster by id.
    pub(crate) async fn fetch_cluster_by_id(&self, id: Uuid) -> Result<Option<ClusterRecord>> {
        Ok(sqlx::query_as("select * from cluster where cluster_id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The ids of all clusters whose poll lease nobody holds.
    pub(crate) async fn list_unpolled(&self) -> Result<Vec<Uuid>> {
        Ok(sqlx::query_scalar(
            "select cluster_id from cluster where not exists (
                 select from lease where name = 'poll/' || cluster_id::text
                     and expires_at > clock_timestamp())",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// The slug of the cluster with this UUID of Ganeti's, if it is entered already.
    pub(crate) async fn fetch_slug_by_ganeti_uuid(&self, uuid: Uuid) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("select slug from cluster where ganeti_uuid = $1")
            .bind(uuid)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Remembers what the looks cost the cluster.
    pub(crate) async fn update_rate(
        &self,
        held: &Held,
        id: Uuid,
        requests: i32,
        bulk: f64,
    ) -> Result<()> {
        let mut tx = self.begin_held(held).await?;
        sqlx::query(
            "update cluster set requests_per_minute = $2, bulk_seconds = $3 where cluster_id = $1",
        )
        .bind(id)
        .bind(requests)
        .bind(bulk)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Seconds since these clusters were last read completely, by slug.
    pub(crate) async fn list_ages(&self, ids: &[Uuid]) -> Result<Vec<(String, f64)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_as(
            "select slug, extract(epoch from now() - last_success)::float8 from cluster
             where cluster_id = any($1) and last_success is not null",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?)
    }
}

impl ClusterRecord {
    /// The row, locked.
    pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>> {
        Ok(sqlx::query_as("select * from cluster where cluster_id = $1 for no key update")
            .bind(id)
            .fetch_optional(connection)
            .await?)
    }

    /// One as the database makes it, entered in this transaction; for the bench, which is no
    /// administrator with credentials.
    pub(crate) async fn example(
        connection: &mut PgConnection,
        id: Uuid,
        ganeti_uuid: Uuid,
    ) -> Result<Self> {
        Ok(sqlx::query_as(
            "insert into cluster (cluster_id, slug, ganeti_uuid, endpoints, read_username, data_key,
                 read_password_sealed)
             values ($1, 'c' || replace($1::text, '-', ''), $2, '{https://bench.invalid:5080}',
                 'bench', '', '')
             returning *",
        )
        .bind(id)
        .bind(ganeti_uuid)
        .fetch_one(connection)
        .await?)
    }

    /// Enters it.
    pub(crate) async fn insert(&self, connection: &mut PgConnection) -> Result<()> {
        sqlx::query(
            "insert into cluster (cluster_id, slug, name, ganeti_uuid, ganeti_version, master_node,
                 endpoints, read_username, write_username, fingerprint, ca_pem, console_enabled,
                 data_key, read_password_sealed, write_password_sealed, vnc_password_sealed, offers,
                 networks, enabled_hypervisors, tags, last_success, next_attempt, interval_seconds,
                 created_at, revision, config_version)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                 $18, $19, $20, $21, $22, $23, $24, $25, $26)",
        )
        .bind(self.cluster_id)
        .bind(&self.slug)
        .bind(&self.name)
        .bind(self.ganeti_uuid)
        .bind(&self.ganeti_version)
        .bind(&self.master_node)
        .bind(&self.endpoints)
        .bind(&self.read_username)
        .bind(&self.write_username)
        .bind(&self.fingerprint)
        .bind(&self.ca_pem)
        .bind(self.console_enabled)
        .bind(&self.data_key)
        .bind(&self.read_password_sealed)
        .bind(&self.write_password_sealed)
        .bind(&self.vnc_password_sealed)
        .bind(Json(&self.offers.0))
        .bind(&self.networks)
        .bind(&self.enabled_hypervisors)
        .bind(&self.tags)
        .bind(self.last_success)
        .bind(self.next_attempt)
        .bind(self.interval_seconds)
        .bind(self.created_at)
        .bind(self.revision)
        .bind(self.config_version)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
        Ok(())
    }

    /// Writes what an administrator may edit; the row is locked.
    pub(crate) async fn update_settings(&self, connection: &mut PgConnection) -> Result<()> {
        sqlx::query(
            "update cluster set endpoints = $2, read_username = $3, write_username = $4,
                 fingerprint = $5, ca_pem = $6, console_enabled = $7, read_password_sealed = $8,
                 write_password_sealed = $9, vnc_password_sealed = $10, revision = $11,
                 config_version = $12, held_read_only = $13, poll_interval_seconds = $14,
                 owner_tags = $15,
                 updated_at = now()
             where cluster_id = $1",
        )
        .bind(self.cluster_id)
        .bind(&self.endpoints)
        .bind(&self.read_username)
        .bind(&self.write_username)
        .bind(&self.fingerprint)
        .bind(&self.ca_pem)
        .bind(self.console_enabled)
        .bind(&self.read_password_sealed)
        .bind(&self.write_password_sealed)
        .bind(&self.vnc_password_sealed)
        .bind(self.revision)
        .bind(self.config_version)
        .bind(self.held_read_only)
        .bind(self.poll_interval_seconds)
        .bind(&self.owner_tags)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Leaves it alone from now on, or no longer: health and what is read next; the row is locked.
    pub(crate) async fn update_paused(&self, connection: &mut PgConnection) -> Result<()> {
        sqlx::query(
            "update cluster set paused = $2, reachable = $3, error = $4, error_code = $5,
                 next_attempt = null where cluster_id = $1",
        )
        .bind(self.cluster_id)
        .bind(self.paused)
        .bind(self.reachable)
        .bind(&self.error)
        .bind(&self.error_code)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Writes what Ganeti said about the cluster itself; the row is locked.
    pub(crate) async fn update_info(&self, connection: &mut PgConnection) -> Result<()> {
        sqlx::query(
            "update cluster set name = $2, ganeti_version = $3, master_node = $4, offers = $5,
                 networks = $6, enabled_hypervisors = $7, tags = $8, revision = $9
             where cluster_id = $1",
        )
        .bind(self.cluster_id)
        .bind(&self.name)
        .bind(&self.ganeti_version)
        .bind(&self.master_node)
        .bind(Json(&self.offers.0))
        .bind(&self.networks)
        .bind(&self.enabled_hypervisors)
        .bind(&self.tags)
        .bind(self.revision)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Writes how the last look ended; the row is locked.
    pub(crate) async fn update_health(
        &self,
        connection: &mut PgConnection,
        health: &Health,
        revision: i64,
    ) -> Result<()> {
        sqlx::query(
            "update cluster set reachable = $2, last_success = coalesce($3, last_success),
                 error = $4, error_code = $5, next_attempt = $6, interval_seconds = $7, revision = $8
             where cluster_id = $1",
        )
        .bind(self.cluster_id)
        .bind(health.reachable)
        .bind(health.last_success)
        .bind(&health.error)
        .bind(&health.error_code)
        .bind(health.next_attempt)
        .bind(health.interval_seconds)
        .bind(revision)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Removes the record; what hangs on it goes with it.
    pub(crate) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<()> {
        sqlx::query("delete from cluster where cluster_id = $1")
            .bind(id)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Whether the database answers.
pub(crate) async fn ping(pool: &PgPool) -> Result<()> {
    gwm_pg::ping(pool).await.map_err(Error::from)
}
