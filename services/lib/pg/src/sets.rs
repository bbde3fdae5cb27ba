//! Large sets of keys, each of two UUIDs, that queries are limited to: stored once, then joined by their names.
//!
//! A name stands for what is in the set, and for nothing else ever, so a set is stored as a whole or not at all, and
//! never changed. What nobody has asked for in an hour goes when another one is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::Result;

/// For so long this process takes it that what it has stored is there; much shorter than an hour.
const SURE: Duration = Duration::from_mins(10);

/// The sets that this process has stored. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Sets {
    pool: PgPool,
    stored: Arc<Mutex<HashMap<Uuid, Instant>>>,
}

impl Sets {
    /// None yet.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool, stored: Arc::default() }
    }

    /// Stores the set unless it is there: each key is one of the first and one of the second column.
    pub async fn keep(&self, id: Uuid, (first, second): (&[Uuid], &[Uuid])) -> Result<()> {
        if self.is_sure(id) {
            return Ok(());
        }
        let mut tx = self.pool.begin().await?;
        let used = sqlx::query("update key_set set used_at = now() where set_id = $1")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        if used.rows_affected() == 0 {
            // Who stores the same one at this moment is waited for: then it is there.
            let new =
                sqlx::query("insert into key_set (set_id) values ($1) on conflict do nothing")
                    .bind(id)
                    .execute(&mut *tx)
                    .await?;
            if new.rows_affected() == 1 {
                sqlx::query(
                    "insert into key_set_member (set_id, first, second)
                     select $1, f, s from unnest($2::uuid[], $3::uuid[]) as l (f, s)",
                )
                .bind(id)
                .bind(first)
                .bind(second)
                .execute(&mut *tx)
                .await?;
                sqlx::query(
                    "delete from key_set where set_id in (
                         select set_id from key_set where used_at < now() - interval '1 hour'
                         for update skip locked)",
                )
                .execute(&mut *tx)
                .await?;
            }
        }
        tx.commit().await?;
        let mut stored = self.stored.lock().expect("no panic while held");
        stored.retain(|_, at| at.elapsed() < SURE);
        stored.insert(id, Instant::now());
        Ok(())
    }

    fn is_sure(&self, id: Uuid) -> bool {
        let stored = self.stored.lock().expect("no panic while held");
        stored.get(&id).is_some_and(|at| at.elapsed() < SURE)
    }
}

/// Of so many Postgres makes a hash table, within the memory that it takes for one; of more it would look through the
/// whole list for each row.
const HASHED: usize = 50_000;

/// Appends that a row is in one of these sets, of which there is at least one, for a query that goes through its rows in an
/// order of their own until it has enough. Each set comes with its size.
pub fn push_is_member(
    sql: &mut QueryBuilder<Postgres>,
    (first, second): (&str, &str),
    sets: &[(Uuid, usize)],
) {
    if sets.iter().map(|(_, size)| size).sum::<usize>() <= HASHED {
        // Asked so it isn't turned round: else all that is in a set is read and sorted for each page.
        sql.push(format_args!("(({first}, {second}) in ("));
        push_keys(sql, sets.iter().map(|(id, _)| *id));
        sql.push(")) is true");
    } else {
        // There are so many that the next is soon met.
        let ids: Vec<Uuid> = sets.iter().map(|(id, _)| *id).collect();
        sql.push("exists (select from key_set_member m where m.set_id = any(").push_bind(ids);
        sql.push(format_args!(") and m.first = {first} and m.second = {second} offset 0)"));
    }
}

/// Appends a query for the keys of these sets, of which there is at least one.
pub fn push_keys(sql: &mut QueryBuilder<Postgres>, sets: impl IntoIterator<Item = Uuid>) {
    for (n, id) in sets.into_iter().enumerate() {
        // One by one they come in the order of their index.
        sql.push(if n == 0 { "" } else { " union all " });
        sql.push("select first, second from key_set_member where set_id = ").push_bind(id);
    }
}
