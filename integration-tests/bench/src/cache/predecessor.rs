//! What the predecessor's updater did at each poll of a cluster, on the same Postgres.
//!
//! In its favour: Rust and not Python; JSON text in place of a pickle; the names of nodes are looked up by
//! an index; the table has no more indexes than its queries need. Each row is a commit of its own, as it
//! was there, but nothing is synced to disk.

use std::collections::HashMap;

use anyhow::Context as _;
use gwm_cache_updater::bench::Answers;
use serde_json::Value;
use sqlx::PgPool;

/// Its two tables.
#[derive(Debug)]
pub(crate) struct Predecessor {
    pool: PgPool,
}

impl Predecessor {
    /// With all objects in its tables.
    pub(crate) async fn new(pool: &PgPool, answers: &Answers) -> anyhow::Result<Self> {
        sqlx::raw_sql(
            "create table old_node (id serial primary key, hostname text not null unique);
             create table old_vm (id serial primary key, cluster_id integer not null,
                 hostname text not null, status text, mtime double precision, cached timestamptz,
                 serialized_info text, primary_node_id integer, secondary_node_id integer,
                 unique (cluster_id, hostname))",
        )
        .execute(pool)
        .await?;
        let nodes: Vec<Value> = serde_json::from_slice(answers.nodes.body())?;
        for node in &nodes {
            sqlx::query("insert into old_node (hostname) values ($1)")
                .bind(text(node, "name"))
                .execute(pool)
                .await?;
        }
        let vms: Vec<Value> = serde_json::from_slice(answers.instances.body())?;
        for vm in &vms {
            sqlx::query(
                "insert into old_vm (cluster_id, hostname, status, mtime, cached, serialized_info)
                 values (1, $1, $2, $3, now(), $4)",
            )
            .bind(text(vm, "name"))
            .bind(text(vm, "status"))
            .bind(vm["mtime"].as_f64())
            .bind(serde_json::to_string(vm)?)
            .execute(pool)
            .await?;
        }
        sqlx::raw_sql("analyze old_vm; analyze old_node").execute(pool).await?;
        Ok(Self { pool: pool.clone() })
    }

    /// Decode all, read what is there, compare each, write each that differs, stamp all.
    pub(crate) async fn poll(&self, answers: &Answers) -> anyhow::Result<()> {
        let vms: Vec<Value> = serde_json::from_slice(answers.instances.body())?;
        let rows: Vec<(String, i32, Option<f64>, Option<String>)> =
            sqlx::query_as("select hostname, id, mtime, status from old_vm where cluster_id = 1")
                .fetch_all(&self.pool)
                .await?;
        let known: HashMap<String, (i32, Option<f64>, Option<String>)> =
            rows.into_iter().map(|(name, id, mtime, status)| (name, (id, mtime, status))).collect();
        for vm in &vms {
            let (id, mtime, status) =
                known.get(text(vm, "name")).context("the same instances at each poll")?;
            if *mtime == vm["mtime"].as_f64() && status.as_deref() == vm["status"].as_str() {
                continue;
            }
            let primary = self.node(text(vm, "pnode")).await?;
            let secondary = self.node(vm["snodes"][0].as_str().unwrap_or_default()).await?;
            sqlx::query(
                "update old_vm set status = $2, mtime = $3, serialized_info = $4,
                     primary_node_id = $5, secondary_node_id = $6 where id = $1",
            )
            .bind(id)
            .bind(text(vm, "status"))
            .bind(vm["mtime"].as_f64())
            .bind(serde_json::to_string(vm)?)
            .bind(primary)
            .bind(secondary)
            .execute(&self.pool)
            .await?;
        }
        sqlx::query("update old_vm set cached = now() where cluster_id = 1")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// For each node two statements that link its instances by their names, whether or not they moved.
    pub(crate) async fn nodes(&self, answers: &Answers) -> anyhow::Result<()> {
        let nodes: Vec<Value> = serde_json::from_slice(answers.nodes.body())?;
        for node in &nodes {
            let id = self.node(text(node, "name")).await?;
            for (list, column) in
                [("pinst_list", "primary_node_id"), ("sinst_list", "secondary_node_id")]
            {
                let names = node[list].as_array().into_iter().flatten();
                let names: Vec<&str> = names.filter_map(Value::as_str).collect();
                let sql = format!("update old_vm set {column} = $1 where hostname = any($2)");
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(id)
                    .bind(names)
                    .execute(&self.pool)
                    .await?;
            }
        }
        Ok(())
    }

    async fn node(&self, name: &str) -> anyhow::Result<Option<i32>> {
        Ok(sqlx::query_scalar("select id from old_node where hostname = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?)
    }
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}
