//! One of two cache-updaters dies: how long until the other reads all of its clusters.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use gwm_integration_tests::{Options, Part, Stack};
use gwm_rapi_sim::{ClusterConfig, Sim, SimConfig};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::report::Report;

const CLUSTERS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// With the pace and the leases that gwm has when nobody sets them.
pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let clusters = (0..CLUSTERS)
        .map(|n| ClusterConfig {
            name: format!("t{n:02}.example.org"),
            seed: n as u64 + 1,
            ..ClusterConfig::default()
        })
        .collect();
    let sim = Sim::start(SimConfig { clusters, admin: None }).await?;
    let usual = json!({
        "poll": { "interval": "30s", "scan": "2s" },
        "lease": { "duration": "10s" },
    });
    let options = Options::test("takeover").replicas(2).with(Part::CacheUpdater, usual);
    let mut stack = Stack::start(options).await?;
    let admin = stack.admin().await?;
    for (n, cluster) in sim.clusters().iter().enumerate() {
        stack.add_sim(&admin, &format!("t{n:02}"), cluster).await?;
    }
    let mut database = PgConnection::connect(&stack.database_url(Part::CacheUpdater)?).await?;
    let mut endpoints = Vec::new();
    for index in 0..2 {
        let port = stack.grpc_address(Part::CacheUpdater, index);
        let port = port.rsplit(':').next().context("a port")?.to_owned();
        endpoints.push((index, held(&mut database, &port).await?, port));
    }
    let spread: Vec<i64> = endpoints.iter().map(|(_, held, _)| *held).collect();
    let (dying, theirs, port) =
        endpoints.into_iter().max_by_key(|(_, held, _)| *held).context("two replicas")?;
    let killed: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut database).await?;
    let started = Instant::now();
    stack.kill(Part::CacheUpdater, dying).await?;
    let mut moved = None;
    let read = loop {
        let (leases, polled): (i64, i64) = sqlx::query_as(
            "select (select count(*) from lease where name like 'poll/%' and expires_at > clock_timestamp()
                         and holder_endpoint not like '%:' || $1),
                    (select count(*) from cluster where last_success > $2)",
        )
        .bind(&port)
        .bind(killed)
        .fetch_one(&mut database)
        .await?;
        if leases == CLUSTERS as i64 && moved.is_none() {
            moved = Some(started.elapsed().as_secs_f64());
        }
        if moved.is_some() && polled == CLUSTERS as i64 {
            break started.elapsed().as_secs_f64();
        }
        anyhow::ensure!(started.elapsed() < PATIENCE, "{leases} leases, {polled} polled");
        tokio::time::sleep(LOOK).await;
    };
    let moved = moved.unwrap_or_default();
    let what = format!("kill -9 of the holder of {theirs} of {CLUSTERS} clusters: all held again");
    report.limit(&what, format!("{moved:.1} s"), "<= 15 s", moved <= 15.0);
    report.note(format!(
        "clusters by replica before the kill: {spread:?}; the last cluster was read again after {read:.1} s \
         (each is read every 30 s)"
    ));
    drop(stack);
    sim.stop().await;
    Ok(())
}

/// How many clusters the replica at this port holds.
async fn held(database: &mut PgConnection, port: &str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(
        "select count(*) from lease where name like 'poll/%' and holder_endpoint like '%:' || $1
             and expires_at > clock_timestamp()",
    )
    .bind(port)
    .fetch_one(database)
    .await?)
}
