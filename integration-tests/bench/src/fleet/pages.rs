//! Pages of 50 of 100,000 instances: through gateway and gRPC, filtered by permission, against axum and
//! sqlx alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::extract::State;
use axum::serve::ListenerExt;
use axum::{Json, Router, routing};
use futures::future::try_join_all;
use gwm_integration_tests::{Api, Part, Stack};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sqlx::types::Json as Stored;
use uuid::Uuid;

use super::process::Usage;
use crate::report::{Report, Times};

const CLIENTS: usize = 16;
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(3);

/// What one kind of request came to.
#[derive(Debug, Default)]
struct Load {
    rates: Vec<f64>,
    times: Times,
}

impl Load {
    fn rate(&self) -> f64 {
        let mut sorted = self.rates.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// Sixteen clients for a while.
    async fn round(&mut self, request: impl Fn() -> RequestBuilder) -> anyhow::Result<()> {
        let started = Instant::now();
        let clients = (0..CLIENTS).map(|_| async {
            let mut times = Vec::new();
            while started.elapsed() < ROUND {
                let begun = Instant::now();
                let answer = request().send().await?.error_for_status()?;
                let body = answer.bytes().await?;
                anyhow::ensure!(body.len() > 1000, "a page is longer: {body:?}");
                times.push(begun.elapsed());
            }
            anyhow::Ok(times)
        });
        let all: Vec<Duration> = try_join_all(clients).await?.into_iter().flatten().collect();
        self.rates.push(all.len() as f64 / started.elapsed().as_secs_f64());
        all.into_iter().for_each(|time| self.times.add(time));
        Ok(())
    }
}

pub(crate) async fn run(report: &mut Report, stack: &Stack, admin: &Api) -> anyhow::Result<()> {
    let bare = bare(&stack.database_url(Part::CacheUpdater)?).await?;
    let http = reqwest::Client::new();
    let last = last_page(admin).await?;
    let customer = customer(admin, stack).await?;
    let page = |api: &Api, more: &str| {
        api.request(Method::GET, &format!("/instances?limit=50&sort=name{more}"))
    };
    let (mut peer, mut first, mut end, mut some) =
        (Load::default(), Load::default(), Load::default(), Load::default());
    let mut cpu = 0.0;
    let mut asked = 0.0;
    for _ in 0..ROUNDS {
        peer.round(|| http.get(&bare)).await?;
        let before = Usage::of(stack.root())?;
        first.round(|| page(admin, "")).await?;
        let after = Usage::of(stack.root())?;
        for name in ["web-gateway", "cache-updater", "auth", "gwm_cache", "gwm_auth"] {
            cpu += after.cpu(name) - before.cpu(name);
        }
        asked += first.rates.last().copied().unwrap_or_default() * ROUND.as_secs_f64();
        end.round(|| page(admin, &format!("&cursor={last}"))).await?;
        some.round(|| page(&customer, "")).await?;
    }
    let text = |load: &Load| {
        format!("{:.0}/s, p50 {:.1} ms", load.rate(), load.times.percentile(50) * 1e3)
    };
    let ratio = first.rate() / peer.rate();
    let what = "page of 50 of 100,000, all of it visible";
    report.ratio(what, text(&first), text(&peer), ratio, ">= 0.35x", ratio >= 0.35);
    let ratio = some.rate() / peer.rate();
    let what = "the same for who sees 100 of the 200 clusters";
    report.ratio(what, text(&some), text(&peer), ratio, ">= 0.35x", ratio >= 0.35);
    let p50 = first.times.percentile(50) * 1e3;
    let what = "page of 50, p50 at 16 clients";
    report.limit(what, format!("{p50:.1} ms"), "<= 20 ms", p50 <= 20.0);
    let ratio = end.times.percentile(50) / first.times.percentile(50);
    let what = "last page against the first, p50";
    report.ratio(what, text(&end), text(&first), ratio, "<= 1.25x", ratio <= 1.25);
    report.note(format!(
        "CPU of a first page: {:.2} ms, gateway, cache-updater, auth and their Postgres together",
        cpu / asked * 1e3
    ));
    Ok(())
}

/// Somebody who may see half of the clusters.
async fn customer(admin: &Api, stack: &Stack) -> anyhow::Result<Api> {
    let (username, password) = ("bench-customer", "a password for benches");
    let body = json!({ "username": username, "password": password });
    admin.post("/users", &body).await.accepted()?;
    for n in (0..200).step_by(2) {
        let body = json!({
            "username": username, "role": "view", "cluster": format!("c{n:03}"),
        });
        admin.post("/grants", &body).await.accepted()?;
    }
    stack.anonymous().login(username, password).await
}

/// The cursor before the last page.
async fn last_page(admin: &Api) -> anyhow::Result<String> {
    let (mut cursor, mut rows) = (String::new(), 0);
    loop {
        let path = format!("/instances?limit=200&sort=name&cursor={cursor}");
        let page = admin.get(&path).await.accepted()?;
        rows += page["items"].as_array().map_or(0, Vec::len);
        let next = page["next_cursor"].as_str().unwrap_or_default();
        if next.is_empty() {
            anyhow::ensure!(rows == 100_000, "{rows} instances are listed");
            return Ok(cursor);
        }
        cursor = next.to_owned();
    }
}

type Row = (
    Uuid,
    Uuid,
    String,
    String,
    String,
    String,
    String,
    Option<i32>,
    Option<i64>,
    Option<i64>,
    Stored<Value>,
    Stored<Value>,
    Vec<String>,
);

/// A page as one would write it in an afternoon: no permissions, no total, no cursor.
async fn bare(database: &str) -> anyhow::Result<String> {
    let pool = PgPoolOptions::new().max_connections(8).connect(database).await?;
    let router = Router::new().route("/", routing::get(bare_page)).with_state(Arc::new(pool));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr().context("it is bound")?);
    #[expect(clippy::disallowed_methods, reason = "no service: it lives as long as the bench")]
    drop(tokio::spawn(async move { axum::serve(listener.tap_io(no_delay), router).await }));
    Ok(url)
}

/// The peers' connections are as quick as ours.
pub(super) fn no_delay(stream: &mut tokio::net::TcpStream) {
    drop(stream.set_nodelay(true));
}

async fn bare_page(State(pool): State<Arc<PgPool>>) -> Json<Value> {
    let rows: Vec<Row> = sqlx::query_as(
        "select uuid, cluster_id, name, status, admin_state, primary_node, os, vcpus, memory_mib,
             disk_mib, nics, disks, tags
         from instance where (name, cluster_id, uuid) > ($1, $2, $2)
         order by name, cluster_id, uuid limit 50",
    )
    .bind("")
    .bind(Uuid::nil())
    .fetch_all(&*pool)
    .await
    .unwrap_or_default();
    let items = rows.into_iter().map(|row| {
        json!({
            "uuid": row.0, "cluster_id": row.1, "name": row.2, "status": row.3, "admin_state": row.4,
            "primary_node": row.5, "os": row.6, "vcpus": row.7, "memory_mib": row.8,
            "disk_mib": row.9, "nics": row.10.0, "disks": row.11.0, "tags": row.12,
        })
    });
    Json(Value::Array(items.collect()))
}
