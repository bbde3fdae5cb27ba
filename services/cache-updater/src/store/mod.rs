//! All SQL of the service.

#[cfg(test)]
pub(crate) mod by_hand;
mod cluster;
mod columns;
mod complete;
mod forgotten;
mod imports;
mod inventory;
mod item;
mod item_objects;
mod list;
mod list_clusters;
mod list_objects;
mod notes;
mod objects;
mod overview;
mod owner;
mod owner_tags;
mod search;
mod traits;
pub(crate) mod usage;
mod watch;
mod write;

pub(crate) use cluster::{Health, ping};
pub(crate) use complete::table_of;
pub(crate) use forgotten::{purge, recall, remember};
pub(crate) use imports::Vanished;
pub(crate) use inventory::{Known, list_uuids};
pub(crate) use item::{Context, Item, SERVICE, What};
pub(crate) use list::{INSTANCES, Listed, NODES, ORPHANS, Page, Request, tells_placement};
pub(crate) use list_objects::{Listable, NETWORKS, NODE_GROUPS, OSES, OsRecord};
pub(crate) use notes::{Notes, delete_notes, lock_kept, lock_notes, put_notes};
pub(crate) use objects::{put_info, replace_details};
pub(crate) use owner::Copy as OwnerCopy;
pub(crate) use owner_tags::{TagCounts, Tagged, Which};
pub(crate) use search::Hit;
pub(crate) use watch::{
    MARGIN, delete_hook_token, move_job_cursor, note_ganeti_job, put_hook_token,
};
pub(crate) use write::{mark_absent, put, put_each, recount, remove};

use gwm_authz::Scope;
use gwm_pg::lease::Held;
use gwm_pg::sets::Sets;
use sqlx::{PgPool, Postgres, Transaction};

use crate::error::Result;

/// The database `gwm_cache`.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) pool: PgPool,
    sets: Sets,
}

impl Store {
    pub(crate) fn of(pool: PgPool) -> Self {
        Self { sets: Sets::new(pool.clone()), pool }
    }

    /// Makes sure that what the scope names as sets can be joined. Before each query that a scope limits.
    async fn keep_sets(&self, scope: &Scope) -> Result<()> {
        for set in scope.sets() {
            self.sets.keep(set.id(), set.columns()).await?;
        }
        Ok(())
    }

    /// A transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.pool.begin().await?)
    }

    /// A transaction that only the holder of the lease can begin, and that keeps it from changing hands.
    pub(crate) async fn begin_held(&self, held: &Held) -> Result<Transaction<'static, Postgres>> {
        let mut tx = self.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, held).await?;
        Ok(tx)
    }
}
