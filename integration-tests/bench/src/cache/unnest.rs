//! The same rows as an import leaves, written with `unnest` by somebody who has them already: as quick as
//! Postgres takes them.

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};
use uuid::Uuid;

/// Rows in one statement.
const BATCH: usize = 1000;

/// All rows of two tables, column by column.
#[derive(Debug)]
pub(crate) struct Rows(Vec<Table>);

#[derive(Debug)]
struct Table {
    sql: String,
    size: usize,
    columns: Vec<Values>,
}

#[derive(Debug)]
enum Values {
    Number(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
    Uuid(Vec<Option<Uuid>>),
    Time(Vec<Option<DateTime<Utc>>>),
    Text(Vec<Option<String>>),
}

impl Rows {
    /// Reads what an import has left.
    pub(crate) async fn read(pool: &PgPool) -> anyhow::Result<Self> {
        let skip = ["cluster_id"];
        let own = ["position", "created_at", "published_at", "stream_sequence"];
        Ok(Self(vec![
            Table::read(pool, "node", &skip).await?,
            Table::read(pool, "instance", &skip).await?,
            Table::read(pool, "outbox", &own).await?,
        ]))
    }

    /// Writes them for a cluster whose row is there, in one transaction.
    pub(crate) async fn insert(&self, pool: &PgPool, cluster: Uuid) -> anyhow::Result<()> {
        let mut tx = pool.begin().await?;
        for table in &self.0 {
            for from in (0..table.size).step_by(BATCH) {
                let to = table.size.min(from + BATCH);
                let mut query = sqlx::query(sqlx::AssertSqlSafe(table.sql.clone())).bind(cluster);
                for column in &table.columns {
                    query = column.bind(query, from, to);
                }
                query.execute(&mut *tx).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

impl Table {
    async fn read(pool: &PgPool, name: &str, skip: &[&str]) -> anyhow::Result<Self> {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select attname::text, format_type(atttypid, null) from pg_attribute
             where attrelid = $1::regclass and attnum > 0 and not attisdropped
                 and attname <> all($2) and attgenerated = '' order by attnum",
        )
        .bind(name)
        .bind(skip)
        .fetch_all(pool)
        .await?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let read: Vec<String> =
            columns.iter().map(|(name, kind)| format!("{name}::{}", wire(kind))).collect();
        let order = if name == "outbox" { "position" } else { "uuid" };
        let sql = format!("select {} from {name} order by {order}", read.join(", "));
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await?;
        let values = columns.iter().enumerate().map(|(n, (_, kind))| Values::of(&rows, n, kind));
        let values = values.collect::<Result<_, _>>()?;
        let arrays: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(n, (_, kind))| format!("${}::{}[]", n + 2, wire(kind)))
            .collect();
        let casts: Vec<String> =
            columns.iter().map(|(name, kind)| format!("r.{name}::{kind}")).collect();
        let has_cluster = name != "outbox";
        let sql = format!(
            "insert into {name} ({}{}) select {}{} from unnest({}) as r ({}) where $1 is not null",
            if has_cluster { "cluster_id, " } else { "" },
            names.join(", "),
            if has_cluster { "$1::uuid, " } else { "" },
            casts.join(", "),
            arrays.join(", "),
            names.join(", "),
        );
        let sql = sql.replace("$1 is not null", "$1::uuid is not null");
        Ok(Self { sql, size: rows.len(), columns: values })
    }
}

fn wire(kind: &str) -> &'static str {
    match kind {
        "bigint" | "integer" | "smallint" => "bigint",
        "boolean" => "boolean",
        "uuid" => "uuid",
        "timestamp with time zone" => "timestamptz",
        _ => "text",
    }
}

impl Values {
    fn of(rows: &[PgRow], column: usize, kind: &str) -> Result<Self, sqlx::Error> {
        Ok(match wire(kind) {
            "bigint" => Self::Number(all(rows, column)?),
            "boolean" => Self::Flag(all(rows, column)?),
            "uuid" => Self::Uuid(all(rows, column)?),
            "timestamptz" => Self::Time(all(rows, column)?),
            _ => Self::Text(all(rows, column)?),
        })
    }

    fn bind<'q>(
        &'q self,
        query: Query<'q, Postgres, PgArguments>,
        from: usize,
        to: usize,
    ) -> Query<'q, Postgres, PgArguments> {
        match self {
            Self::Number(values) => query.bind(&values[from..to]),
            Self::Flag(values) => query.bind(&values[from..to]),
            Self::Uuid(values) => query.bind(&values[from..to]),
            Self::Time(values) => query.bind(&values[from..to]),
            Self::Text(values) => query.bind(&values[from..to]),
        }
    }
}

fn all<'r, T>(rows: &'r [PgRow], column: usize) -> Result<Vec<T>, sqlx::Error>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    rows.iter().map(|row| row.try_get(column)).collect()
}

/// A cluster for the rows to belong to.
pub(crate) async fn cluster(pool: &PgPool, id: Uuid) -> anyhow::Result<()> {
    sqlx::query(
        "insert into cluster (cluster_id, slug, ganeti_uuid, endpoints, read_username, data_key,
             read_password_sealed)
         values ($1, 'c' || $1::text, $1, '{}', '', '', '')",
    )
    .bind(id)
    .execute(pool)
    .await?;
    Ok(())
}

/// Empties the tables.
pub(crate) async fn empty(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql("truncate cluster cascade; truncate outbox").execute(pool).await?;
    Ok(())
}
