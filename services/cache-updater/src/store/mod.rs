//! All SQL of the service.

mod cluster;
mod columns;
mod inventory;
mod item;
mod list;
mod list_clusters;
mod overview;
mod write;

pub(crate) use cluster::{Health, ping};
pub(crate) use inventory::{Known, list_uuids, replace_groups};
pub(crate) use item::{Context, Item, What};
pub(crate) use list::{INSTANCES, NODES, Page, Request};
pub(crate) use write::{mark_absent, put, put_each, recount, remove};

use sqlx::{PgPool, Postgres, Transaction};

use crate::error::Result;

/// The database `gwm_cache`.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) pool: PgPool,
}

impl Store {
    /// A transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.pool.begin().await?)
    }
}
