//! The five services with a whole fleet: 200 clusters, 5,000 nodes, 100,000 instances.

mod browser;
mod browsers;
mod changes;
mod events;
mod pages;
mod process;
mod search;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use gwm_integration_tests::{Api, Options, Part, Stack};
use gwm_rapi_sim::{ClusterConfig, Sim, SimConfig};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::report::Report;
use process::Usage;

pub(crate) use browsers::{PEER, peer};

const CLUSTERS: usize = 200;
const NODES: usize = 25;
const INSTANCES: usize = 500;
/// How often each is read.
const INTERVAL: Duration = Duration::from_secs(30);
/// How many clusters are added at once.
const AT_ONCE: usize = 4;
/// How often a cluster is added before it is given up.
const TRIES: usize = 10;
/// Two polls of each cluster, and one more to see it.
const REST: Duration = Duration::from_secs(60);

/// All rows that need the fleet; `lists` leaves out those of the fleet at rest.
pub(crate) async fn run(report: &mut Report, rest: bool) -> anyhow::Result<()> {
    let clusters = (0..CLUSTERS)
        .map(|n| ClusterConfig {
            name: format!("c{n:03}.example.org"),
            seed: n as u64 + 1,
            nodes: NODES,
            instances: INSTANCES,
            consoles: Some(false),
            ..ClusterConfig::default()
        })
        .collect();
    let sim = Sim::start(SimConfig { clusters, admin: None }).await?;
    let quiet = json!({
        "log": "warn",
        "poll": { "interval": format!("{}s", INTERVAL.as_secs()), "scan": "2s" },
        "lease": { "duration": "10s" },
    });
    let mut stack = Stack::start(Options::test("bench").with(Part::CacheUpdater, quiet)).await?;
    let admin = stack.admin().await?;
    import(report, &stack, &admin, &sim).await?;
    // What Postgres does by itself within a minute; the one of tests is told not to.
    let mut database = PgConnection::connect(&stack.database_url(Part::CacheUpdater)?).await?;
    sqlx::query("vacuum analyze").execute(&mut database).await?;
    pages::run(report, &stack, &admin).await?;
    search::run(report, &admin).await?;
    browser::run(report, &admin).await?;
    events::run(report, &stack).await?;
    browsers::run(report, &stack, &admin).await?;
    if rest {
        at_rest(report, &stack).await?;
        changes::run(report, &stack, &admin, &sim).await?;
        starts(report, &mut stack, &admin).await?;
    }
    drop(stack);
    sim.stop().await;
    Ok(())
}

async fn import(report: &mut Report, stack: &Stack, admin: &Api, sim: &Sim) -> anyhow::Result<()> {
    let started = Instant::now();
    futures::stream::iter(sim.clusters().iter().enumerate())
        .map(|(n, cluster)| async move {
            // A refusal that says "try again" is tried again, and told: it costs time like all else.
            for attempt in 1..=TRIES {
                match stack.add_sim(admin, &format!("c{n:03}"), cluster).await {
                    Ok(_) => break,
                    Err(error) if attempt < TRIES => println!(
                        "  c{n:03} after {:.1} s: {error}",
                        started.elapsed().as_secs_f64()
                    ),
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            anyhow::Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    let took = started.elapsed().as_secs_f64();
    let what = "first import of 200 clusters, 100,000 instances";
    report.limit(what, format!("{took:.1} s"), "<= 60 s", took <= 60.0);
    Ok(())
}

async fn at_rest(report: &mut Report, stack: &Stack) -> anyhow::Result<()> {
    // The polls that follow an import read more than those at rest.
    tokio::time::sleep(REST).await;
    let (before, started) = (Usage::of(stack.root())?, Instant::now());
    tokio::time::sleep(REST).await;
    let (after, took) = (Usage::of(stack.root())?, started.elapsed().as_secs_f64());
    let share = |name: &str| (after.cpu(name) - before.cpu(name)) / took * 100.0;
    let (own, postgres) = (share("cache-updater"), share("gwm_cache"));
    let what = "fleet at rest: cache-updater, of one core";
    report.limit(what, format!("{own:.1} %"), "<= 20 %", own <= 20.0);
    let what = "fleet at rest: its Postgres, of one core";
    report.limit(what, format!("{postgres:.1} %"), "<= 10 %", postgres <= 10.0);
    let memory = after.memory("cache-updater").context("cache-updater runs")?;
    let what = "fleet at rest: cache-updater's memory";
    report.limit(what, format!("{memory:.0} MB"), "<= 300 MB", memory <= 300.0);
    Ok(())
}

/// From the start of each service until it says that it is ready; of cache-updater also until a list has
/// come through it.
async fn starts(report: &mut Report, stack: &mut Stack, admin: &Api) -> anyhow::Result<()> {
    let mut slowest = (0.0, Part::Auth);
    for part in Part::ALL {
        stack.kill(part, 0).await?;
        let started = Instant::now();
        stack.restart(part, 0).await?;
        let took = started.elapsed().as_secs_f64();
        if took > slowest.0 {
            slowest = (took, part);
        }
        if part == Part::CacheUpdater {
            let listed = loop {
                let answer = admin.get("/instances").await;
                if answer.status.is_success() && !answer.headers.contains_key("gwm-stale") {
                    break started.elapsed().as_secs_f64();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            };
            let what = "cache-updater, start to a list of 100,000";
            report.limit(what, format!("{listed:.2} s"), "<= 2 s", listed <= 2.0);
        }
    }
    let (took, part) = slowest;
    let ours = format!("{took:.2} s ({})", part.name());
    report.limit("slowest service, start to ready", ours, "<= 2 s", took <= 2.0);
    Ok(())
}
